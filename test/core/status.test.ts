/** What a storage is doing, as its users and the adapters see it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { factsOf, type Storage, type StorageFacts } from "../../dist/core/index.js";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";

/** What `status`, `connected`, `closed` and the role say. */
function seen(storage: Storage): unknown[] {
  return [storage.status, storage.connected, storage.closed, storage.stats().role];
}

test("a storage that has not joined yet is opening; one that has everything is open", async (t) => {
  const home = new Home(t);
  const storage = home.begin({ candidate: false });
  storage.set("key", 1);
  assert.deepEqual(seen(storage), ["opening", false, false, "disconnected"]);
  assert.equal(storage.get("key"), 1);
  const statuses: string[] = [];
  storage.on("ready", () => statuses.push(storage.status));
  storage.on("connect", () => statuses.push(storage.status));
  await home.member();
  await storage.sync();
  await until("both events", () => statuses.length === 2);
  assert.deepEqual(statuses, ["open", "open"]);
  assert.deepEqual(seen(storage), ["open", true, false, "member"]);
  assert.deepEqual(seen(home.begin({ candidate: false })), ["open", true, false, "member"], "of the same file");
});

test("a storage without a manager is disconnected, works, and is open again with the next manager", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const storage = await home.open({ candidate: false });
  const statuses: string[] = [];
  storage.on("disconnect", () => statuses.push(storage.status));
  await manager.kill();
  await until("the end of the manager is known", () => storage.status === "disconnected");
  assert.deepEqual(seen(storage), ["disconnected", false, false, "disconnected"]);
  assert.deepEqual(statuses, ["disconnected"]);
  storage.set("key", 1);
  assert.equal(storage.get("key"), 1);
  await home.member();
  await storage.flush();
  assert.deepEqual(seen(storage), ["open", true, false, "member"]);
});

test("a storage that gave up has failed: it throws the failure until it is closed", async (t) => {
  const home = new Home(t);
  writeFileSync(home.file, "neither a snapshot nor JSON");
  const storage = home.begin();
  const errors: unknown[] = [];
  storage.on("error", (error) => errors.push(error, storage.status));
  await assert.rejects(storage.sync(), { code: "ERR_STORAGE_FORMAT" });
  await until("the event", () => errors.length > 0);
  assert.deepEqual(seen(storage), ["failed", false, false, "disconnected"]);
  const { failure } = factsOf(storage) as StorageFacts;
  assert.deepEqual(errors, [failure, "failed"]);
  assert.throws(() => storage.get("key"), failure as Error);
  assert.throws(() => storage.set("key", 1), failure as Error);
  await assert.rejects(storage.destroy(), failure as Error);
  const closing = storage.close();
  assert.deepEqual(seen(storage), ["closed", false, true, "closed"]);
  await closing;
  assert.throws(() => storage.get("key"), { code: "ERR_STORAGE_CLOSED" });
});

test("a storage that cannot take the clear of destroy stays open, and destroy can be called again", async (t) => {
  const home = new Home(t);
  const lonely = home.begin({ candidate: false, maxPendingBytes: 690 });
  for (let count = 0; count < 10; count++) lonely.delete("k"); // 69 bytes each
  await assert.rejects(lonely.destroy(), { code: "ERR_STORAGE_PENDING_FULL" });
  assert.equal(lonely.closed, false);
  await home.member();
  await lonely.flush();
  await lonely.destroy();
  assert.equal(lonely.closed, true);
});

test("a storage is closed from the call of close or destroy on; others of its file are not", async (t) => {
  const home = new Home(t);
  for (const end of ["close", "destroy"] as const) {
    const [storage, other] = [await home.open(), await home.open()];
    const ended = storage[end]();
    assert.deepEqual(seen(storage), ["closed", false, true, "closed"]);
    assert.deepEqual(seen(other), ["open", true, false, "manager"]);
    await ended;
    assert.equal(storage.status, "closed");
    await other.close();
    assert.equal(other.status, "closed");
  }
});

test("the adapters know the pending writes, how late the last write came, and whether writes are pushed", async (t) => {
  const storage = await new Home(t).open();
  const facts = factsOf(storage) as StorageFacts;
  assert.deepEqual([facts.hasPending, facts.isPushed, facts.failure], [false, true, null]);
  const { seq } = facts;
  storage.set("key", 1);
  assert.equal(facts.hasPending, true);
  await storage.flush();
  assert.deepEqual([facts.hasPending, facts.seq > seq], [false, true]);
  assert.deepEqual([facts.seq, facts.delayMs], [storage.stats().seq, storage.stats().delay]);
});

test("what is no storage has no facts", () => {
  for (const value of [undefined, null, 5, "app", {}, new Map()]) assert.equal(factsOf(value), undefined);
});
