import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";
import { createStore, HOUR_MS, inMs, openStore, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];
const MAX_TIMER_MS = 2 ** 31 - 1;

for (const [name, expires] of [
  ["in the past", () => inMs(-1)],
  ["now", () => inMs(0)],
  ["in 1970", () => new Date(0)],
] as const) {
  test(`a session that expires ${name} is gone once it is set, with the one that it replaces, in other processes too`, async (t) => {
    const home = new Home(t);
    const member = await home.member();
    const store = await openStore(t, { path: home.directory });
    await store.set("s", sessionWith({ name: "Ada" }, inMs(HOUR_MS)));
    await until("the other process has it", () => member.call("has", KEY));
    await store.set("s", sessionWith({ name: "Bob" }, expires()));
    assert.equal(await store.get("s"), null);
    await until("the other process has removed it", async () => !(await member.call("has", KEY)));
    assert.deepEqual(await store.all(), []);
    await store.set("s", sessionWith({}, expires()));
    assert.equal(await store.length(), 0);
  });
}

test("a request that sets the expiry of its session into the past ends it, and no other session with the same id", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ name: "Ada" }));
  await request(store, "s", async (session) => store.set("s", { ...session, cookie: { expires: inMs(-1) } }));
  assert.equal(await store.get("s"), null);
  await store.set("s", sessionWith({ name: "Ada" }));
  await request(store, "s", async (session) => {
    await store.destroy("s");
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 0);
    });
    await store.storage.set(KEY, { ...sessionWith({ name: "Eve" }), "@birth": "another" });
    await store.set("s", { ...session, cookie: { expires: inMs(-1) } });
  });
  assert.equal((await store.get("s"))?.name, "Eve");
});

for (const [name, expires] of [
  ["null", null],
  ["false", false],
  ["missing", undefined],
] as const) {
  test(`a cookie whose expiry is ${name} lives for the ttl of the store`, async () => {
    const store = await createStore({ ttl: HOUR_MS });
    await store.set("s", sessionWith({ name: "Ada" }, expires));
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `got ${left}`);
    assert.deepEqual(await store.get("s"), sessionWith({ name: "Ada" }, expires));
  });
}

test("originalMaxAge and unknown parts of a cookie come back as they were", async () => {
  const store = await createStore();
  for (const originalMaxAge of [null, 1, 59_999, 0.5]) {
    const cookie = { originalMaxAge, partitioned: true, priority: "high", expires: null, originalExpires: null };
    await store.set("s", { cookie });
    assert.deepEqual((await store.get("s"))?.cookie, cookie);
  }
});

test("an expiry may be a date, its text or a number; anything else counts as none", async () => {
  const store = await createStore({ ttl: 2 * HOUR_MS });
  const at = Date.now() + HOUR_MS;
  const cases: [expires: unknown, ttl: number][] = [
    [new Date(at), HOUR_MS],
    [new Date(at).toISOString(), HOUR_MS],
    [new Date(at).toUTCString(), HOUR_MS],
    [at, HOUR_MS],
    [new Date(Number.NaN), 2 * HOUR_MS],
    ["no date", 2 * HOUR_MS],
    ["", 2 * HOUR_MS],
    [Number.NaN, 2 * HOUR_MS],
    [{}, 2 * HOUR_MS],
  ];
  for (const [index, [expires, ttl]] of cases.entries()) {
    const sid = `s${index}`;
    await store.set(sid, sessionWith({ index }, expires));
    const left = store.storage.ttl([`session/${sid}`]) as number;
    assert.ok(left > ttl - 60_000 && left <= ttl, `${String(expires)}: got ${left}`);
  }
  assert.equal(await store.length(), cases.length);
});

test("a lifetime that is longer than a timer can wait does not end early", async () => {
  const store = await createStore();
  for (const ms of [MAX_TIMER_MS - 1, MAX_TIMER_MS + 1, 2 ** 32 + 5, 400 * 365 * 24 * HOUR_MS]) {
    await store.set("s", sessionWith({ ms }, inMs(ms)));
    await turn();
    assert.equal((await store.get("s"))?.ms, ms);
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > ms - 60_000 && left <= ms, `got ${left}`);
  }
  await store.set("s", sessionWith({}, new Date(8.64e15)));
  assert.notEqual(await store.get("s"), null);
});

test("a session that is set without an expiry does not keep that of the session that it replaces", async () => {
  const store = await createStore({ ttl: 10 * HOUR_MS });
  await store.set("s", sessionWith({}, inMs(50)));
  await store.set("s", sessionWith({}));
  assert.ok((store.storage.ttl(KEY) as number) > 9 * HOUR_MS);
  await store.set("s", sessionWith({}, inMs(HOUR_MS)));
  assert.ok((store.storage.ttl(KEY) as number) <= HOUR_MS);
});

test("a session that is set after it has expired has no fields of the expired one", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ name: "Ada" }, inMs(20)));
  await until("it has expired", async () => (await store.get("s")) === null);
  await store.set("s", sessionWith({ cart: [] }));
  const { cookie: _, ...fields } = (await store.get("s")) ?? {};
  assert.deepEqual(fields, { cart: [] });
});

test("an expired session is in no answer, even before its memory is freed", async (t) => {
  const store = await openStore(t, { gcInterval: MAX_TIMER_MS });
  const expiresAt = Date.now() + 300;
  await store.set("s", sessionWith({ name: "Ada" }, new Date(expiresAt)));
  await store.set("other", sessionWith({ name: "Bob" }));
  const answers = async () => [
    await store.get("s"),
    await store.length(),
    await store.ids(),
    (await store.all()).length,
  ];
  await until("the millisecond of its expiry", () => Date.now() >= expiresAt);
  assert.deepEqual(await answers(), [null, 1, ["other"], 1]);
});
