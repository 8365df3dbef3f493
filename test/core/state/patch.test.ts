import assert from "node:assert/strict";
import { test } from "node:test";
import { expireEntry, KEEP, NEVER, type Patch, type Path, patchEntry, setEntry } from "../../../dist/core/log/entry.js";
import { APPLIED, type Status, UNMET } from "../../../dist/core/state/executor.js";
import { patch } from "../../../dist/core/state/patch.js";
import { Slot } from "../../../dist/core/state/slot.js";
import { Table } from "../../../dist/core/state/table.js";
import { freeze, Unread } from "../../../dist/core/state/tree.js";
import { assertFrozen, digest } from "../../proof/model/comparing.js";
import { idle, NOW, newOutcome, put, sweepAll } from "./samples.js";

/** What the patch that was executed last came to. */
const outcome = newOutcome();

const entryOf = (path: Path, patch: Patch, expiresAt?: number) => patchEntry(path, JSON.stringify(patch), expiresAt);

function patchAt(table: Table, path: Path, patch: Patch, expiresAt?: number, time = NOW): Status {
  return table.execute(entryOf(path, patch, expiresAt), time, true, outcome);
}

/** A table that holds one value. */
function tableOf(value: unknown): Table {
  const table = new Table();
  put(table, ["k"], value);
  return table;
}

test("fields are set and removed together, the others stay", () => {
  const table = tableOf({ user: { name: "Ada", age: 36, tags: ["a"] }, beside: 1 });
  assert.equal(patchAt(table, ["k", "user"], { set: { age: 37, new: { x: [1] } }, remove: ["name", "none"] }), APPLIED);
  assert.deepEqual(table.get(["k"], NOW), { user: { age: 37, tags: ["a"], new: { x: [1] } }, beside: 1 });
  assert.equal(patchAt(table, ["k"], {}), APPLIED);
  assert.equal(patchAt(table, ["k"], { set: { beside: null } }), APPLIED);
  assert.equal(table.get(["k", "beside"], NOW), null);
});

test("what is not there, is expired, or is no object is left as it is", () => {
  const table = tableOf({ list: [1, null, {}], text: "abc", nothing: null, late: { a: 1 } });
  table.execute(expireEntry(["k", "late"], NOW + 10), NOW, true);
  const before = digest(table);
  for (const path of [["none"], ["k", "none"], ["k", "list"], ["k", "list", "0"], ["k", "list", "1"]]) {
    assert.equal(patchAt(table, path, { set: { a: 2 } }), UNMET, path.join("."));
  }
  for (const name of ["text", "nothing", "late"]) {
    assert.equal(patchAt(table, ["k", name], { set: { a: 2 } }, NEVER, NOW + 10), UNMET, name);
    assert.equal(outcome.undo, undefined);
  }
  assert.equal(digest(table), before);
  assert.equal(patchAt(table, ["k", "list", "2"], { set: { a: 2 } }), APPLIED);
  table.execute(expireEntry(["k"], NOW + 5), NOW, true);
  assert.equal(patchAt(table, ["k"], { set: { a: 2 } }, NEVER, NOW + 5), UNMET);
});

test("match compares as JSON, in any order of keys, and looks at own properties only", () => {
  const value = { n: 0, text: "", no: null, list: [1, { a: 1, b: [] }], object: { x: { y: 1 }, z: 2 } };
  const met: Record<string, unknown>[] = [
    {},
    { n: 0 },
    { n: -0 },
    { no: null, text: "" },
    { object: { z: 2, x: { y: 1 } } },
    { list: [1, { b: [], a: 1 }], n: 0 },
  ];
  const unmet: Record<string, unknown>[] = [
    { n: "0" },
    { n: false },
    { n: null },
    { none: null },
    { text: null },
    { no: {} },
    { toString: null },
    { n: 0, text: "x" },
    { list: [1] },
    { list: [1, { a: 1 }] },
    { list: { 0: 1, 1: { a: 1, b: [] } } },
    { list: [{ a: 1, b: [] }, 1] },
    { object: { x: { y: 1 } } },
    { object: { x: { y: 1 }, z: 2, w: 3 } },
    { object: { x: { y: 1 }, w: 2 } },
    { object: [] },
    { object: null },
  ];
  for (const isRead of [false, true]) {
    const table = tableOf(value);
    if (isRead) table.get(["k"], NOW);
    const before = digest(table);
    for (const match of unmet)
      assert.equal(patchAt(table, ["k"], { set: { n: 9 }, match }), UNMET, JSON.stringify(match));
    assert.equal(digest(table), before);
    for (const match of met)
      assert.equal(patchAt(table, ["k"], { set: { m: 9 }, match }), APPLIED, JSON.stringify(match));
    assert.equal(patchAt(table, ["k"], { set: { toString: 1 }, match: { m: 9 } }), APPLIED);
    assert.equal(patchAt(table, ["k"], { remove: ["toString"], match: { toString: 1 } }), APPLIED);
    assert.deepEqual(table.get(["k"], NOW), { ...value, m: 9 });
  }
});

test("what is expired does not match, whether or not it was swept", () => {
  const makeTable = () => {
    const table = tableOf({ a: 1, deep: { x: 1, list: [1, 2] } });
    for (const below of [["a"], ["deep", "x"], ["deep", "list", "1"]]) {
      table.execute(expireEntry(["k", ...below], NOW + 10), NOW, true);
    }
    return table;
  };
  const attempts: [match: Record<string, unknown>, before: Status, after: Status][] = [
    [{ a: 1 }, APPLIED, UNMET],
    [{ deep: { x: 1, list: [1, 2] } }, APPLIED, UNMET],
    [{ deep: { list: [1, null] } }, UNMET, APPLIED],
    [{ deep: { list: [1] } }, UNMET, UNMET],
  ];
  for (const [match, before, after] of attempts) {
    const text = JSON.stringify(match);
    const table = makeTable();
    assert.equal(patchAt(table, ["k"], { match }, KEEP, NOW + 9), before, text);
    assert.equal(outcome.validUntil, NOW + 10);
    assert.equal(patchAt(table, ["k"], { match }, KEEP, NOW + 10), after, text);
    idle(table, NOW + 5000);
    assert.equal(sweepAll(table).length, 3);
    assert.equal(patchAt(table, ["k"], { match }, KEEP, NOW + 5000), after, text);
  }
});

test("expiries at and below what is changed are cleared, those beside it stay", () => {
  const table = tableOf({ o: { a: { x: 1, y: 1 }, b: { x: 1 }, c: 1 } });
  for (const below of [["a", "x"], ["a"], ["b", "x"], ["c"]]) {
    table.execute(expireEntry(["k", "o", ...below], NOW + 10), NOW, true);
  }
  assert.equal(patchAt(table, ["k", "o"], { set: { a: { x: 2, y: 2 } }, remove: ["c"] }), APPLIED);
  put(table, ["k", "o", "c"], 3);
  assert.deepEqual(table.get(["k", "o"], NOW + 10), { a: { x: 2, y: 2 }, b: {}, c: 3 });
  assert.equal(patchAt(table, ["k", "o"], { set: { b: 4 } }, KEEP, NOW + 10), APPLIED);
  assert.deepEqual(table.get(["k", "o"], NOW + 1e9), { a: { x: 2, y: 2 }, b: 4, c: 3 });
});

test("the expiry of the object itself is set, cleared or kept", () => {
  const table = tableOf({ o: { a: 1 } });
  patchAt(table, ["k", "o"], { set: { a: 2 } }, NOW + 10);
  patchAt(table, ["k"], { set: { b: 1 } }, NOW + 20);
  assert.deepEqual([table.get(["k"], NOW + 9), table.get(["k"], NOW + 10)], [{ o: { a: 2 }, b: 1 }, { b: 1 }]);
  patchAt(table, ["k", "o"], { set: { a: 3 } });
  assert.equal(table.expiresAt(["k", "o"], NOW), NOW + 10);
  patchAt(table, ["k", "o"], {}, NEVER);
  assert.deepEqual([table.get(["k"], NOW + 19), table.get(["k"], NOW + 20)], [{ o: { a: 3 }, b: 1 }, undefined]);
  patchAt(table, ["k"], { remove: ["b"] }, NEVER);
  assert.deepEqual(table.get(["k"], NOW + 1e9), { o: { a: 3 } });
});

test("taking back restores fields and expiries, whatever was read and changed in between", () => {
  for (const reads of [0, 1, 2, 4, 7]) {
    const table = tableOf({ o: { a: { x: 1 }, b: { y: [1] }, late: 1, shared: { n: 1 } } });
    for (const below of [["a", "x"], ["late"], []]) {
      table.execute(expireEntry(["k", "o", ...below], NOW + 10), NOW, true);
    }
    const before = digest(table);
    const entries = [
      entryOf(["k", "o"], { set: { a: 2, c: { z: 1 }, late: 3 }, remove: ["a", "b", "none"] }, NOW + 50),
      setEntry(["k", "o", "shared", "n"], "2", NOW + 60),
      setEntry(["k", "o", "c", "z"], "2"),
      entryOf(["k", "o"], { set: { b: 5 }, remove: ["c", "shared"] }, NEVER),
      entryOf(["k"], { remove: ["o"] }),
    ];
    const undos = entries.map((entry) => {
      if (reads & 1) table.get(["k"], NOW);
      assert.equal(table.execute(entry, NOW, true, outcome), APPLIED);
      assert.ok(outcome.undo);
      return [entry, outcome.undo] as const;
    });
    for (const [entry, undo] of undos.reverse()) {
      if (reads & 2) table.get(["k", "o", "shared"], NOW);
      if (reads & 4) table.get(["k"], NOW);
      table.takeBack(entry, undo);
    }
    assert.equal(digest(table), before);
    assert.deepEqual(table.get(["k"], NOW + 9), { o: { a: { x: 1 }, b: { y: [1] }, late: 1, shared: { n: 1 } } });
    assert.deepEqual(table.get(["k"], NOW + 10), {});
  }
});

test("a value that was returned stays as it was, and is frozen", () => {
  const table = tableOf({ o: { a: { x: 1 }, b: { y: 1 } }, beside: {} });
  const whole = table.get(["k"], NOW) as Record<string, unknown>;
  patchAt(table, ["k", "o"], { set: { a: 2 }, remove: ["b"] });
  const undo = outcome.undo;
  const later = table.get(["k"], NOW) as Record<string, unknown>;
  assert.ok(undo);
  table.takeBack(entryOf(["k", "o"], {}), undo);
  assert.deepEqual(whole, { o: { a: { x: 1 }, b: { y: 1 } }, beside: {} });
  assert.deepEqual(later, { o: { a: 2 }, beside: {} });
  assert.deepEqual(table.get(["k"], NOW), whole);
  for (const value of [whole, later, table.get(["k"], NOW)]) assertFrozen(value);
  assert.equal(later.beside, whole.beside, "what is beside the object is not copied");
});

test("an object is copied once after it was read and then changed in place, and what is in it stays unread", () => {
  const text = new Unread('{"x":1}');
  const slot = Slot.of({ text, wide: Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`f${n}`, n])) }, null);
  const object = slot.value as Record<string, Record<string, unknown>>;
  const wide = object.wide;
  const first = patch(slot, entryOf(["k", "wide"], { set: { f1: "changed" }, match: { f2: 2 } }), NOW);
  const second = patch(slot, entryOf(["k"], { set: { a: 1 }, remove: ["text"] }), NOW);
  assert.equal(slot.value, object, "it was not read");
  assert.equal(object.wide, wide);
  second?.takeBack(slot, ["k"]);
  first?.takeBack(slot, ["k", "wide"]);
  assert.equal(object.text, text);
  assert.equal(object.wide?.f1, 1);
  freeze(slot.value);
  const copied = patch(slot, entryOf(["k", "wide"], { set: { f1: "changed" } }), NOW);
  const copy = (slot.value as typeof object).wide;
  assert.notEqual(copy, wide, "it was read");
  patch(slot, entryOf(["k", "wide"], { set: { f2: "changed" } }), NOW)?.takeBack(slot, ["k", "wide"]);
  copied?.takeBack(slot, ["k", "wide"]);
  assert.equal((slot.value as typeof object).wide, copy);
  assert.deepEqual(copy, wide);
});

test("a field that names something of Object is plain data", () => {
  const table = tableOf({ a: 1 });
  const json = '{"set":{"__proto__":{"p":1},"constructor":2},"remove":["hasOwnProperty"]}';
  assert.equal(table.execute(patchEntry(["k"], json), NOW, true), APPLIED);
  assert.equal(JSON.stringify(table.get(["k"], NOW)), '{"a":1,"__proto__":{"p":1},"constructor":2}');
  assert.equal(({} as { p?: unknown }).p, undefined);
  assert.equal(
    table.execute(patchEntry(["k"], '{"remove":["__proto__"],"match":{"__proto__":{"p":1}}}'), NOW, true),
    APPLIED,
  );
  assert.deepEqual(table.get(["k"], NOW), { a: 1, constructor: 2 });
});

test("expiresAt is the earliest expiry of a value and of what it is in", () => {
  const table = tableOf({ o: { a: [1, null], text: "abc" }, free: null });
  assert.equal(table.expiresAt(["k", "o", "a", "0"], NOW), Infinity);
  table.execute(expireEntry(["k", "o", "a", "0"], NOW + 30), NOW, true);
  table.execute(expireEntry(["k", "o"], NOW + 20), NOW, true);
  table.execute(expireEntry(["k"], NOW + 40), NOW, true);
  const expected: [Path, number | undefined][] = [
    [["k"], NOW + 40],
    [["k", "free"], NOW + 40],
    [["k", "o"], NOW + 20],
    [["k", "o", "a"], NOW + 20],
    [["k", "o", "a", "0"], NOW + 20],
    [["k", "o", "a", "1"], undefined],
    [["k", "none"], undefined],
    [["none"], undefined],
  ];
  for (const [path, at] of expected) assert.equal(table.expiresAt(path, NOW), at, path.join("."));
  table.execute(expireEntry(["k", "o"], NEVER), NOW, true);
  assert.equal(table.expiresAt(["k", "o", "a", "0"], NOW), NOW + 30);
  assert.equal(table.expiresAt(["k", "o", "a", "0"], NOW + 30), undefined);
  assert.equal(table.expiresAt(["k", "o", "a"], NOW + 39), NOW + 40);
  assert.equal(table.expiresAt(["k"], NOW + 40), undefined);
});

test("a patch whose text is none, in whatever part, has no effect", () => {
  const none = ["nul", "{", "[]", "null", "1", '"set"', '{"set":1}', '{"set":null}', '{"set":[1]}', '{"remove":{}}'];
  none.push('{"remove":"a"}', '{"remove":["a",5]}', '{"set":{"a":2},"match":[]}', '{"set":{"a":2},"match":"a"}');
  for (const text of none) {
    const table = tableOf({ a: 1 });
    assert.equal(table.execute(patchEntry(["k"], text, NOW + 5), NOW, true, outcome), UNMET, text);
    assert.equal(outcome.undo, undefined, text);
    assert.deepEqual(table.get(["k"], NOW + 5), { a: 1 }, text);
  }
});
