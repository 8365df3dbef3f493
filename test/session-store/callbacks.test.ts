import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { ClusterSessionStore } from "../../dist/session-store/index.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { called, openStore, sessionWith } from "./stores.js";

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

/** What cannot be done, and how the error begins. */
const MISTAKES: [name: string, method: Method, args: unknown[], message: RegExp][] = [
  ["set a BigInt", "set", ["s", sessionWith({ big: 1n })], /BigInt/],
  ["set a cycle", "set", ["s", cyclic()], /circular/],
  ["set a toJSON that throws", "set", ["s", { toJSON: () => assert.fail("mine") }], /mine/],
  ["set without cookie", "set", ["s", { name: "Ada" }], /^expected a session with a cookie, got \{"name":"Ada"\}/],
  ["set a cookie that is none", "set", ["s", { cookie: "text" }], /^expected a session with a cookie/],
  ["set a list as a cookie", "set", ["s", { cookie: [] }], /^expected a session with a cookie/],
  ["set nothing", "set", ["s", undefined], /^expected a session with a cookie, got nothing/],
  ["set null", "set", ["s", null], /^expected a session with a cookie, got null/],
  ["set a function", "set", ["s", () => {}], /^expected a session with a cookie, got nothing/],
  ["touch without cookie", "touch", ["s", {}], /^expected a session with a cookie/],
  ["touch nothing", "touch", ["s", undefined], /./],
  ["get no id", "get", [undefined], /^expected a session id as a string, got undefined/],
  ["get a number", "get", [7], /^expected a session id as a string, got 7/],
  ["set with no id", "set", [null, sessionWith()], /^expected a session id as a string, got null/],
  ["touch with no id", "touch", [{}, sessionWith()], /^expected a session id as a string, got \{\}/],
  ["destroy no id", "destroy", [undefined], /^expected a session id as a string, got undefined/],
  ["destroy a list with no id", "destroy", [["s", 1]], /^expected a session id as a string, got 1/],
  ["destroy null", "destroy", [null], /./],
];

test("[3.9.10] every method calls back exactly once and later, or gives a promise of the same", async (t) => {
  const store = (await openStore(t)) as Anything;
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
  test(`[3.9.10] ${name}: nothing is thrown, the error comes once, later, to the callback or the promise`, async (t) => {
    const store = (await openStore(t)) as Anything;
    await store.set("s", sessionWith({ name: "Ada" }));
    const answer = await called((callback) => store[method](...args, callback));
    assert.match((answer.error as Error).message, message);
    assert.equal(answer.isSynchronous, false);
    await turn();
    assert.equal(answer.count(), 1);
    const promise = store[method](...args) as Promise<unknown>;
    await assert.rejects(promise, { message });
    assert.equal((await store.get("s"))?.name, "Ada", "what was there is there");
  });
}

test("[3.9.10] a value that is too large is an error of the callback", async (t) => {
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

test("[3.9.10] nobody has to take an answer: failures without a callback end nothing", async (t) => {
  const store = (await openStore(t)) as Anything;
  for (const [, method, args] of MISTAKES) store[method](...args, undefined);
  for (const [method, args] of CALLS) store[method](...args);
  await store.storage.flush();
  await turn();
});

for (const method of ["get", "set", "touch", "destroy", "length"] as const) {
  test(`[3.9.10] what a callback of ${method} throws is its caller's own, and it is not called again`, (t) => {
    const program = `
      import { ClusterSessionStore } from ${JSON.stringify(new URL("../../dist/session-store/index.js", import.meta.url))};
      const store = new ClusterSessionStore({ path: ${JSON.stringify(temporaryDirectory(t))} });
      await store.set("s", { cookie: {} });
      let count = 0;
      process.on("uncaughtException", (error, origin) => {
        console.log(origin, error.message, count);
        setImmediate(() => setImmediate(() => { console.log("after", count); process.exit(); }));
      });
      process.on("unhandledRejection", () => console.log("unhandled"));
      const callback = (error) => { count++; throw new Error("mine " + error); };
      const calls = { get: ["s"], set: ["s", { cookie: {} }], touch: ["s", { cookie: {} }], destroy: ["s"], length: [] };
      store.${method}(...calls.${method}, callback);
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
      timeout: 30_000,
    });
    assert.equal(stdout, "uncaughtException mine null 1\nafter 1\n", stderr);
  });
}
