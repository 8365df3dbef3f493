/** Revocations in one process: what the place in the log decides, and what becomes of sessions that have expired. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { factsOf, type StorageFacts } from "../../dist/core/index.js";
import type { ClusterSessionStore, SessionPayload } from "../../dist/session-store/index.js";
import { until } from "../proof/cluster/processes.js";
import { createStore, HOUR_MS, inMs, request, sessionWith } from "./stores.js";

const index = (session: SessionPayload) => session.userId;

/** Writes the record of a revocation, as a process does that dies before it removes what is void. */
function revokeOnly(store: ClusterSessionStore, user: string): void {
  const { replica } = factsOf(store.storage) as StorageFacts;
  replica.set([`@revoked/session/${user}`], { name: "n" }, undefined, "at");
}

/** Lets a session expire now. */
async function expire(store: ClusterSessionStore, id: string): Promise<void> {
  store.storage.touch([`session/${id}`], 1);
  await until("it has expired", () => !store.storage.has([`session/${id}`]));
}

test("what is before a revocation in the log counts as absent at once, and what is after it counts", async () => {
  const store = await createStore({ index });
  await store.set("old", sessionWith({ userId: 42 }));
  await store.set("other", sessionWith({ userId: 43 }));
  const { storage } = store;
  // One batch: the revocation is between two creations.
  storage.batch(() => {
    void store.set("before", sessionWith({ userId: 42 }));
    revokeOnly(store, "42");
    void store.set("after", sessionWith({ userId: 42 }));
  });
  const expectSeen = async () => {
    assert.equal(await store.get("old"), null);
    assert.equal(await store.get("before"), null);
    assert.equal((await store.get("after"))?.userId, 42);
    assert.deepEqual(
      (await store.byUser("42")).map(({ id }) => id),
      ["after"],
    );
    assert.equal(await store.countByUser(42), 1);
    assert.deepEqual((await store.all()).map(({ id }) => id).sort(), ["after", "other"]);
  };
  await expectSeen();
  await storage.flush();
  await expectSeen();
  assert.equal(await store.revokeUser("42"), 3, "the void ones are removed too");
  assert.deepEqual(await store.ids(), ["other"]);
});

test("a late write to a void session is left out, and a new session may take its id", async () => {
  const store = await createStore({ index });
  await store.set("a", sessionWith({ userId: 42 }));
  await request(store, "a", async (session) => {
    revokeOnly(store, "42");
    await store.set("a", { ...session, late: true });
    await store.touch("a", { ...session });
  });
  assert.equal(await store.get("a"), null);
  await store.set("a", sessionWith({ userId: 42, isNew: true }));
  assert.deepEqual(await store.get("a"), sessionWith({ userId: 42, isNew: true }));
});

test("a session that was stored without the option counts as earlier than every revocation", async () => {
  const plain = await createStore();
  await plain.set("a", sessionWith({ userId: 42 }));
  const { ClusterSessionStore: Store } = await import("../../dist/session-store/index.js");
  const store = new Store({ storage: plain.storage, index });
  assert.equal(await store.countByUser(42), 1);
  revokeOnly(store, "42");
  assert.deepEqual([await store.get("a"), await store.countByUser(42)], [null, 0]);
  assert.equal(await store.revokeUser(42), 1);
});

test("the record of a revocation is there for an hour after the sessions were removed, and until then forever", async () => {
  const store = await createStore({ index });
  await store.set("a", sessionWith({ userId: 42 }));
  const revoked = store.revokeUser(42);
  assert.equal(store.storage.ttl(["@revoked/session/42"]), Infinity);
  await revoked;
  const left = store.storage.ttl(["@revoked/session/42"]) as number;
  assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `${left}`);
});

test("a session of nobody that was there before a revocation counts once its visitor logs in", async () => {
  const store = await createStore({ index });
  await store.set("a", sessionWith({ cart: 1 }));
  await store.revokeUser(42);
  await request(store, "a", (session) => store.set("a", { ...session, userId: 42 }));
  assert.equal((await store.get("a"))?.userId, 42);
  await store.revokeUser(42);
  assert.equal(await store.get("a"), null);
});

for (const end of ["destroyByUser", "revokeUser"] as const) {
  test(`a session that expires while a request uses it does not come back after ${end}`, async () => {
    const store = await createStore({ index });
    await store.set("a", sessionWith({ userId: 42, visits: 1 }, inMs(HOUR_MS)));
    await store.set("kept", sessionWith({ userId: 43, visits: 1 }, inMs(HOUR_MS)));
    const late = (id: string, before: () => Promise<unknown>) =>
      request(store, id, async (session) => {
        await expire(store, id);
        await before();
        const cookie = { ...session.cookie, expires: inMs(HOUR_MS) };
        await store.set(id, { ...session, cookie, visits: 2 });
      });
    await Promise.all([late("a", () => store[end](42)), late("kept", () => store[end](42))]);
    assert.equal(await store.get("a"), null);
    assert.equal(store.storage.get(["session/a"]), null, "it is not stored either");
    assert.equal((await store.get("kept"))?.visits, 2, "the session of another user comes back");
    await store[end](43);
    assert.equal(await store.countByUser(43), 0);
  });
}

test("destroyByUser lets a session come back that it excepted, and one of a later login", async () => {
  const store = await createStore({ index });
  await store.destroyByUser(42);
  await store.set("a", sessionWith({ userId: 42 }, inMs(HOUR_MS)));
  await store.set("b", sessionWith({ userId: 42 }, inMs(HOUR_MS)));
  const late = (id: string, before: () => Promise<unknown>) =>
    request(store, id, async (session) => {
      await expire(store, id);
      await before();
      await store.set(id, { ...session, cookie: { ...session.cookie, expires: inMs(HOUR_MS) }, back: true });
    });
  await late("a", async () => {});
  assert.equal((await store.get("a"))?.back, true, "it is of a later login");
  await store.set("b", sessionWith({ userId: 42 }, inMs(HOUR_MS)));
  await late("b", () => store.destroyByUser(42, { except: "b" }));
  assert.equal((await store.get("b"))?.back, true, "it was excepted");
  assert.equal(await store.get("a"), null);
});
