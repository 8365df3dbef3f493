import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import get from "lodash/get.js";
import has from "lodash/has.js";
import set from "lodash/set.js";
import setWith from "lodash/setWith.js";
import unset from "lodash/unset.js";
import { ALWAYS, deleteEntry, type Path, setEntry } from "../../../dist/core/log/entry.js";
import { APPLIED, UNMET } from "../../../dist/core/state/executor.js";
import { kindsOf, parsePath } from "../../../dist/core/state/path.js";
import { Table } from "../../../dist/core/state/table.js";
import { json, key, NOW, path, put, RUNS } from "./samples.js";

const plain = (value: unknown) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

/** Whether one of the steps of a path, but the last, is the given thing in a value. */
function meets(root: unknown, keys: Path, isMet: (value: unknown, next: string) => boolean): boolean {
  return keys.some((next, depth) => depth > 0 && isMet(get(root, keys.slice(0, depth)), next));
}

test("get and has agree with lodash, own properties only", () => {
  fc.assert(
    fc.property(fc.dictionary(key, json, { noNullPrototype: true }), path, (root, keys) => {
      const table = new Table();
      for (const [name, value] of Object.entries(root)) put(table, [name], value);
      const isOwn = has(root, keys);
      assert.deepEqual(
        table.get(keys, NOW),
        isOwn || typeof get(root, keys.slice(0, -1)) === "string" ? ownGet(root, keys) : undefined,
      );
      assert.equal(table.has(keys, NOW), ownGet(root, keys) !== undefined);
    }),
    { numRuns: RUNS },
  );
});

/** lodash's `get`, but of own properties only. */
function ownGet(root: unknown, keys: Path): unknown {
  return keys.reduce<unknown>(
    (value, next) => (has(value, [next]) || isChar(value, next) ? get(value, [next]) : undefined),
    root,
  );
}
const isChar = (value: unknown, next: string) => typeof value === "string" && Object.hasOwn(Object(value), next);

/** Names that objects inherit: lodash refuses some, and with others it writes to built-ins. Here they are like all others. */
const isInherited = (name: string) => name === "prototype" || name in Object.prototype;

test("set agrees with lodash, except that an array with a key that is no index becomes an object", () => {
  fc.assert(
    fc.property(fc.dictionary(key, json, { noNullPrototype: true }), path, json, (root, keys, value) => {
      fc.pre(!keys.some(isInherited));
      fc.pre(!meets(root, keys, (met, next) => Array.isArray(met) && !/^\d+$/.test(next)));
      const table = new Table();
      for (const [name, member] of Object.entries(root)) put(table, [name], member);
      assert.equal(put(table, keys, value), APPLIED);
      const expected = set(plain(root), keys as string[], value);
      for (const name of table.keys(NOW)) assert.deepEqual(table.get([name], NOW), plain(expected[name]));
      assert.deepEqual([...table.keys(NOW)].sort(), Object.keys(expected).sort());
    }),
    { numRuns: RUNS },
  );
});

type Given = string | (string | number)[];

/** The ways to give a path by which a step is what its text looks like. */
const lodashWays: ((keys: Path) => Given)[] = [
  (keys) => keys.join("."),
  (keys) => keys.map((step, depth) => (depth > 0 ? `[${step}]` : step)).join(""),
  (keys) => keys.map((step, depth) => (depth > 0 && /^\d+$/.test(step) ? Number(step) : step)),
];

/** Stores a value as a user does. */
function putAt(table: Table, given: Given, value: unknown): void {
  const keys = parsePath(given, (name) => table.hasKey(name, NOW));
  table.execute(setEntry(keys, JSON.stringify(value), 0, ALWAYS, kindsOf(given, keys)), NOW, true);
}

/** Asserts that a value that is stored at a path, in what is there, gives what lodash gives. */
function expectAgreement(root: object, given: Given, value: unknown, expected: Record<string, unknown>): void {
  const table = new Table();
  for (const [name, member] of Object.entries(root)) put(table, [name], member);
  putAt(table, given, value);
  for (const name of Object.keys(expected)) assert.deepEqual(table.get([name], NOW), plain(expected[name]));
}

/** Whether a step in an array is no index: lodash then keeps the array. */
const meetsArray = (root: unknown, keys: Path): boolean =>
  meets(root, keys, (met, next) => Array.isArray(met) && !/^\d+$/.test(next));

test("set by a string, or by an array whose indices are numbers, agrees with lodash set", () => {
  fc.assert(
    fc.property(fc.dictionary(key, json, { noNullPrototype: true }), path, json, (root, keys, value) => {
      fc.pre(!keys.some(isInherited) && !meetsArray(root, keys));
      for (const way of lodashWays) {
        const given = way(keys);
        expectAgreement(root, given, value, set(plain(root), given, value));
      }
    }),
    { numRuns: RUNS },
  );
});

test("set by an array of strings makes objects alone, and leaves arrays that exist arrays", () => {
  const isContainer = (met: unknown) => typeof met === "object" && met !== null;
  fc.assert(
    fc.property(fc.dictionary(key, json, { noNullPrototype: true }), path, json, (root, keys, value) => {
      fc.pre(!keys.some(isInherited) && !meetsArray(root, keys));
      const expected = setWith(plain(root), keys, value, (met: unknown) => (isContainer(met) ? met : {}));
      expectAgreement(root, [...keys], value, expected);
    }),
    { numRuns: RUNS },
  );
});

test("delete agrees with lodash unset, except that an element of an array becomes null", () => {
  fc.assert(
    fc.property(fc.dictionary(key, json, { noNullPrototype: true }), path, (root, keys) => {
      const table = new Table();
      for (const [name, member] of Object.entries(root)) put(table, [name], member);
      const isArray = Array.isArray(get(root, keys.slice(0, -1)));
      fc.pre(!keys.some(isInherited));
      fc.pre(!(isArray && keys.at(-1) === "length"));
      const exists = has(root, keys) && typeof get(root, keys.slice(0, -1)) !== "string";
      assert.equal(table.execute(deleteEntry(keys), NOW, true), exists ? APPLIED : UNMET);
      const expected = plain(root);
      if (exists && isArray) set(expected, keys, null);
      else if (exists) unset(expected, keys);
      for (const name of Object.keys(root)) assert.deepEqual(table.get([name], NOW), expected[name]);
      if (exists) assert.equal(table.has(keys, NOW), false);
    }),
    { numRuns: RUNS },
  );
});
