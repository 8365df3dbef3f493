import assert from "node:assert/strict";
import type { Pair, Promised } from "./suite.js";

const VALUES: ReadonlyArray<readonly [key: string, value: unknown]> = [
  ["text", "some text"],
  ["empty", ""],
  ["letters", 'äöü \u0000 \ud83d\ude00 \u2028 \\ " \n'],
  ["a lone surrogate", "\ud800"],
  ["long", "x".repeat(200_000)],
  ["zero", 0],
  ["number", -12.5e-7],
  ["large", 2 ** 53 + 2],
  ["yes", true],
  ["no", false],
  ["nothing", null],
  ["list", []],
  ["lists", [1, [2, [3, null]], { a: [] }]],
  ["object", {}],
  ["deep", { a: { b: { c: [{ d: "e" }] } } }],
  ["names of Object", { constructor: 1, toString: "x", hasOwnProperty: null, valueOf: [1] }],
];

/** Both sides show the same. */
async function expectBoth(pair: Pair, path: string | string[], expected: unknown): Promise<void> {
  assert.deepEqual(pair.storage.get(path), expected, "here");
  assert.deepEqual(await pair.other.call("get", path), expected, "elsewhere");
}

const isDeepFrozen = (value: unknown): boolean =>
  typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isDeepFrozen));

export const values: readonly Promised[] = [
  {
    name: "what is set is visible at once, and elsewhere as soon as it is confirmed",
    async try(pair) {
      for (const [key, value] of VALUES) {
        assert.equal(pair.storage.set([key], value), value, "set returns what it was given");
        assert.deepEqual(pair.storage.get([key]), value, "at once");
        assert.equal(pair.storage.has([key]), true);
      }
      assert.equal(pair.storage.size, VALUES.length);
      await pair.settle();
      for (const [key, value] of VALUES) await expectBoth(pair, [key], value);
      assert.equal(await pair.other.call("size"), VALUES.length);
    },
  },
  {
    name: "what is set elsewhere is here after a sync",
    async try(pair) {
      for (const [key, value] of VALUES) await pair.other.call("set", [key], value);
      await pair.other.call("flush");
      await pair.storage.sync();
      for (const [key, value] of VALUES) assert.deepEqual(pair.storage.get([key]), value);
      await pair.settle();
      for (const [key, value] of VALUES) await expectBoth(pair, [key], value);
    },
  },
  {
    name: "what is stored is the JSON of that moment",
    async try(pair) {
      const date = new Date(0);
      const given = { date, none: undefined, list: [undefined, Number.NaN], to: { toJSON: () => "json" } };
      pair.storage.set("key", given);
      date.setTime(1e12);
      given.list.push(3);
      await pair.settle();
      await expectBoth(pair, "key", { date: "1970-01-01T00:00:00.000Z", list: [null, null], to: "json" });
      assert.equal(Object.isFrozen(given), false, "the caller's object stays the caller's");
    },
  },
  {
    name: "what get returns is frozen and never changes",
    async try(pair) {
      pair.storage.set("user", { name: "Ada", tags: ["a", { b: 1 }] });
      await pair.settle();
      const before = pair.storage.get("user");
      const tags = pair.storage.get("user.tags");
      assert.ok(isDeepFrozen(before));
      assert.throws(() => before.tags.push("c"), TypeError);
      assert.throws(() => Object.assign(before, { name: "Eve" }), TypeError);
      pair.storage.set("user.name", "Bob");
      pair.storage.set("user.tags[1].b", 2);
      pair.storage.delete("user.tags[0]");
      await pair.other.call("set", "user.age", 3);
      await pair.settle();
      assert.deepEqual(before, { name: "Ada", tags: ["a", { b: 1 }] });
      assert.deepEqual(tags, ["a", { b: 1 }]);
      await expectBoth(pair, "user", { name: "Bob", tags: [null, { b: 2 }], age: 3 });
      assert.ok(isDeepFrozen(pair.storage.get("user")));
      for (const [, value] of pair.storage.entries()) assert.ok(isDeepFrozen(value));
    },
  },
  {
    name: "what does not exist is null; a stored null exists",
    async try(pair) {
      pair.storage.set("nothing", null);
      pair.storage.set("text", "abc");
      pair.storage.set("list", [1, null]);
      await pair.settle();
      for (const path of ["absent", "nothing.below", "text.below.it", "list[7]", "list.key"]) {
        await expectBoth(pair, path, null);
        assert.equal(pair.storage.has(path), false, path);
        assert.equal(await pair.other.call("has", path), false, path);
      }
      await expectBoth(pair, "nothing", null);
      assert.equal(pair.storage.has("nothing"), true);
      assert.equal(pair.storage.has("list[0]"), true);
      assert.equal(pair.storage.has("list[1]"), false, "an empty place of an array");
    },
  },
  {
    name: "delete removes a key, a member of an object, an element of an array; what is not there is no error",
    async try(pair) {
      pair.storage.set("a", 1);
      pair.storage.set("object", { x: 1, y: 2 });
      pair.storage.set("list", [1, 2, 3]);
      await pair.settle();
      for (const path of ["a", "object.x", "list[1]", "absent", "object.no.where", "list[9]"]) {
        assert.equal(pair.storage.delete(path), undefined);
        assert.equal(pair.storage.has(path), false, path);
      }
      await pair.settle();
      await expectBoth(pair, "a", null);
      await expectBoth(pair, "object", { y: 2 });
      await expectBoth(pair, "list", [1, null, 3]);
      assert.equal(await pair.other.call("size"), 2);
    },
  },
  {
    name: "keys, entries and size give the top-level keys, all or those with a prefix",
    async try(pair) {
      for (const key of ["user.1", "user.2", "users", "zebra"]) pair.storage.set([key], { key });
      pair.storage.set("zebra.stripes", 3);
      await pair.settle();
      for (const side of [
        pair.other,
        { call: async (name: string, prefix?: string) => callHere(pair, name, prefix) },
      ]) {
        assert.deepEqual(((await side.call("keys")) as string[]).sort(), ["user.1", "user.2", "users", "zebra"]);
        assert.deepEqual(((await side.call("keys", "user.")) as string[]).sort(), ["user.1", "user.2"]);
        assert.deepEqual(await side.call("keys", "none"), []);
        assert.deepEqual(await side.call("entries", "z"), [["zebra", { key: "zebra", stripes: 3 }]]);
        assert.equal(((await side.call("entries")) as unknown[]).length, 4);
        assert.equal(await side.call("size"), 4);
      }
    },
  },
  {
    name: "clear removes everything, and what is written after it stays",
    async try(pair) {
      for (let index = 0; index < 100; index++) pair.storage.set(`key${index}`, { index });
      await pair.settle();
      pair.storage.clear();
      assert.deepEqual([pair.storage.size, pair.storage.keys(), pair.storage.get("key1")], [0, [], null]);
      pair.storage.set("key1", "new");
      await pair.settle();
      assert.deepEqual(await pair.other.call("entries"), [["key1", "new"]]);
      assert.deepEqual(pair.storage.entries(), [["key1", "new"]]);
    },
  },
  {
    name: "writes of both sides come into one order, the same for both",
    async try(pair) {
      const theirs: Promise<unknown>[] = [];
      for (let round = 0; round < 100; round++) {
        pair.storage.set(`hot.${round % 3}`, `here ${round}`);
        theirs.push(pair.other.call("set", `hot.${round % 3}`, `there ${round}`));
        if (round % 10 === 0) await pair.storage.flush();
      }
      await Promise.all(theirs);
      await pair.settle();
      assert.deepEqual(await pair.other.call("get", "hot"), pair.storage.get("hot"));
      assert.equal((await pair.other.call<{ seq: number }>("stats")).seq, pair.storage.stats().seq);
    },
  },
];

function callHere({ storage }: Pair, name: string, prefix?: string): unknown {
  if (name === "size") return storage.size;
  return name === "keys" ? storage.keys(prefix) : storage.entries(prefix);
}
