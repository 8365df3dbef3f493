import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CalledStore, plainOf, sessionsOf } from "../../dist/session-store-tests/called-store.js";
import type { SessionStoreLike } from "../../dist/session-store-tests/index.js";

/** A store with one method of its own. */
function storeWith(methods: Partial<SessionStoreLike>): CalledStore {
  return new CalledStore({ get: () => {}, set: () => {}, destroy: () => {}, ...methods }, 50);
}

describe("a call", () => {
  it("fails when the store does not call back in time", async () => {
    await assert.rejects(storeWith({}).destroy("s"), { message: "expected destroy to call back within 50 ms" });
  });

  it("fails when the store throws, or its promise rejects, and says so", async () => {
    const failing = { message: "expected get to pass its error to the callback, got a thrown Error: mine" };
    const fail = (): never => {
      throw new Error("mine");
    };
    await assert.rejects(storeWith({ get: fail }).get("s"), failing);
    await assert.rejects(storeWith({ get: async () => fail() }).get("s"), failing);
  });

  it("fails with the error that the store calls back with", async () => {
    const error = new Error("mine");
    await assert.rejects(storeWith({ set: (_sid, _session, callback) => callback?.(error) }).set("s", {}), error);
  });

  it("is counted each time it calls back, before the function that runs in the callback", async () => {
    const store = storeWith({
      get: (_, callback) => {
        callback(null, 1);
        callback(null, 2);
      },
    });
    const counts: number[] = [];
    const call = store.callInside(() => void counts.push(0), "get", "s");
    assert.deepEqual(await call.answer, [null, 1]);
    assert.equal(call.count(), 2);
    assert.equal(counts.length, 2);
  });

  it("without a callback ignores a promise that rejects", () => {
    storeWith({ destroy: () => Promise.reject(new Error("mine")) }).callBare("destroy", "s");
  });
});

describe("a session that does not exist", () => {
  for (const [name, answer] of [
    ["undefined", []],
    ["null", [null, null]],
    ["an error ENOENT", [Object.assign(new Error("none"), { code: "ENOENT" })]],
  ] as const)
    it(`is null when the store says ${name}`, async () => {
      assert.equal(await storeWith({ get: (_, callback) => callback(...answer) }).get("s"), null);
    });
});

it("sessions come from a list or an object", () => {
  const session = { cookie: {} };
  assert.deepEqual(
    [sessionsOf([session]), sessionsOf({ s: session }), sessionsOf(undefined)],
    [[session], [session], []],
  );
  assert.deepEqual(plainOf({ at: new Date(0), none: undefined }), { at: "1970-01-01T00:00:00.000Z" });
});
