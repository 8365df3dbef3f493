import assert from "node:assert/strict";
import type { Promised } from "./suite.js";

/** Keys that are just text in an array path, whatever they look like. */
const ODD_KEYS = [
  "a.b",
  "a[0]",
  "::1",
  "",
  " ",
  "0",
  "-1",
  "__proto__",
  "constructor",
  "toString",
  "ä\ud83d\ude00",
  "\ud800",
];

export const paths: readonly Promised[] = [
  {
    name: "a string is read as lodash reads it; an array is keys as they are",
    async try(pair) {
      pair.storage.set("users[1].name.first", "Ada");
      pair.storage.set(["users", 1, "name", "last"], "Lovelace");
      pair.storage.set(["a.b"], "dotted");
      await pair.settle();
      const user = { name: { first: "Ada", last: "Lovelace" } };
      for (const path of ["users", ["users"]]) assert.deepEqual(await pair.other.call("get", path), [null, user]);
      for (const path of ["users[1]", "users.1", 'users["1"]', ["users", "1"], ["users", 1]]) {
        assert.deepEqual(pair.storage.get(path), user);
        assert.deepEqual(await pair.other.call("get", path), user);
      }
      assert.deepEqual(pair.storage.keys().sort(), ["a.b", "users"]);
    },
  },
  {
    name: "a top-level key that equals the whole string comes first",
    async try(pair) {
      pair.storage.set(["a.b"], "whole");
      pair.storage.set(["a", "b"], "nested");
      assert.equal(pair.storage.get("a.b"), "whole");
      pair.storage.set("a.b", "still whole");
      await pair.settle();
      assert.equal(await pair.other.call("get", "a.b"), "still whole");
      assert.equal(await pair.other.call("get", ["a", "b"]), "nested");
      pair.storage.delete("a.b");
      await pair.settle();
      assert.equal(pair.storage.get("a.b"), "nested");
      assert.equal(await pair.other.call("get", "a.b"), "nested");
    },
  },
  {
    name: "odd keys are plain keys by an array path, at the top and, but for __proto__, below",
    async try(pair) {
      for (const key of ODD_KEYS) pair.storage.set([key], { key });
      for (const key of ODD_KEYS) if (key !== "__proto__") pair.storage.set(["below", key], key);
      await pair.settle();
      for (const key of ODD_KEYS) {
        assert.deepEqual(pair.storage.get([key]), { key });
        assert.deepEqual(await pair.other.call("get", [key]), { key });
        if (key !== "__proto__") assert.equal(await pair.other.call("get", ["below", key]), key);
      }
      assert.deepEqual((await pair.other.call<string[]>("keys")).sort(), [...ODD_KEYS, "below"].sort());
      pair.storage.delete(["__proto__"]);
      await pair.settle();
      assert.equal(await pair.other.call("has", ["__proto__"]), false);
    },
  },
  {
    name: "nothing of a prototype is ever found",
    async try(pair) {
      pair.storage.set("object", {});
      pair.storage.set("list", []);
      await pair.settle();
      for (const path of [
        "constructor",
        "toString",
        "object.constructor",
        "object.toString",
        "list.push",
        "list.map",
      ]) {
        assert.equal(pair.storage.has(path), false, path);
        assert.equal(pair.storage.get(path), null, path);
        assert.equal(await pair.other.call("get", path), null, path);
      }
    },
  },
  {
    name: "a step __proto__ below the top throws TypeError and changes nothing",
    async try(pair) {
      pair.storage.set("object", { a: 1 });
      await pair.settle();
      const steps = [
        "object.__proto__",
        "object.__proto__.polluted",
        "object.__proto__[0]",
        ["object", "__proto__", "x"],
      ];
      for (const path of steps) {
        assert.throws(() => pair.storage.set(path, "x"), TypeError);
        assert.throws(() => pair.storage.get(path), TypeError);
        assert.throws(() => pair.storage.delete(path), TypeError);
        assert.throws(() => pair.storage.touch(path, 1), TypeError);
        assert.throws(() => pair.storage.increment(path), TypeError);
        await assert.rejects(pair.other.call("set", path, "x"), { name: "TypeError" });
      }
      await pair.settle();
      assert.deepEqual(await pair.other.call("entries"), [["object", { a: 1 }]]);
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
      assert.equal(pair.storage.set("kept", JSON.parse('{"__proto__":{"x":1}}')) !== null, true);
      await pair.settle();
      assert.deepEqual(Object.keys((await pair.other.call("get", "kept")) as object), ["__proto__"]);
      assert.equal(({} as Record<string, unknown>).x, undefined);
    },
  },
  {
    name: "missing and primitive steps become objects, or arrays before an index",
    async try(pair) {
      pair.storage.set("new.a.b", 1);
      pair.storage.set("list[2]", "c");
      pair.storage.set("text", "abc");
      pair.storage.set("text.x", 1);
      pair.storage.set("number", 5);
      pair.storage.set("number[1]", 1);
      pair.storage.set("array", [1, 2]);
      pair.storage.set("array.key", "k");
      await pair.settle();
      const expected = {
        new: { a: { b: 1 } },
        list: [null, null, "c"],
        text: { x: 1 },
        number: [null, 1],
        array: { 0: 1, 1: 2, key: "k" },
      };
      assert.deepEqual(Object.fromEntries(pair.storage.entries()), expected);
      assert.deepEqual(Object.fromEntries(await pair.other.call<[string, unknown][]>("entries")), expected);
    },
  },
  {
    name: "in an array path a string is a key of an object, and a number an index",
    async try(pair) {
      pair.storage.set(["users", "1170798"], { name: "Ada" });
      await pair.other.call("set", ["users", "0"], { name: "Bob" });
      pair.storage.set(["carts", "4711", "items", 1, "7"], "pen");
      assert.equal(await pair.storage.add(["added", "99999"], 1), true);
      assert.equal(await pair.storage.increment(["hits", "127", "0"], 1, 60_000), 1);
      pair.storage.set(["rows", 1, "0"], "cell");
      pair.storage.set(["list", 1], "b");
      pair.storage.set(["list", "0"], "a");
      await pair.settle();
      const expected = {
        users: { 0: { name: "Bob" }, 1170798: { name: "Ada" } },
        carts: { 4711: { items: [null, { 7: "pen" }] } },
        added: { 99999: 1 },
        hits: { 127: { 0: 1 } },
        rows: [null, { 0: "cell" }],
        list: ["a", "b"],
      };
      assert.deepEqual(Object.fromEntries(pair.storage.entries()), expected);
      assert.deepEqual(Object.fromEntries(await pair.other.call<[string, unknown][]>("entries")), expected);
      assert.deepEqual(await pair.other.call("get", "users.1170798.name"), "Ada");
      assert.equal(pair.storage.touch(["users", "1170798"], 60_000), true);
      assert.equal(await pair.storage.patch(["users", "1170798"], { age: 36 }), true);
      assert.throws(() => pair.storage.set(["list", "1170798"], "x"), RangeError);
    },
  },
  {
    name: "an index too far after the end throws RangeError and changes nothing",
    async try(pair) {
      pair.storage.set("list", [1]);
      pair.storage.set("list[65535]", "last");
      await pair.settle();
      const length = (list: unknown) => (list as unknown[]).length;
      assert.equal(length(await pair.other.call("get", "list")), 65_536);
      for (const path of ["list[65536]", "list[4294967294]"]) {
        const message =
          /^expected an index below 65536 where .*; for ids, use an array path of strings, as in \["users", "4711"\]: /;
        assert.throws(() => pair.storage.set(path, "x"), { name: "RangeError", message }, path);
        assert.throws(() => pair.storage.increment(path), RangeError, path);
      }
      await pair.settle();
      assert.deepEqual((await pair.other.call<string[]>("keys")).sort(), ["list"]);
      assert.equal(length(await pair.other.call("get", "list")), 65_536);
    },
  },
  {
    name: "a number that no array may have as an index is a key of an object, where a container is created",
    async try(pair) {
      pair.storage.set("customers.1170798.name", "bob");
      pair.storage.set("customers.42.name", "ann");
      pair.storage.set("deep.list[0][65536]", 1);
      await pair.storage.increment("views.65536");
      await pair.settle();
      assert.deepEqual(await pair.other.call("get", "customers"), { 42: { name: "ann" }, 1170798: { name: "bob" } });
      assert.deepEqual(await pair.other.call("get", "deep"), { list: [{ 65536: 1 }] });
      assert.deepEqual(await pair.other.call("get", "views"), { 65536: 1 });
    },
  },
];
