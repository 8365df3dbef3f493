import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Storage } from "../../dist/core/index.js";
import { ReadBarrier } from "../../dist/session-store/read-barrier.js";
import { Home } from "../api/conformance/home.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { beginStore, called, openStore, request, sessionWith } from "./stores.js";

const NOT_READY = { name: "StorageError", code: "ERR_STORAGE_NOT_READY" };
const KEY = ["session/s"];

test("[3.9.16] without a manager everything calls back with ERR_STORAGE_NOT_READY in time, and a write stays pending", async (t) => {
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

test("[3.9.16] what is asked before the first join waits for it", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  await member.call("set", KEY, sessionWith({ name: "Ada" }));
  await member.call("flush");
  const store = beginStore(t, { path: home.directory });
  const [session, length] = await Promise.all([store.get("s"), store.length(), store.set("t", sessionWith())]);
  assert.equal(session?.name, "Ada");
  assert.ok(length === 1 || length === 2);
});

test("[3.9.16] a storage that has lost its manager gives what it has; its writes wait for the next manager", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const store = await openStore(t, { path: home.directory, candidate: false, timeout: 50 });
  const { storage } = store;
  const strong = beginStore(t, { storage, timeout: 50, consistency: "strong" });
  store.on("disconnect", () => assert.fail("express-session would serve requests without a session"));
  await store.set("s", sessionWith({ name: "Ada" }));
  await store.set("t", sessionWith({ name: "Bob" }));
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
  assert.deepEqual((await store.get("s"))?.cart, [], "own writes are seen here");
  assert.equal(storage.listenerCount("connect"), listening);
  const next = await home.member();
  await storage.flush();
  await next.call("sync");
  assert.deepEqual(await next.call("get", KEY), storage.get(KEY));
  assert.deepEqual((await strong.get("s"))?.cart, []);
  assert.deepEqual(await store.ids(), ["s"]);
});

test("a read with strong consistency sees what another process has confirmed before", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  const store = await openStore(t, { path: home.directory, consistency: "strong" });
  for (let round = 0; round < 200; round++) {
    await member.call("set", KEY, sessionWith({ round }));
    await member.call("flush");
    assert.equal((await store.get("s"))?.round, round);
  }
});

test("a read waits until the writes of this process that stand before those of others are confirmed", async () => {
  let confirm = (): void => {};
  const flushed = new Promise<void>((resolve) => {
    confirm = resolve;
  });
  const storage = Object.assign(new EventEmitter(), {
    connected: true,
    stats: () => ({ pending: 1 }),
    flush: () => flushed,
  });
  const freshness = new ReadBarrier(storage as unknown as Storage, false, 600_000);
  let isOver = false;
  const turned = freshness.turn().then(() => {
    isOver = true;
  });
  for (let index = 0; index < 10; index++) await turn();
  assert.equal(isOver, false);
  confirm();
  await turned;
  const late = new ReadBarrier({ ...storage, flush: () => new Promise(() => {}) } as unknown as Storage, false, 20);
  await late.turn();
});

test("a closed storage is an error of the callback", async (t) => {
  const store = await openStore(t, { timeout: 600_000 });
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

test("a store closes the storage that it opened, and none that it was given", async (t) => {
  const own = await openStore(t);
  const given = await openStore(t, { storage: own.storage, prefix: "other" });
  await given.close();
  assert.equal(own.storage.closed, false);
  await own.close();
  assert.equal(own.storage.closed, true);
});

test("too many pending writes are an error of the callback, and of nothing else", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const options = { path: home.directory, candidate: false, timeout: 50, maxPendingBytes: 3000, touchAfter: 0 };
  const store = await openStore(t, options);
  await store.set("s", sessionWith({ name: "Ada" }));
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
  // Several writes of one batch, of which the last does not fit.
  await assert.rejects(store.set("t", sessionWith({ text: `${text}y` })), full);
  await turn();
  assert.equal((await store.get("s"))?.name, "Ada");
  await home.member();
  await store.storage.flush();
});

test("[3.9.19] a process that has nothing else to do ends", (t) => {
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
  const { stdout, stderr, status } = spawnSync(...node, { encoding: "utf8", timeout: 60_000 });
  assert.deepEqual([stdout, status], ["true 1\n", 0], stderr);
});
