import assert from "node:assert/strict";
import type { StorageChange } from "../../../dist/core/index.js";
import { until } from "../../proof/cluster/processes.js";
import type { Pair, Promised } from "./suite.js";

/** Calls every method; gives what each threw or was rejected with. */
export async function everyUse({ storage }: Pick<Pair, "storage">): Promise<Array<[name: string, error: unknown]>> {
  const uses: Record<string, () => unknown> = {
    set: () => storage.set("key", 1),
    get: () => storage.get("key"),
    has: () => storage.has("key"),
    delete: () => storage.delete("key"),
    touch: () => storage.touch("key", 1),
    ttl: () => storage.ttl("key"),
    patch: () => storage.patch("key", {}),
    keys: () => storage.keys(),
    entries: () => storage.entries(),
    size: () => storage.size,
    clear: () => storage.clear(),
    batch: () => storage.batch(() => {}),
    increment: () => storage.increment("key"),
    add: () => storage.add("key", 1),
    update: () => storage.update("key", () => 1),
    take: () => storage.take("key"),
    watch: () => storage.watch("key", () => {}),
    publish: () => storage.publish("key", 1),
    subscribe: () => storage.subscribe("key", () => {}),
    flush: () => storage.flush(),
    sync: () => storage.sync(),
  };
  const errors: Array<[string, unknown]> = [];
  for (const [name, use] of Object.entries(uses)) {
    let error: unknown = null;
    try {
      await use();
    } catch (thrown) {
      error = thrown;
    }
    errors.push([name, error]);
  }
  return errors;
}

export const life: readonly Promised[] = [
  {
    name: "flush: what was written before is confirmed; sync: what was confirmed elsewhere is here",
    async try(pair) {
      for (let round = 0; round < 20; round++) {
        pair.storage.set("n", round);
        assert.equal(pair.storage.stats().pending > 0, true);
        await pair.storage.flush();
        assert.equal(pair.storage.stats().pending, 0);
        await pair.other.call("sync");
        assert.equal(await pair.other.call("get", "n"), round);
        await pair.other.call("set", "m", round);
        await pair.other.call("flush");
        await pair.storage.sync();
        assert.equal(pair.storage.get("m"), round);
      }
      await pair.storage.flush();
    },
  },
  {
    name: "change reports every write that took effect, of both sides, in the order of the log",
    async try(pair) {
      const { storage, other } = pair;
      const changes: StorageChange[] = [];
      const record = (change: StorageChange) => changes.push(change);
      storage.on("change", record);
      storage.set("a.b", 1);
      await storage.flush();
      await other.call("set", "c", { d: 1 });
      await other.call("increment", "c.d", 2);
      await other.call("touch", ["c"], 60_000);
      await other.call("patch", "c", { e: 1 });
      await other.call("patch", "c.d", { e: 1 });
      await other.call("patch", "c", { e: 2 }, { match: { e: 2 } });
      await other.call("add", "c", 1);
      await other.call("delete", "a");
      await other.call("delete", "a");
      await other.call("clear");
      await pair.settle();
      await until("all changes", () => changes.some(({ type }) => type === "clear"));
      storage.off("change", record);
      assert.deepEqual(
        changes.map(({ type, path }) => [type, ...path]),
        [
          ["set", "a", "b"],
          ["set", "c"],
          ["increment", "c", "d"],
          ["touch", "c"],
          ["patch", "c"],
          ["delete", "a"],
          ["clear"],
        ],
      );
    },
  },
  {
    name: "expire reports once what has expired, and the log's time moves on without any write",
    options: { gcInterval: 20 },
    async try(pair) {
      const { storage } = pair;
      const expired: string[] = [];
      storage.on("expire", ({ path }) => expired.push(path.join("/")));
      storage.set("key", 1, 60);
      storage.set("object", { kept: 1 });
      storage.set("object.child", 2, 60);
      await storage.flush();
      await until("both events", () => expired.length >= 2);
      const seq = storage.stats().seq;
      await until("log time moves on", () => storage.stats().seq > seq + 2);
      assert.deepEqual(expired.sort(), ["key", "object/child"]);
      assert.deepEqual(storage.entries(), [["object", { kept: 1 }]]);
    },
  },
  {
    name: "stats reports what the storage does",
    async try(pair) {
      const { storage } = pair;
      storage.set("a", "x".repeat(1000));
      const before = storage.stats();
      assert.ok(before.pending >= 1 && before.pendingBytes >= 1000 && before.lag >= 0, JSON.stringify(before));
      await pair.settle();
      const stats = pair.storage.stats();
      assert.deepEqual([stats.pending, stats.pendingBytes, stats.lag], [0, 0, 0]);
      assert.ok(stats.seq > 0 && stats.epoch > 0 && stats.members >= 1, JSON.stringify(stats));
      assert.equal(stats.role, pair.storage.isManager ? "manager" : "member");
      assert.ok(pair.storage.connected && !pair.storage.closed);
      assert.ok(pair.storage.managerPid > 0);
      assert.equal(pair.storage.isManager, (await pair.other.call("managerPid")) === process.pid);
      assert.match(pair.storage.filename, pair.filename);
      assert.equal(pair.storage.name, "app");
    },
  },
  {
    name: "close confirms pending writes; after it every use throws ERR_STORAGE_CLOSED; the others go on",
    closes: true,
    async try(pair) {
      const { storage, other } = pair;
      for (let index = 0; index < 1000; index++) storage.set(`key${index}`, index);
      const last = storage.increment("count");
      const closing = storage.close();
      assert.equal(storage.closed, true);
      for (const [name, error] of await everyUse(pair)) {
        assert.equal((error as { code?: string } | null)?.code, "ERR_STORAGE_CLOSED", name);
      }
      assert.equal(storage.close(), closing, "closing again is the same");
      await closing;
      assert.equal(await last, 1);
      await storage[Symbol.asyncDispose]();
      await assert.rejects(storage.destroy(), { code: "ERR_STORAGE_CLOSED" }, "the data stays");
      assert.deepEqual([storage.connected, storage.isManager, storage.stats().role], [false, false, "closed"]);
      await other.call("sync");
      assert.equal(await other.call("size"), 1001);
      await other.call("set", "after", 1);
      await other.call("flush");
      assert.equal(await other.call("get", "after"), 1);
    },
  },
  {
    name: "destroy removes everything for all, who go on with nothing",
    closes: true,
    async try(pair) {
      pair.storage.set("key", 1);
      await pair.other.call("set", "theirs", 1);
      await pair.settle();
      const { storage, other } = pair;
      const destroyed = storage.destroy();
      assert.equal(storage.closed, true);
      await Promise.all([destroyed, storage.destroy(), storage.close()]);
      await other.call("sync");
      assert.deepEqual(await other.call("entries"), []);
      await other.call("set", "after", 1);
      await other.call("flush");
      await other.call("sync");
      assert.deepEqual(await other.call("entries"), [["after", 1]]);
      assert.equal(storage.closed, true);
    },
  },
  {
    name: "destroy in a batch removes what the batch has written, and also if the batch throws",
    closes: true,
    async try(pair) {
      const { storage, other } = pair;
      storage.set("key", 1);
      let destroyed: Promise<void> | undefined;
      const failing = () => {
        storage.set("other", 1);
        destroyed = storage.destroy();
        throw new Error("changed my mind");
      };
      assert.throws(() => storage.batch(failing), /changed my mind/);
      await destroyed;
      await other.call("sync");
      assert.deepEqual(await other.call("entries"), []);
    },
  },
  {
    name: "close in a batch confirms what the batch has written before",
    closes: true,
    async try(pair) {
      const { storage, other } = pair;
      let closed: Promise<void> | undefined;
      storage.batch(() => {
        storage.set("a", 1);
        storage.batch(() => {
          storage.set("b", 2);
          closed = storage.close();
        });
      });
      await closed;
      await other.call("sync");
      assert.deepEqual(Object.fromEntries((await other.call("entries")) as [string, unknown][]), { a: 1, b: 2 });
    },
  },
  {
    name: "close in a batch that throws has nothing of the batch to wait for",
    closes: true,
    async try(pair) {
      const { storage, other } = pair;
      let closed: Promise<void> | undefined;
      const writingOn = () => {
        storage.set("a", 1);
        closed = storage.close();
        storage.set("b", 2);
      };
      assert.throws(() => storage.batch(writingOn), { code: "ERR_STORAGE_CLOSED" });
      await closed;
      await other.call("sync");
      assert.deepEqual(await other.call("entries"), []);
    },
  },
  {
    name: "a closed storage emits disconnect at most once",
    closes: true,
    async try(pair) {
      assert.equal(pair.storage.connected, true);
      assert.equal(await pair.other.call("connected"), true);
      let told = 0;
      pair.storage.on("disconnect", () => told++);
      await pair.storage.close();
      assert.ok(told <= 1);
    },
  },
];
