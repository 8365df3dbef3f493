import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Storage, StorageFacts } from "../../dist/core/index.js";
import { ReadBarrier } from "../../dist/session-store/read-barrier.js";
import { Home } from "../api/conformance/home.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { beginStore, called, openStore, request, sessionWith } from "./stores.js";

/** The name of the symbol under which a storage keeps its facts. */
const FACTS = "cluster-storage.facts";
/** So long that a test that waits for it fails by another deadline. */
const FOREVER_MS = 600_000;
const NOT_READY = { name: "StorageError", code: "ERR_STORAGE_NOT_READY" };
const KEY = ["session/s"];

/** A storage with the given facts and methods; it is open, punctual and has no pending writes unless they say otherwise. */
function storageWith(facts: Partial<StorageFacts>, methods: Partial<Storage>): Storage {
  const defaults = { seq: 0, hasPending: false, delayMs: 0, isPushed: true, failure: null };
  const ownFacts = Object.setPrototypeOf(facts, defaults) as StorageFacts;
  const open = { name: "app", status: "open", connected: true, closed: false, [Symbol.for(FACTS)]: ownFacts };
  return Object.assign(new EventEmitter(), open, methods) as unknown as Storage;
}

test("without a manager every call fails with ERR_STORAGE_NOT_READY after the timeout, and a write stays pending", async (t) => {
  const home = new Home(t);
  const store = beginStore(t, { path: home.directory, candidate: false, timeout: 50 });
  const calls = [
    () => store.get("s"),
    () => store.set("s", sessionWith({ name: "Ada" })),
    () => store.set("s", sessionWith({ name: "Bob" })),
    () => store.touch("s", sessionWith()),
    () => store.all(),
    () => store.length(),
    () => store.ids(),
    () => store.clear(),
    () => store.destroy("other"),
  ];
  for (const call of calls) {
    if (call === calls[3]) await call();
    else await assert.rejects(call(), NOT_READY, String(call));
  }
  const answer = await called((callback) => store.get("s", callback));
  assert.equal((answer.error as { code?: string }).code, "ERR_STORAGE_NOT_READY");
  assert.equal(answer.isSynchronous, false);
  await home.member();
  await store.storage.flush();
  assert.equal((await store.get("s"))?.name, "Bob");
  assert.equal(answer.count(), 1);
});

test("a call before the first join waits for it", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  await member.call("set", KEY, sessionWith({ name: "Ada" }));
  await member.call("flush");
  const store = beginStore(t, { path: home.directory });
  const [session, length] = await Promise.all([store.get("s"), store.length(), store.set("t", sessionWith())]);
  assert.equal(session?.name, "Ada");
  assert.ok(length === 1 || length === 2);
});

test("a store whose storage has lost the manager reads what this process has; its writes wait for the next manager", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const patient = await openStore(t, { path: home.directory, candidate: false, timeout: FOREVER_MS });
  const { storage } = patient;
  const store = beginStore(t, { storage, timeout: 50 });
  const strong = beginStore(t, { storage, timeout: 50, consistency: "strong" });
  store.on("disconnect", () => assert.fail("express-session would serve requests without a session"));
  await patient.set("s", sessionWith({ name: "Ada" }));
  await patient.set("t", sessionWith({ name: "Bob" }));
  await manager.kill();
  await until("the storage has noticed", () => !storage.connected);
  const listening = storage.listenerCount("connect");
  assert.equal((await store.get("s"))?.name, "Ada");
  assert.equal(await store.get("none"), null);
  assert.deepEqual((await store.ids()).sort(), ["s", "t"]);
  await assert.rejects(strong.get("s"), NOT_READY);
  await request(store, "s", async (session) => {
    await assert.rejects(store.set("s", { ...session, cart: [] }), NOT_READY);
  });
  await assert.rejects(store.destroy("t"), NOT_READY);
  assert.deepEqual((await store.get("s"))?.cart, [], "own writes are visible");
  assert.equal(storage.listenerCount("connect"), listening);
  const next = await home.member();
  await storage.flush();
  await next.call("sync");
  assert.deepEqual(await next.call("get", KEY), storage.get(KEY));
  const patientAndStrong = beginStore(t, { storage, timeout: FOREVER_MS, consistency: "strong" });
  assert.deepEqual((await patientAndStrong.get("s"))?.cart, []);
  assert.deepEqual(await store.ids(), ["s"]);
});

test("a read with strong consistency sees all writes of other processes that were confirmed before", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  const store = await openStore(t, { path: home.directory, consistency: "strong" });
  for (let round = 0; round < 40; round++) {
    await member.call("set", KEY, sessionWith({ round }));
    await member.call("flush");
    assert.equal((await store.get("s"))?.round, round);
  }
});

test("a read waits until pending writes of this process are confirmed", async () => {
  let confirm = (): void => {};
  const flushed = new Promise<void>((resolve) => {
    confirm = resolve;
  });
  const storage = storageWith({ hasPending: true }, { flush: () => flushed });
  let isOver = false;
  const read = new ReadBarrier(storage, false, FOREVER_MS).beforeRead().then(() => {
    isOver = true;
  });
  for (let index = 0; index < 10; index++) await turn();
  assert.equal(isOver, false);
  confirm();
  await read;
  const never = storageWith({ hasPending: true }, { flush: () => new Promise(() => {}) });
  await new ReadBarrier(never, false, 20).beforeRead();
});

test("a read asks the manager when writes arrive late, once for each write, or when they are not pushed", async () => {
  let asked = 0;
  const sync = async () => void asked++;
  const late = { delayMs: 1000, seq: 1 };
  const barrier = new ReadBarrier(storageWith(late, { sync }), false, FOREVER_MS);
  for (let read = 0; read < 3; read++) await barrier.beforeRead();
  assert.equal(asked, 1);
  late.seq = 2;
  await barrier.beforeRead();
  assert.equal(asked, 2);
  const punctual = new ReadBarrier(storageWith({}, { sync }), false, FOREVER_MS);
  for (let read = 0; read < 3; read++) await punctual.beforeRead();
  assert.equal(asked, 2);
  const notPushed = new ReadBarrier(storageWith({ isPushed: false }, { sync }), false, FOREVER_MS);
  for (let read = 0; read < 3; read++) await notPushed.beforeRead();
  assert.equal(asked, 5);
});

test("a closed storage is an error of the callback", async (t) => {
  const store = await openStore(t, { timeout: FOREVER_MS });
  await store.close();
  await store.close();
  const closed = { code: "ERR_STORAGE_CLOSED" };
  for (const call of [
    () => store.get("s"),
    () => store.set("s", sessionWith()),
    () => store.touch("s", sessionWith()),
    () => store.destroy("s"),
    () => store.all(),
    () => store.clear(),
  ]) {
    await assert.rejects(call(), closed, String(call));
  }
});

test("a store closes a storage that it opened, and does not close one that it was given", async (t) => {
  const own = await openStore(t);
  const given = await openStore(t, { storage: own.storage, prefix: "other" });
  await given.close();
  assert.equal(own.storage.closed, false);
  await own.close();
  assert.equal(own.storage.closed, true);
});

test("too many pending writes are an error of the call that exceeds the limit", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const options = { path: home.directory, candidate: false, timeout: FOREVER_MS, maxPendingBytes: 3000 };
  const patient = await openStore(t, options);
  const store = beginStore(t, { storage: patient.storage, timeout: 50, touchAfter: 0 });
  await patient.set("s", sessionWith({ name: "Ada" }));
  await manager.kill();
  await until("the storage has noticed", () => !store.storage.connected);
  const full = { code: "ERR_STORAGE_PENDING_FULL" };
  const text = "x".repeat(900);
  await assert.rejects(store.set("t", sessionWith({ text })), NOT_READY);
  await assert.rejects(store.set("u", sessionWith({ text: text + text + text })), full);
  await request(store, "s", async (session) => {
    const cookie = { ...session.cookie, path: text };
    await assert.rejects(store.set("s", { ...session, text, cookie }), full);
  });
  // These are several writes of one batch, of which the last does not fit.
  await assert.rejects(store.set("t", sessionWith({ text: `${text}y` })), full);
  await turn();
  assert.equal((await store.get("s"))?.name, "Ada");
  await home.member();
  await store.storage.flush();
});

test("a store does not keep a process alive that has nothing else to do", (t) => {
  const program = `
    import { ClusterSessionStore } from ${JSON.stringify(new URL("../../dist/session-store/index.js", import.meta.url))};
    const path = ${JSON.stringify(temporaryDirectory(t))};
    const store = new ClusterSessionStore({ path, timeout: 2 ** 31 - 1, touchAfter: 0 });
    await store.set("s", { cookie: { expires: Date.now() + 3_600_000 } });
    await store.touch("s", { cookie: { expires: Date.now() + 7_200_000 } });
    const strong = new ClusterSessionStore({ storage: store.storage, consistency: "strong", timeout: 2 ** 31 - 1 });
    console.log((await strong.get("s")) !== null, (await store.all()).length);
  `;
  const node = [process.execPath, ["--input-type=module", "--eval", program]] as const;
  const { stdout, stderr, status } = spawnSync(...node, { encoding: "utf8", timeout: 120_000 });
  assert.deepEqual([stdout, status], ["true 1\n", 0], stderr);
});
