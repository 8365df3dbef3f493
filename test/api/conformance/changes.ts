import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { runs } from "../../proof/budget.js";
import type { Pair, Promised } from "./suite.js";

const COUNT = 200;
/** How often the two sides meet, with everything settled in between. */
const ROUNDS = 5 * runs;

/** What `entries` gives, as an object. */
async function elsewhere({ other }: Pair): Promise<Record<string, unknown>> {
  return Object.fromEntries(await other.call<[string, unknown][]>("entries"));
}

/** The storage is unchanged, on both sides. */
async function expectUnchanged(pair: Pair, act: () => Promise<void> | void): Promise<void> {
  pair.storage.clear();
  pair.storage.set("object", { list: [1, { a: "b" }], n: 1 });
  await pair.settle();
  await act();
  await pair.settle();
  const expected = { object: { list: [1, { a: "b" }], n: 1 } };
  assert.deepEqual(Object.fromEntries(pair.storage.entries()), expected);
  assert.deepEqual(await elsewhere(pair), expected);
}

export const changesAndPromises: readonly Promised[] = [
  {
    name: "the writes of a batch become visible together; no other member sees only some of them",
    async try(pair) {
      const writeAll = async () => {
        for (let round = 1; round <= COUNT; round++) {
          pair.storage.batch(() => {
            pair.storage.set("a", round);
            pair.storage.set("b.c", round);
            pair.storage.set(`round${round}`, true);
            if (round > 1) pair.storage.delete(`round${round - 1}`);
          });
          if (round % 5 === 0) await pair.storage.flush();
        }
      };
      let isWriting = true;
      const writing = writeAll().finally(() => {
        isWriting = false;
      });
      let looks = 0;
      for (; isWriting || looks === 0; looks++) {
        const seen = await elsewhere(pair);
        await nextTurn();
        if (Object.keys(seen).length === 0) continue;
        assert.deepEqual(Object.keys(seen).sort(), ["a", "b", `round${seen.a}`]);
        assert.deepEqual(seen.b, { c: seen.a });
      }
      await writing;
      await pair.settle();
      assert.deepEqual(await elsewhere(pair), { a: COUNT, b: { c: COUNT }, [`round${COUNT}`]: true });
    },
  },
  {
    name: "a batch that throws has done nothing, and what was written before it stays",
    async try(pair) {
      pair.storage.set("before", { x: 1 }, 60_000);
      await pair.settle();
      const seen = pair.storage.get("before");
      pair.storage.set("same tick", 1);
      assert.throws(
        () =>
          pair.storage.batch(() => {
            pair.storage.set("before.x", 2);
            pair.storage.set("same tick", 2);
            pair.storage.set("new", 2);
            pair.storage.delete("before");
            pair.storage.clear();
            pair.storage.set("behind", 3);
            throw new Error("changed my mind");
          }),
        /changed my mind/,
      );
      const expected = { before: { x: 1 }, "same tick": 1 };
      assert.deepEqual(Object.fromEntries(pair.storage.entries()), expected);
      assert.deepEqual(seen, { x: 1 });
      await pair.settle();
      assert.deepEqual(await elsewhere(pair), expected);
    },
  },
  {
    name: "a bad write within a batch undoes the batch",
    try: (pair) =>
      expectUnchanged(pair, () => {
        const bad: Array<[() => unknown, new () => Error]> = [
          [() => pair.storage.set("x", undefined), TypeError],
          [() => pair.storage.set("x", 1, -1), RangeError],
          [() => pair.storage.set("object.list[99999]", 1), RangeError],
          [() => pair.storage.set("object.__proto__.x", 1), TypeError],
        ];
        for (const [write, type] of bad) {
          const batch = () =>
            pair.storage.batch(() => {
              pair.storage.set("object.n", 2);
              write();
            });
          assert.throws(batch, type);
        }
        assert.throws(() => pair.storage.batch((async () => pair.storage.set("object.n", 3)) as () => void), TypeError);
      }),
  },
  {
    name: "a batch within a batch is part of it; an empty one is nothing",
    async try(pair) {
      pair.storage.batch(() => {
        pair.storage.set("a", 1);
        pair.storage.batch(() => pair.storage.set("b", 2));
        pair.storage.set("c", pair.storage.get("a") + pair.storage.get("b"));
      });
      pair.storage.batch(() => {});
      assert.throws(() =>
        pair.storage.batch(() => {
          pair.storage.batch(() => pair.storage.set("a", 9));
          throw new Error("outer");
        }),
      );
      await pair.settle();
      assert.deepEqual(await elsewhere(pair), { a: 1, b: 2, c: 3 });
    },
  },
  {
    name: "a batch within a batch that throws takes back its own writes, whoever catches the error",
    async try(pair) {
      pair.storage.set("from", 100);
      pair.storage.set("to", 0);
      const transfer = (amount: number): void =>
        pair.storage.batch(() => {
          pair.storage.set("from", pair.storage.get("from") - amount);
          if (amount > 10) throw new RangeError("too much");
          pair.storage.set("to", pair.storage.get("to") + amount);
        });
      pair.storage.batch(() => {
        transfer(10);
        assert.throws(() => transfer(50), RangeError);
        pair.storage.set("log", "tried");
      });
      await pair.settle();
      assert.deepEqual(await elsewhere(pair), { from: 90, to: 10, log: "tried" });
    },
  },
  {
    name: "increments of both sides are all counted, and each learns its own number",
    async try(pair) {
      const numbers: Promise<number>[] = [];
      for (let index = 0; index < COUNT; index++) {
        numbers.push(pair.storage.increment("page.hits"), pair.other.call<number>("increment", "page.hits"));
      }
      const results = (await Promise.all(numbers)).sort((a, b) => a - b);
      assert.deepEqual(
        results,
        Array.from({ length: COUNT * 2 }, (_, index) => index + 1),
      );
      await pair.settle();
      assert.deepEqual(pair.storage.get("page"), { hits: COUNT * 2 });
      assert.deepEqual(await pair.other.call("get", "page"), { hits: COUNT * 2 });
    },
  },
  {
    name: "an increment is visible here at once, by any amount",
    async try(pair) {
      const promises = [
        pair.storage.increment("n", 5),
        pair.storage.increment("n", -7),
        pair.storage.increment("n", 0.5),
      ];
      assert.equal(pair.storage.get("n"), -1.5);
      assert.deepEqual(await Promise.all(promises), [5, -2, -1.5]);
      pair.storage.set("stored", 10);
      assert.equal(await pair.storage.increment("stored", 0), 10);
    },
  },
  {
    name: "an increment of what is no number fails with ERR_STORAGE_NOT_A_NUMBER and changes nothing",
    try: (pair) =>
      expectUnchanged(pair, async () => {
        const code = "ERR_STORAGE_NOT_A_NUMBER";
        await assert.rejects(pair.storage.increment("object"), {
          name: "StorageError",
          code,
          message: 'expected a number at ["object"] whose sum with 1 is finite, got an object',
        });
        await assert.rejects(pair.storage.increment("object.list[1].a", 3), { code });
        await assert.rejects(pair.other.call("increment", "object.list"), { code });
        pair.storage.set("large", Number.MAX_VALUE);
        await assert.rejects(pair.storage.increment("large", Number.MAX_VALUE), { code });
        assert.equal(pair.storage.get("large"), Number.MAX_VALUE);
        pair.storage.delete("large");
      }),
  },
  {
    name: "add stores what is not there; of all that try at once exactly one wins",
    async try(pair) {
      assert.equal(await pair.storage.add("job", { by: "first" }), true);
      assert.equal(await pair.storage.add("job", { by: "second" }), false);
      await pair.settle();
      assert.equal(await pair.other.call("add", "job", "third"), false);
      for (let round = 0; round < ROUNDS; round++) {
        const key = `race${round}`;
        const wins = await Promise.all([
          pair.storage.add(key, "here"),
          pair.other.call<boolean>("add", key, "there"),
          pair.storage.add(key, "here again"),
        ]);
        assert.equal(wins.filter(Boolean).length, 1, key);
        await pair.settle();
        const winner = wins[0] ? "here" : wins[1] ? "there" : "here again";
        assert.equal(pair.storage.get(key), winner);
        assert.equal(await pair.other.call("get", key), winner);
      }
      assert.deepEqual(pair.storage.get("job"), { by: "first" });
    },
  },
  {
    name: "add takes a stored null and a nested value as there, an empty place of an array as absent",
    async try(pair) {
      pair.storage.set("nothing", null);
      pair.storage.set("object", { a: 0, list: [1, null] });
      assert.equal(await pair.storage.add("nothing", 1), false);
      assert.equal(await pair.storage.add("object.a", 1), false);
      assert.equal(await pair.storage.add("object.b", 1), true);
      assert.equal(await pair.storage.add("object.list[1]", 2), true);
      await pair.settle();
      assert.deepEqual(await elsewhere(pair), { nothing: null, object: { a: 0, b: 1, list: [1, 2] } });
    },
  },
  {
    name: "what cannot be added or incremented fails at once or by the promise, and changes nothing",
    try: (pair) =>
      expectUnchanged(pair, async () => {
        const { storage } = pair;
        await assert.rejects(async () => storage.add("x", undefined), TypeError);
        await assert.rejects(async () => storage.add("x", 1, -1), RangeError);
        await assert.rejects(async () => storage.increment("x", "1" as unknown as number), TypeError);
        for (const amount of [Number.NaN, Infinity])
          await assert.rejects(async () => storage.increment("x", amount), RangeError);
        await assert.rejects(async () => storage.increment("x", 1, Number.NaN), RangeError);
        await assert.rejects(async () => storage.increment("object.list[70000]"), RangeError);
      }),
  },
];
