/** Sessions that expire while a request is using them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import session from "express-session";
import type { ClusterSessionStore, SessionPayload } from "../../dist/session-store/index.js";
import { until } from "../proof/cluster/processes.js";
import { beginStore, createStore, HOUR_MS, inMs, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];

/** Lets the session expire now. */
async function expire(store: ClusterSessionStore): Promise<void> {
  store.storage.touch(KEY, 1);
  await until("it has expired", () => !store.storage.has(KEY));
}

/** The fields of the stored session; null when there is none. */
async function fieldsOf(store: ClusterSessionStore): Promise<Record<string, unknown> | null> {
  const stored = await store.get("s");
  if (stored === null) return null;
  const { cookie: _, ...fields } = stored;
  return fields;
}

/** A session that a request has loaded. What the test does then, it does outside of the context of the request. */
function load(store: ClusterSessionStore): Promise<SessionPayload> {
  return request(store, "s", async (loaded) => loaded);
}

function longer(loaded: SessionPayload): SessionPayload {
  return { ...loaded, cookie: { ...loaded.cookie, expires: inMs(HOUR_MS) } };
}

for (const merge of ["fields", "whole"] as const) {
  test(`merge ${merge}: a request that had loaded it keeps it by its write, whether or not it changed something`, async () => {
    const store = await createStore({ touchAfter: 0, merge });
    for (const change of [{}, { late: true }]) {
      await store.set("s", sessionWith({ name: "Ada" }));
      await request(store, "s", async (loaded) => {
        await expire(store);
        assert.equal(await store.get("s"), null, "nobody loads an expired one");
        await store.set("s", { ...longer(loaded), ...change });
      });
      assert.deepEqual(await fieldsOf(store), { name: "Ada", ...change });
      assert.ok((store.storage.ttl(KEY) as number) > HOUR_MS - 60_000);
      await store.destroy("s");
    }
  });

  test(`merge ${merge}: requests that go on with it after that change it as if it had not expired`, async (t) => {
    const store = await createStore({ merge });
    const other = beginStore(t, { storage: store.storage, merge });
    await store.set("s", sessionWith({ name: "Ada", gone: 1 }));
    await request(store, "s", async ({ gone: _, ...one }) => {
      await request(other, "s", async (two) => {
        await expire(store);
        await Promise.all([store.set("s", { ...one, one: 1 }), other.set("s", { ...two, two: 2 })]);
      });
    });
    const fields = await fieldsOf(store);
    // The store whose write came first has brought it back as its request holds it.
    if (merge === "fields")
      assert.deepEqual(fields, { name: "Ada", one: 1, two: 2, ...(fields?.gone ? { gone: 1 } : {}) });
    else assert.ok(fields?.name === "Ada" && [fields.one, fields.two].filter(Boolean).length === 1);
  });
}

test("of several requests that keep it, each does so with what it changed", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ name: "Ada" }));
  const fields = ["a", "b", "c", "d"];
  const loaded = await Promise.all(fields.map(() => load(store)));
  await expire(store);
  const writes = loaded.map((one, index) => store.set("s", Object.assign(one, { [fields[index] as string]: index })));
  await Promise.all(writes);
  assert.deepEqual(await fieldsOf(store), { name: "Ada", a: 0, b: 1, c: 2, d: 3 });
});

test("a touch does not bring it back, and no write of a request that had loaded it gets into a new one in its place", async () => {
  const store = await createStore({ touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }));
  const loaded = longer(await load(store));
  await expire(store);
  await store.touch("s", loaded);
  assert.equal(await store.get("s"), null);
  await store.set("s", sessionWith({ fresh: true }));
  loaded.late = true;
  await store.set("s", loaded);
  assert.deepEqual(await fieldsOf(store), { fresh: true });
});

const ENDS: readonly [name: string, end: (store: ClusterSessionStore) => Promise<unknown>][] = [
  ["destroyed before it expired", async (store) => [await store.destroy("s"), await sleep(1)]],
  ["destroyed after it expired", async (store) => [await expire(store), await store.destroy("s")]],
  ["removed by clear", async (store) => [await store.clear(), await sleep(1)]],
  ["removed by clear after it expired", async (store) => [await expire(store), await store.clear()]],
  ["ended by an expiry in the past", async (store) => store.set("s", sessionWith({}, inMs(-1)))],
  ["removed from the storage", async (store) => store.storage.delete(KEY)],
  ["removed with all of the storage", async (store) => store.storage.clear()],
];
for (const [name, end] of ENDS) {
  test(`a session that was ${name} does not come back`, async () => {
    const store = await createStore({ touchAfter: 0 });
    await store.set("s", sessionWith({ name: "Ada" }));
    await request(store, "s", async (loaded) => {
      await end(store);
      await store.set("s", { ...longer(loaded), late: true });
      await store.set("s", longer(loaded));
    });
    assert.equal(await store.get("s"), null);
    assert.deepEqual(await store.ids(), []);
  });
}

test("a new session under the id of one that was destroyed may expire and be kept by its own requests, not by older ones", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ old: 1 }));
  const old = longer(await load(store));
  await store.destroy("s");
  await store.set("s", sessionWith({ fresh: 1 }));
  const fresh = await load(store);
  await expire(store);
  old.late = true;
  await store.set("s", old);
  assert.equal(await store.get("s"), null);
  fresh.kept = 1;
  await store.set("s", fresh);
  await store.set("s", old);
  assert.deepEqual(await fieldsOf(store), { fresh: 1, kept: 1 });
});

test("a request that has run longer than its cookie lives ends no session that others have prolonged, and writes what it changed", async () => {
  const store = await createStore({ touchAfter: 0 });
  const cookie = { path: "/", originalMaxAge: 300, expires: inMs(300) };
  await store.set("s", { cookie, name: "Ada" });
  await request(store, "s", async (slow) => {
    // @fastify/session begins to count when it has loaded the session.
    slow.cookie.expires = inMs(300);
    await request(store, "s", (fast) => store.set("s", longer(fast)));
    await sleep(320);
    await store.set("s", { ...slow, late: true });
  });
  assert.deepEqual(await fieldsOf(store), { name: "Ada", late: true });
  assert.ok((store.storage.ttl(KEY) as number) > HOUR_MS - 60_000, "as long as they said");
});

test("express-session keeps a session that expired during a request, of which nothing is left in the storage", async () => {
  const store = await createStore();
  session({ store, secret: "s", resave: false, saveUninitialized: false });
  await store.set("s", sessionWith({ name: "Ada" }, inMs(50)));
  const loaded = await new Promise<Record<string, unknown>>((resolve, reject) => {
    store.load("s", (error, found) => (error || !found ? reject(error) : resolve(found)));
  });
  await until("it has expired", () => !store.storage.has(KEY));
  (loaded.cookie as { maxAge: number }).maxAge = HOUR_MS;
  loaded.late = true;
  await store.set("s", loaded);
  assert.deepEqual(await fieldsOf(store), { name: "Ada", late: true });
  loaded.later = true;
  await store.set("s", loaded);
  assert.deepEqual(await fieldsOf(store), { name: "Ada", late: true, later: true });
});
