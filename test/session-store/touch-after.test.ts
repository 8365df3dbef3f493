import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ClusterSessionStore, SessionPayload } from "../../dist/session-store/index.js";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";
import { createStore, HOUR_MS, inMs, openStore, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];
const MINUTE_MS = 60_000;
const DEADLINE_MS = 20_000;

/** Returns how many batches a call writes. */
async function writesOf(store: ClusterSessionStore, call: () => Promise<unknown>): Promise<number> {
  const { seq } = store.storage.stats();
  await call();
  await store.storage.flush();
  return store.storage.stats().seq - seq;
}

/** The same session with another expiry. */
function expiringAt(session: SessionPayload, expires: Date): SessionPayload {
  return { ...session, cookie: { ...session.cookie, expires } };
}

/** A date that is `ms` after another one. It does not depend on how much time the test takes. */
function later(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

/** Each way in which an unchanged session may come back from a framework. */
const WAYS: [name: string, write: (store: ClusterSessionStore, session: SessionPayload) => Promise<void>][] = [
  ["set", (store, session) => store.set("s", session)],
  ["touch", (store, session) => store.touch("s", session)],
];

for (const [way, write] of WAYS) {
  test(`${way} of an unchanged session writes nothing while its expiry moves by less than touchAfter`, async () => {
    const store = await createStore({ touchAfter: MINUTE_MS });
    const first = inMs(HOUR_MS);
    const session = sessionWith({ name: "Ada", cart: [{ n: 1 }] }, first);
    await store.set("s", session);
    for (const ms of [0, 1000, 59_000]) {
      const moved = later(first, ms);
      const again = () => request(store, "s", (loaded) => write(store, expiringAt(loaded, moved)));
      assert.equal(await writesOf(store, again), 0, `in a request, moved by ${ms}`);
      assert.equal(await writesOf(store, () => write(store, expiringAt(session, moved))), 0, `moved by ${ms}`);
    }
  });

  test(`${way} of an unchanged session writes once when its expiry moves by more`, async () => {
    const store = await createStore({ touchAfter: MINUTE_MS });
    let expires = inMs(HOUR_MS);
    await store.set("s", sessionWith({ name: "Ada" }, expires));
    for (let round = 0; round < 4; round++) {
      expires = later(expires, 2 * MINUTE_MS);
      const again = () => request(store, "s", (loaded) => write(store, expiringAt(loaded, expires)));
      assert.equal(await writesOf(store, again), 1);
      assert.equal(await writesOf(store, again), 0);
      assert.deepEqual((await store.get("s"))?.cookie.expires, expires.toJSON());
      const left = expires.getTime() - Date.now();
      assert.ok((store.storage.ttl(KEY) as number) > left - MINUTE_MS, "the storage keeps it as long");
    }
    assert.equal((await store.get("s"))?.name, "Ada");
  });

  test(`${way} lets an expiry lag by a tenth of the lifetime at most, however long touchAfter is`, async () => {
    const store = await createStore({ touchAfter: 1000 * HOUR_MS });
    const first = inMs(HOUR_MS);
    await store.set("s", sessionWith({}, first));
    const again = (ms: number) => () =>
      request(store, "s", (loaded) => write(store, expiringAt(loaded, later(first, ms))));
    assert.equal(await writesOf(store, again(HOUR_MS / 20)), 0);
    assert.equal(await writesOf(store, again(HOUR_MS / 5)), 1);
  });

  test(`${way} with touchAfter 0 writes whenever the expiry moves`, async () => {
    const store = await createStore({ touchAfter: 0 });
    const first = inMs(HOUR_MS);
    await store.set("s", sessionWith({}, first));
    const again = (ms: number) => () =>
      request(store, "s", (loaded) => write(store, expiringAt(loaded, later(first, ms))));
    assert.equal(await writesOf(store, again(5000)), 1);
    assert.equal(await writesOf(store, again(10_000)), 1);
  });
}

test("a session without expiry is prolonged by the ttl of the store", async () => {
  const store = await createStore({ ttl: HOUR_MS, touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }));
  /** The earliest and the latest ms at which the storage may let it expire. */
  const expiry = () => {
    const before = Date.now();
    const left = store.storage.ttl(KEY) as number;
    return [before + left - 1, Date.now() + left + 1] as const;
  };
  const [, firstExpiry] = expiry();
  await until("the clock goes on", () => Date.now() + HOUR_MS > firstExpiry + 10);
  const before = Date.now();
  await request(store, "s", (session) => store.set("s", session));
  const after = Date.now();
  const [earliest, latest] = expiry();
  assert.ok(latest >= before + HOUR_MS, `expires at ${latest}, before ${before} + ttl`);
  assert.ok(earliest <= after + HOUR_MS, `expires at ${earliest}, after ${after} + ttl`);
});

test("a changed session is written in one batch, with or without its expiry", async () => {
  const store = await createStore({ touchAfter: MINUTE_MS });
  await store.set("s", sessionWith({ a: 1, b: 1, c: 1 }, inMs(HOUR_MS)));
  const change = async ({ b: _, ...session }: SessionPayload) =>
    store.set("s", { ...session, a: 2, d: 1 } as SessionPayload);
  assert.equal(await writesOf(store, () => request(store, "s", change)), 1);
  const longer = (session: SessionPayload) => store.set("s", expiringAt({ ...session, a: 3 }, inMs(2 * HOUR_MS)));
  assert.equal(await writesOf(store, () => request(store, "s", longer)), 1);
  assert.ok((store.storage.ttl(KEY) as number) > 1.9 * HOUR_MS);
});

test("a request that only prolongs a session does not undo a change of its cookie", async () => {
  const store = await createStore({ touchAfter: 0 });
  await store.set("s", { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS), secure: false } });
  await request(store, "s", async (slow) => {
    await request(store, "s", async (session) => {
      await store.set("s", { ...session, cookie: { originalMaxAge: 100, expires: inMs(100_000), secure: true } });
    });
    await store.set("s", expiringAt(slow, inMs(2 * HOUR_MS)));
    await store.touch("s", expiringAt(slow, inMs(2 * HOUR_MS)));
  });
  const { cookie } = (await store.get("s")) as SessionPayload;
  assert.deepEqual([cookie.originalMaxAge, cookie.secure], [100, true]);
  assert.ok((store.storage.ttl(KEY) as number) <= 100_000);
});

test("a slow request that ends after others have prolonged the session prolongs it too", async () => {
  const store = await createStore({ touchAfter: MINUTE_MS });
  const session = { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS) } };
  for (const write of ["set", "touch"] as const) {
    await store.destroy("s");
    await store.set("s", session);
    await request(store, "s", async (slow) => {
      await request(store, "s", (fast) => store.touch("s", expiringAt(fast, inMs(2 * HOUR_MS))));
      await store[write]("s", expiringAt(slow, inMs(3 * HOUR_MS)));
    });
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > 2.9 * HOUR_MS, `expected the life of the last request, got ${left} ms`);
  }
});

test("a slow request does not shorten what others have prolonged", async () => {
  const store = await createStore({ touchAfter: MINUTE_MS });
  for (const write of ["set", "touch"] as const) {
    await store.destroy("s");
    await store.set("s", { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS) } });
    await request(store, "s", async (slow) => {
      await request(store, "s", (fast) => store.touch("s", expiringAt(fast, inMs(3 * HOUR_MS))));
      await store[write]("s", expiringAt(slow, inMs(2 * HOUR_MS)));
    });
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > 2.9 * HOUR_MS, `got ${left} ms`);
  }
});

test("a request whose originalMaxAge varies by the time between two readings of the clock does not undo a change of the cookie", async () => {
  const store = await createStore({ touchAfter: 0 });
  for (const varied of [1, 11, 900]) {
    await store.destroy("s");
    await store.set("s", { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS) } });
    await request(store, "s", async (slow) => {
      await request(store, "s", async (session) => {
        await store.set("s", { ...session, cookie: { originalMaxAge: 100_000, expires: inMs(100_000) } });
      });
      const maxAge = HOUR_MS - varied;
      await store.set("s", { ...slow, cookie: { originalMaxAge: maxAge, expires: inMs(maxAge) } });
    });
    assert.equal((await store.get("s"))?.cookie.originalMaxAge, 100_000, `varied by ${varied} ms`);
  }
});

test("a request that only prolongs a session leaves the cookie that another process has just changed", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const store = await openStore(t, { path: home.directory, touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }, inMs(HOUR_MS)));
  const bytes = () => readdirSync(home.folder).reduce((sum, name) => sum + statSync(join(home.folder, name)).size, 0);
  const word = new Int32Array(new SharedArrayBuffer(4));
  let changed: Promise<unknown> | undefined;
  await request(store, "s", async (loaded) => {
    const before = bytes();
    changed = manager.call("patch", KEY, { cookie: { ...loaded.cookie, path: "/elsewhere" } });
    // Without a turn of the event loop: once the change is in the log there, it is not yet known here.
    const end = Date.now() + DEADLINE_MS;
    while (bytes() === before && Date.now() < end) Atomics.wait(word, 0, 0, 1);
    assert.notEqual(bytes(), before, "a write of the other process");
    await store.touch("s", expiringAt(loaded, inMs(2 * HOUR_MS)));
  });
  assert.equal(await changed, true);
  await store.storage.sync();
  assert.equal((await store.get("s"))?.cookie.path, "/elsewhere");
});
