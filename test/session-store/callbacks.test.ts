import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { ClusterSessionStore } from "../../dist/session-store/index.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { called, createStore, openStore, sessionWith } from "./stores.js";

// biome-ignore lint/suspicious/noExplicitAny: what no caller should pass.
type Anything = any;
type Method = keyof ClusterSessionStore & ("get" | "set" | "destroy" | "touch" | "all" | "length" | "ids" | "clear");

const CALLS: [method: Method, args: unknown[], value: unknown][] = [
  ["get", ["s"], null],
  ["set", ["s", sessionWith({ name: "Ada" })], undefined],
  ["get", ["s"], sessionWith({ name: "Ada" })],
  ["touch", ["s", sessionWith()], undefined],
  ["all", [], [{ ...sessionWith({ name: "Ada" }), id: "s" }]],
  ["length", [], 1],
  ["ids", [], ["s"]],
  ["destroy", ["s"], undefined],
  ["destroy", [["s", "t"]], undefined],
  ["destroy", [[]], undefined],
  ["clear", [], undefined],
];

function cyclic(): object {
  const session: Record<string, unknown> = sessionWith();
  session.self = session;
  return session;
}

/** Calls that cannot be done, and how the error begins. */
const MISTAKES: [name: string, method: Method, args: unknown[], message: RegExp][] = [
  ["set a BigInt", "set", ["s", sessionWith({ big: 1n })], /BigInt/],
  ["set a cycle", "set", ["s", cyclic()], /circular/],
  ["set a toJSON that throws", "set", ["s", { toJSON: () => assert.fail("mine") }], /mine/],
  ["set a cookie that is none", "set", ["s", { cookie: "text" }], /^expected a session whose cookie is an object/],
  ["set a list as a cookie", "set", ["s", { cookie: [] }], /^expected a session whose cookie is an object/],
  ["set nothing", "set", ["s", undefined], /^expected a session whose cookie is an object, got nothing/],
  ["set null", "set", ["s", null], /^expected a session whose cookie is an object, got null/],
  ["set a function", "set", ["s", () => {}], /^expected a session whose cookie is an object, got nothing/],
  ["touch a cookie that is none", "touch", ["s", { cookie: 1 }], /^expected a session whose cookie is an object/],
  ["touch nothing", "touch", ["s", undefined], /./],
  ["get no id", "get", [undefined], /^expected a session id as a string, got undefined/],
  ["get a number", "get", [7], /^expected a session id as a string, got 7/],
  ["set with no id", "set", [null, sessionWith()], /^expected a session id as a string, got null/],
  ["touch with no id", "touch", [{}, sessionWith()], /^expected a session id as a string, got \{\}/],
  ["destroy no id", "destroy", [undefined], /^expected a session id as a string, got undefined/],
  ["destroy a list with no id", "destroy", [["s", 1]], /^expected a session id as a string, got 1/],
  ["destroy null", "destroy", [null], /./],
];

test("every method calls back exactly once and asynchronously, or returns a promise of the same", async () => {
  const store = (await createStore()) as Anything;
  for (const way of ["callback", "promise"] as const) {
    for (const [method, args, expected] of CALLS) {
      if (way === "promise") {
        assert.deepEqual(await store[method](...args), expected, method);
        continue;
      }
      let returned: unknown;
      const answer = await called((callback) => {
        returned = store[method](...args, callback);
        return returned;
      });
      assert.equal(returned, undefined, method);
      assert.deepEqual([answer.error, answer.value, answer.isSynchronous], [null, expected, false], method);
      for (let index = 0; index < 5; index++) await turn();
      assert.equal(answer.count(), 1, method);
    }
  }
});

for (const [name, method, args, message] of MISTAKES) {
  test(`${name}: nothing is thrown; the callback or the promise gets the error, once and asynchronously`, async () => {
    const store = (await createStore()) as Anything;
    await store.set("s", sessionWith({ name: "Ada" }));
    const answer = await called((callback) => store[method](...args, callback));
    assert.match((answer.error as Error).message, message);
    assert.equal(answer.isSynchronous, false);
    await turn();
    assert.equal(answer.count(), 1);
    const promise = store[method](...args) as Promise<unknown>;
    await assert.rejects(promise, { message });
    assert.equal((await store.get("s"))?.name, "Ada", "the session has not changed");
  });
}

test("what is given as a callback and is no function is a TypeError at the call, which does nothing", async () => {
  const store = (await createStore({ index: (session) => session.userId })) as Anything;
  const session = sessionWith({ userId: 1 });
  await store.set("s", session);
  const calls: [method: string, args: unknown[]][] = [
    ...CALLS.map(([method, args]): [string, unknown[]] => [method, args]),
    ...["byUser", "countByUser", "revokeUser"].map((method): [string, unknown[]] => [method, [1]]),
    ["destroyByUser", [1, {}]],
    ["load", ["s"]],
    ["regenerate", [{ sessionID: "s" }]],
  ];
  for (const [method, args] of calls)
    for (const wrong of [{}, "x", 1, true, Promise.resolve()])
      assert.throws(() => store[method](...args, wrong), {
        name: "TypeError",
        message: /^expected .*callback.*, got /,
      });
  for (const method of ["load", "regenerate"]) assert.throws(() => store[method]({ sessionID: "s" }), TypeError);
  await store.storage.flush();
  assert.deepEqual(await store.get("s"), session);
  assert.deepEqual(await store.get("s", undefined), await store.get("s", null));
});

test("a value that is too large is an error of the callback", async (t) => {
  const store = await openStore(t, { maxValueBytes: 1000 });
  const large = sessionWith({ text: "x".repeat(2000) });
  const isTooLarge = { name: "RangeError" };
  await assert.rejects(store.set("s", large), isTooLarge);
  await store.set("s", sessionWith());
  await assert.rejects(store.set("s", large), isTooLarge);
  await new Promise<void>((resolve, reject) => {
    store.get("s", (_, session) => {
      assert.rejects(store.set("s", { ...session, ...large }), isTooLarge).then(resolve, reject);
    });
  });
  assert.deepEqual(await store.get("s"), sessionWith());
});

test("a failure without a callback whose promise is ignored does not end the process", async () => {
  const store = (await createStore()) as Anything;
  for (const [, method, args] of MISTAKES) store[method](...args, undefined);
  for (const [method, args] of CALLS) store[method](...args);
  await store.storage.flush();
  await turn();
});

test("an error that a callback throws is uncaught, and the callback is not called again", (t) => {
  const program = `
    import { ClusterSessionStore } from ${JSON.stringify(new URL("../../dist/session-store/index.js", import.meta.url))};
    import { setImmediate as turn } from "node:timers/promises";
    const store = new ClusterSessionStore({ path: ${JSON.stringify(temporaryDirectory(t))} });
    await store.set("s", { cookie: {} });
    process.on("unhandledRejection", () => console.log("unhandled"));
    const calls = { get: ["s"], set: ["s", { cookie: {} }], touch: ["s", { cookie: {} }], length: [], destroy: ["s"] };
    for (const [method, args] of Object.entries(calls)) {
      let count = 0;
      const uncaught = new Promise((resolve) => {
        process.once("uncaughtException", (error, origin) => resolve(origin + " " + error.message));
      });
      store[method](...args, (error) => { count++; throw new Error("mine " + error); });
      console.log(method, await uncaught, count);
      for (let index = 0; index < 5; index++) await turn();
      console.log("after", count);
    }
    await store.close();
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    timeout: 120_000,
  });
  const expected = ["get", "set", "touch", "length", "destroy"].map(
    (method) => `${method} uncaughtException mine null 1\nafter 1\n`,
  );
  assert.equal(stdout, expected.join(""), stderr);
});
