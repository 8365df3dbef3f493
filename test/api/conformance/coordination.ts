/** What processes agree on. */
import assert from "node:assert/strict";
import type { StorageWatchEvent } from "../../../dist/core/index.js";
import { until } from "../../proof/cluster/processes.js";
import type { Promised } from "./suite.js";

const COUNT = 50;

export const coordination: readonly Promised[] = [
  {
    name: "update: no change of either side is lost",
    async try(pair) {
      const { storage, other } = pair;
      storage.set("n", 0);
      await pair.settle();
      const mine: Promise<number>[] = [];
      const theirs: Promise<unknown>[] = [];
      for (let round = 0; round < COUNT; round++) {
        mine.push(pair.storage.update("n", (n: number) => n + 1));
        theirs.push(other.call("increment", "n"));
      }
      const results = [...(await Promise.all(mine)), ...((await Promise.all(theirs)) as number[])];
      await pair.settle();
      assert.equal(pair.storage.get("n"), 2 * COUNT);
      assert.equal(await other.call("get", "n"), 2 * COUNT);
      assert.equal(new Set(results).size, 2 * COUNT, "each has its own result");
    },
  },
  {
    name: "update: undefined, and an error, leave everything as it is",
    async try(pair) {
      pair.storage.set("object", { a: 1 });
      await pair.settle();
      assert.deepEqual(await pair.storage.update("object", () => undefined), { a: 1 });
      const failing = pair.storage.update("object", () => {
        throw new RangeError("no");
      });
      await assert.rejects(failing, /^RangeError: no$/);
      await pair.settle();
      assert.deepEqual(await pair.other.call("get", "object"), { a: 1 });
    },
  },
  {
    name: "take: one side gets the value, the other one nothing",
    async try(pair) {
      for (let round = 0; round < COUNT; round++) pair.storage.set(["code", `c${round}`], { round });
      await pair.settle();
      const paths = Array.from({ length: COUNT }, (_, round) => ["code", `c${round}`]);
      const mine = paths.map((path) => pair.storage.take(path));
      const theirs = paths.map((path) => pair.other.call("take", path));
      for (let round = 0; round < COUNT; round++) {
        const both = [await mine[round], await theirs[round]];
        assert.deepEqual(
          both.filter((value) => value !== null),
          [{ round }],
        );
      }
      await pair.settle();
      assert.deepEqual(pair.storage.get("code"), {});
      assert.deepEqual(await pair.other.call("get", "code"), {});
    },
  },
  {
    name: "watch: what is there, then each change of either side, once and in order",
    async try(pair) {
      pair.storage.set("w:a", 1);
      await pair.settle();
      const seen: StorageWatchEvent[] = [];
      const end = pair.storage.watch("w:", (event) => seen.push(event), { initial: true });
      pair.storage.set("w:b", { x: 1 });
      await pair.storage.flush();
      await pair.other.call("set", ["w:b", "x"], 2);
      await pair.other.call("set", "v", 2);
      await pair.other.call("delete", "w:a");
      await pair.other.call("flush");
      await until("all is reported", () => seen.length >= 4);
      end();
      const texts = seen.map(({ type, path, value, isReload }) => [type, path, value, isReload]);
      assert.deepEqual(texts, [
        ["set", ["w:a"], 1, false],
        ["set", ["w:b"], { x: 1 }, false],
        ["set", ["w:b", "x"], 2, false],
        ["delete", ["w:a"], null, false],
      ]);
      assert.deepEqual(
        [...seen].sort((a, b) => a.seq - b.seq),
        seen,
      );
    },
  },
  {
    name: "publish: who gets a message sees the writes of its batch, on either side, and it is no data",
    async try(pair) {
      const seen: unknown[] = [];
      const end = pair.storage.subscribe("room:", ({ channel, data }) => {
        seen.push([channel, data, pair.storage.get("last")]);
      });
      let published: Promise<void> = Promise.resolve();
      pair.storage.batch(() => {
        published = pair.storage.publish("room:1", { text: "mine" });
        pair.storage.set("last", "mine");
      });
      await published;
      assert.deepEqual(seen, [["room:1", { text: "mine" }, "mine"]]);
      await pair.other.call("publish", "hall", 1);
      await pair.other.call("set", "last", "theirs");
      await pair.other.call("publish", "room:2", null);
      await until("the message of the other side", () => seen.length === 2);
      assert.deepEqual(seen[1], ["room:2", null, "theirs"]);
      end();
      await pair.other.call("publish", "room:3", 1);
      await pair.settle();
      assert.equal(seen.length, 2);
      assert.deepEqual(pair.storage.entries(), [["last", "theirs"]]);
      assert.equal(pair.storage.stats().dropped, 0);
    },
  },
];
