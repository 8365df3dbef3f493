import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterSessionStore, SessionPayload } from "../../dist/session-store/index.js";
import { type Member, Processes, temporaryDirectory, until } from "../proof/cluster/processes.js";
import { HOUR_MS, inMs, openStore, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];
const MINUTE_MS = 60_000;
/** Longer than the manager takes to confirm a write of its own, in ms. */
const AHEAD_MS = 500;

/** How many writes a call makes. */
async function writesOf(store: ClusterSessionStore, call: () => Promise<unknown>): Promise<number> {
  const { seq } = store.storage.stats();
  await call();
  await store.storage.flush();
  return store.storage.stats().seq - seq;
}

/** The same session with an expiry so many ms from now. */
function prolonged(session: SessionPayload, ms: number): SessionPayload {
  return { ...session, cookie: { ...session.cookie, expires: inMs(ms) } };
}

/** Each way in which an unchanged session may come back from a framework. */
const WAYS: [name: string, write: (store: ClusterSessionStore, session: SessionPayload) => Promise<void>][] = [
  ["set", (store, session) => store.set("s", session)],
  ["touch", (store, session) => store.touch("s", session)],
];

for (const [way, write] of WAYS) {
  test(`[3.9.9] ${way} of an unchanged session writes nothing while its expiry moves by less than touchAfter`, async (t) => {
    const store = await openStore(t, { touchAfter: MINUTE_MS });
    const session = sessionWith({ name: "Ada", cart: [{ n: 1 }] }, inMs(HOUR_MS));
    await store.set("s", session);
    for (const moved of [0, 1000, 59_000]) {
      const again = () => request(store, "s", (loaded) => write(store, prolonged(loaded, HOUR_MS + moved)));
      assert.equal(await writesOf(store, again), 0, `in a request, moved by ${moved}`);
      assert.equal(await writesOf(store, () => write(store, prolonged(session, HOUR_MS + moved))), 0, `${moved}`);
    }
  });

  test(`[3.9.9] ${way} of an unchanged session writes once when its expiry moves by more`, async (t) => {
    const store = await openStore(t, { touchAfter: MINUTE_MS });
    await store.set("s", sessionWith({ name: "Ada" }, inMs(HOUR_MS)));
    let ms = HOUR_MS;
    for (let round = 0; round < 4; round++) {
      ms += 2 * MINUTE_MS;
      const again = () => request(store, "s", (loaded) => write(store, prolonged(loaded, ms)));
      assert.equal(await writesOf(store, again), 1);
      assert.equal(await writesOf(store, again), 0);
      assert.ok((store.storage.ttl(KEY) as number) > ms - MINUTE_MS);
    }
    const session = await store.get("s");
    assert.equal(session?.name, "Ada");
    assert.ok(Date.parse(session?.cookie.expires as string) > Date.now() + ms - MINUTE_MS, "the cookie says so too");
  });

  test(`[3.9.9] ${way} lets an expiry lag by a tenth of the lifetime at most, however long touchAfter is`, async (t) => {
    const store = await openStore(t, { touchAfter: 1000 * HOUR_MS });
    await store.set("s", sessionWith({}, inMs(100_000)));
    const again = (ms: number) => () => request(store, "s", (loaded) => write(store, prolonged(loaded, ms)));
    assert.equal(await writesOf(store, again(105_000)), 0);
    assert.equal(await writesOf(store, again(120_000)), 1);
  });

  test(`[3.9.9] ${way} with touchAfter 0 writes whenever the expiry moves`, async (t) => {
    const store = await openStore(t, { touchAfter: 0 });
    await store.set("s", sessionWith({}, inMs(HOUR_MS)));
    const again = (ms: number) => () => request(store, "s", (loaded) => write(store, prolonged(loaded, ms)));
    assert.equal(await writesOf(store, again(HOUR_MS + 5000)), 1);
    assert.equal(await writesOf(store, again(HOUR_MS + 10_000)), 1);
  });
}

test("[3.9.9] a session without expiry is prolonged by the ttl of the store", async (t) => {
  const store = await openStore(t, { ttl: 1000, touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }));
  const left = () => store.storage.ttl(KEY) ?? 0;
  await until("some of its life has passed", () => left() < 990);
  await request(store, "s", (session) => store.set("s", session));
  assert.ok(left() > 990 && left() <= 1000, `got ${left()}`);
});

test("[3.9.9] a change is written at once, also of an expiry that would not be worth it, in one batch", async (t) => {
  const store = await openStore(t, { touchAfter: MINUTE_MS });
  await store.set("s", sessionWith({ a: 1, b: 1, c: 1 }, inMs(HOUR_MS)));
  const change = async ({ b: _, ...session }: SessionPayload) =>
    store.set("s", { ...session, a: 2, d: 1 } as SessionPayload);
  assert.equal(await writesOf(store, () => request(store, "s", change)), 1);
  const longer = (session: SessionPayload) => store.set("s", prolonged({ ...session, a: 3 }, 2 * HOUR_MS));
  assert.equal(await writesOf(store, () => request(store, "s", longer)), 1);
  assert.ok((store.storage.ttl(KEY) as number) > 1.9 * HOUR_MS);
});

test("[3.9.9] who only prolongs a session does not undo a change of its cookie", async (t) => {
  const store = await openStore(t, { touchAfter: 0 });
  await store.set("s", { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS), secure: false } });
  await request(store, "s", async (slow) => {
    await request(store, "s", async (session) => {
      await store.set("s", { ...session, cookie: { originalMaxAge: 100, expires: inMs(100_000), secure: true } });
    });
    await store.set("s", prolonged(slow, 2 * HOUR_MS));
    await store.touch("s", prolonged(slow, 2 * HOUR_MS));
  });
  const { cookie } = (await store.get("s")) as SessionPayload;
  assert.deepEqual([cookie.originalMaxAge, cookie.secure], [100, true]);
  assert.ok((store.storage.ttl(KEY) as number) <= 100_000);
});

test("[3.9.9] a slow request that ends after others have prolonged the session prolongs it too", async (t) => {
  const store = await openStore(t, { touchAfter: MINUTE_MS });
  const session = { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS) } };
  for (const write of ["set", "touch"] as const) {
    await store.destroy("s");
    await store.set("s", session);
    await request(store, "s", async (slow) => {
      await request(store, "s", (fast) => store.touch("s", prolonged(fast, 2 * HOUR_MS)));
      await store[write]("s", prolonged(slow, 3 * HOUR_MS));
    });
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > 2.9 * HOUR_MS, `expected the life of the last request, got ${left} ms`);
  }
});

test("[3.9.9] a slow request does not shorten what others have prolonged", async (t) => {
  const store = await openStore(t, { touchAfter: MINUTE_MS });
  for (const write of ["set", "touch"] as const) {
    await store.destroy("s");
    await store.set("s", { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS) } });
    await request(store, "s", async (slow) => {
      await request(store, "s", (fast) => store.touch("s", prolonged(fast, 3 * HOUR_MS)));
      await store[write]("s", prolonged(slow, 2 * HOUR_MS));
    });
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > 2.9 * HOUR_MS, `got ${left} ms`);
  }
});

test("[3.9.9] who prolongs a session while originalMaxAge wavers by a millisecond does not undo a change of its cookie", async (t) => {
  const store = await openStore(t, { touchAfter: 0 });
  await store.set("s", { cookie: { originalMaxAge: HOUR_MS, expires: inMs(HOUR_MS) } });
  await request(store, "s", async (slow) => {
    await request(store, "s", async (session) => {
      await store.set("s", { ...session, cookie: { originalMaxAge: 100_000, expires: inMs(100_000) } });
    });
    await store.set("s", { ...slow, cookie: { originalMaxAge: HOUR_MS - 1, expires: inMs(HOUR_MS - 1) } });
  });
  assert.equal((await store.get("s"))?.cookie.originalMaxAge, 100_000);
});

test("a request that only prolongs a session leaves the cookie that another process has just changed", async (t) => {
  const path = temporaryDirectory(t);
  const [manager] = (await new Processes(t, { path }).startJoined(1)) as [Member];
  const store = await openStore(t, { path, touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }, inMs(HOUR_MS)));
  await store.storage.flush();
  let changed: Promise<unknown> | undefined;
  await request(store, "s", async (loaded) => {
    changed = manager.call("patch", KEY, { cookie: { ...loaded.cookie, path: "/elsewhere" } });
    for (const end = Date.now() + AHEAD_MS; Date.now() < end; ); // it is confirmed there, and not yet read here
    await store.touch("s", prolonged(loaded, 2 * HOUR_MS));
  });
  assert.equal(await changed, true);
  await store.storage.sync();
  assert.equal((await store.get("s"))?.cookie.path, "/elsewhere");
});
