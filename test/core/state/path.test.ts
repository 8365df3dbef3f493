import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import toPath from "lodash/toPath.js";
import { MAX_DEPTH, MAX_KEY_BYTES } from "../../../dist/core/log/limits.js";
import { AS_KEYS, BY_TEXT, isKeyStep } from "../../../dist/core/log/step-kinds.js";
import { kindsOf, parsePath } from "../../../dist/core/state/path.js";

const none = () => false;

test("a string without dots and brackets is one key", () => {
  for (const key of ["a", "", "a]", "[", "a[0", "::1", "__proto__"]) assert.deepEqual(parsePath(key, none), [key]);
});

test("a string is parsed as lodash parses it", () => {
  assert.deepEqual(parsePath("a.b[0].c", none), ["a", "b", "0", "c"]);
  assert.deepEqual(parsePath('a["b.c"]', none), ["a", "b.c"]);
  const strings = fc.string({ unit: fc.constantFrom("a", ".", "[", "]", "0", '"', "\\") });
  fc.assert(
    fc.property(strings, (text) => {
      const keys = toPath(text);
      fc.pre(text.includes(".") || /\[.*\]/.test(text));
      assert.deepEqual(parsePath(text, none), keys.length > 0 ? keys : [text]);
      assert.deepEqual(parsePath(text, none), keys.length > 0 ? keys : [text]);
    }),
  );
});

test("an existing top-level key that equals the string wins, also after the string was parsed otherwise", () => {
  assert.deepEqual(parsePath("x.y", none), ["x", "y"]);
  assert.deepEqual(
    parsePath("x.y", (key) => key === "x.y"),
    ["x.y"],
  );
  assert.deepEqual(parsePath("x.y", none), ["x", "y"]);
});

test("an array is taken as it is, numbers as their text", () => {
  assert.deepEqual(parsePath(["a.b", 0, -0, 1.5], none), ["a.b", "0", "-0", "1.5"]);
  const given = ["a", "b"];
  const path = parsePath(given, none);
  given[0] = "changed";
  assert.deepEqual(path, ["a", "b"]);
});

test("what is no path is refused", () => {
  const bad: unknown[] = [undefined, null, 1, {}, [], [null], [undefined], [{}], [Number.NaN], [["a"]], Symbol("s")];
  for (const path of bad)
    assert.throws(() => parsePath(path as string, none), { name: "TypeError", message: /^expected/ });
});

test("__proto__ is refused below the top level only", () => {
  assert.deepEqual(parsePath(["__proto__"], none), ["__proto__"]);
  assert.deepEqual(parsePath("__proto__.a", none), ["__proto__", "a"]);
  for (const path of ["a.__proto__", "a.__proto__.b", 'a["__proto__"]']) {
    assert.throws(() => parsePath(path, none), TypeError);
  }
  assert.throws(() => parsePath(["a", "__proto__"], none), TypeError);
});

test("depth and length of keys are limited", () => {
  assert.equal(parsePath(new Array(MAX_DEPTH).fill("k"), none).length, MAX_DEPTH);
  assert.throws(() => parsePath(new Array(MAX_DEPTH + 1).fill("k"), none), RangeError);
  parsePath(["k".repeat(MAX_KEY_BYTES)], none);
  parsePath(["é".repeat(Math.floor(MAX_KEY_BYTES / 2))], none);
  assert.throws(() => parsePath(["k".repeat(MAX_KEY_BYTES + 1)], none), RangeError);
  assert.throws(() => parsePath(["é".repeat(MAX_KEY_BYTES / 2 + 1)], none), RangeError);
  assert.throws(() => parsePath([`\ud800${"k".repeat(MAX_KEY_BYTES / 2)}`], none), RangeError);
});

test("more strings than the cache holds are parsed as well", () => {
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 30_000; index += 7)
      assert.deepEqual(parsePath(`k${index}.x`, none), [`k${index}`, "x"]);
  }
});

test("a string of an array path is a key, a number an index, and a step of a string path what it looks like", () => {
  const kinds = (path: string | (string | number)[]) => kindsOf(path, parsePath(path, none));
  for (const path of ["a.0.b", "a[0]", "0", ["0"], ["a", 0], ["a", "b"], ["a", 0, "b", 1], ["a", "-1"], ["a", "01"]]) {
    assert.equal(kinds(path), BY_TEXT, JSON.stringify(path));
  }
  for (const path of [
    ["a", "0"],
    ["0", "0"],
    ["a", "b", "4711"],
    ["a", "0", 1.5],
    ["a", "9".repeat(30)],
  ]) {
    assert.equal(kinds(path), AS_KEYS, JSON.stringify(path));
  }
  const long = ["a", "1", 2, "b", 4, "5", "6", 7, "8", 9, "10"];
  const mixed = kinds(long);
  for (const [depth, step] of long.entries()) {
    if (depth > 0) assert.equal(isKeyStep(mixed, depth), typeof step === "string", `${step}`);
  }
});
