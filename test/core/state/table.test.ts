import assert from "node:assert/strict";
import { test } from "node:test";
import { addEntry, deleteEntry, expireEntry, IF_ABSENT, setEntry, slotEntry } from "../../../dist/core/log/entry.js";
import { MAX_ARRAY_LENGTH, ORIGIN_RETENTION_MS } from "../../../dist/core/log/limits.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";
import { APPLIED, NOT_A_NUMBER, TOO_FAR, UNMET } from "../../../dist/core/state/executor.js";
import { FORGOTTEN, NEW, SEEN } from "../../../dist/core/state/origins.js";
import { Table } from "../../../dist/core/state/table.js";
import { assertFrozen } from "../../proof/model/comparing.js";
import { idle, NOW, newOutcome, put, sweepAll } from "./samples.js";

test("no path reaches a prototype", () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  const table = new Table();
  for (const keys of [
    ["a", "constructor", "prototype", "x"],
    ["a", "toString", "p"],
    ["a", "__proto__", "x"],
    ["__proto__", "x"],
  ]) {
    assert.equal(table.get(keys, NOW), undefined);
    assert.equal(put(table, keys, 1), APPLIED);
    assert.equal(table.get(keys, NOW), 1);
  }
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before);
  assert.equal(({} as { x?: unknown }).x, undefined);
  assert.equal(Object.getPrototypeOf(table.get(["a"], NOW)), Object.prototype);
});

test("an own __proto__ of a value stays plain data when it is copied, frozen and returned", () => {
  const table = new Table();
  table.execute(setEntry(["k"], '{"__proto__":{"p":1},"a":{"__proto__":{"q":[]}}}'), NOW, true);
  const first = table.get(["k"], NOW);
  assertFrozen(first);
  put(table, ["k", "b"], 2);
  put(table, ["k", "a", "c"], 3);
  const text = JSON.stringify(table.get(["k"], NOW));
  assert.equal(text, '{"__proto__":{"p":1},"a":{"__proto__":{"q":[]},"c":3},"b":2}');
  assert.equal(JSON.stringify(first), '{"__proto__":{"p":1},"a":{"__proto__":{"q":[]}}}');
});

test("arrays: holes are null, growth is limited, other keys make them objects, null elements are absent", () => {
  const table = new Table();
  put(table, ["k", "2"], "c");
  assert.deepEqual(table.get(["k"], NOW), [null, null, "c"]);
  assert.equal(table.has(["k", "0"], NOW), false);
  assert.equal(put(table, ["k", String(MAX_ARRAY_LENGTH)], 1), TOO_FAR);
  assert.equal(put(table, ["new", String(MAX_ARRAY_LENGTH), "x"], 1), APPLIED);
  assert.deepEqual(table.get(["new"], NOW), { [MAX_ARRAY_LENGTH]: { x: 1 } });
  assert.equal(put(table, ["k", "x", "y"], 1), APPLIED);
  assert.deepEqual(table.get(["k"], NOW), { 0: null, 1: null, 2: "c", x: { y: 1 } });
  assert.equal(table.has(["k", "0"], NOW), true);
  for (const notIndex of ["01", "-1", "1.5", "", " 1"]) {
    put(table, ["object", notIndex], 1);
    assert.deepEqual(table.get(["object"], NOW), { [notIndex]: 1 });
    table.execute(deleteEntry(["object"]), NOW, false);
  }
  put(table, ["nil"], null);
  assert.equal(table.get(["nil"], NOW), null);
  assert.equal(table.has(["nil"], NOW), true);
});

test("the condition looks at what is there, at the time of the batch", () => {
  const table = new Table();
  const attempt = (path: string[], json: string, time = NOW) =>
    table.execute(setEntry(path, json, time + 10, IF_ABSENT), time, true);
  assert.equal(attempt(["k"], '{"a":1}'), APPLIED);
  assert.equal(attempt(["k"], "2", NOW + 9), UNMET);
  assert.equal(attempt(["k", "a"], "2", NOW + 9), UNMET);
  assert.equal(attempt(["k", "b"], "2", NOW + 9), APPLIED);
  assert.deepEqual(table.get(["k"], NOW + 9), { a: 1, b: 2 });
  assert.equal(attempt(["k"], "3", NOW + 10), APPLIED);
  assert.equal(table.get(["k"], NOW + 19), 3);
});

test("add creates, adds, keeps the expiry, and refuses what is no number", () => {
  const table = new Table();
  const outcome = newOutcome();
  const add = (amount: number, time = NOW) =>
    table.execute(addEntry(["k", "n"], amount, NOW + 100), time, true, outcome);
  assert.equal(add(2), APPLIED);
  assert.equal(outcome.number, 2);
  assert.equal(add(3, NOW + 50), APPLIED);
  assert.equal(outcome.number, 5);
  assert.equal(table.get(["k", "n"], NOW + 100), undefined);
  assert.equal(add(1, NOW + 100), APPLIED);
  assert.equal(outcome.number, 1);
  put(table, ["k", "n"], Number.MAX_VALUE);
  assert.equal(add(Number.MAX_VALUE), NOT_A_NUMBER);
  for (const value of ["1", null, {}]) {
    put(table, ["k", "n"], value);
    assert.equal(add(1), NOT_A_NUMBER);
    assert.deepEqual(table.get(["k", "n"], NOW), value);
  }
});

test("an expiry hides to the millisecond, below a parent as well as in what a parent shows", () => {
  const table = new Table();
  put(table, ["k"], { list: [1, { x: 1 }], kept: {} });
  put(table, ["k", "gone"], { deep: 1 }, NOW + 10);
  put(table, ["k", "list", "1"], { x: 2 }, NOW + 20);
  const early = table.get(["k"], NOW + 9);
  assert.deepEqual(early, { list: [1, { x: 2 }], kept: {}, gone: { deep: 1 } });
  assert.equal(table.get(["k", "gone", "deep"], NOW + 10), undefined);
  const later = table.get(["k"], NOW + 10);
  assert.deepEqual(later, { list: [1, { x: 2 }], kept: {} });
  assert.equal(table.get(["k"], NOW + 11), later);
  assert.deepEqual(table.get(["k"], NOW + 20), { list: [1, null], kept: {} });
  assert.deepEqual(table.get(["k", "list"], NOW + 20), [1, null]);
  assert.deepEqual(table.get(["k"], NOW + 9), early);
  for (const value of [early, later]) assertFrozen(value);
  assert.deepEqual(table.get(["k"], NOW + 20), { list: [1, null], kept: {} });
  table.execute(expireEntry(["k", "gone"], NOW + 30), NOW, true);
  assert.deepEqual(table.get(["k"], NOW + 20), { list: [1, null], kept: {}, gone: { deep: 1 } });
  put(table, ["k", "gone"], 1);
  assert.equal(table.get(["k", "gone"], NOW + 1e15), 1);
});

test("a sweep drops what log time has passed, a bounded number at a time, also after years", () => {
  const table = new Table();
  idle(table, NOW);
  const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
  for (let index = 0; index < 100; index++) put(table, ["wide", `k${index}`], index, NOW + index * 1000);
  for (let index = 0; index < 100; index++) put(table, [`top${index}`], index, NOW + index * 10 * YEAR_MS + 1);
  put(table, ["list"], [1, 2]);
  put(table, ["list", "0"], 1, NOW + 5);
  assert.equal(table.hasDue, false);
  assert.equal(table.size(NOW + 1), 101);
  idle(table, NOW + 50_000);
  assert.equal(table.hasDue, true);
  assert.equal(table.sweep(7, () => false).paths.length, 7);
  assert.equal(sweepAll(table, 7).length, 51 + 1 + 1 - 7);
  assert.equal(Object.keys(table.get(["wide"], NOW) as object).length, 49);
  assert.deepEqual(table.get(["list"], NOW), [null, 2]);
  idle(table, NOW + 2000 * YEAR_MS);
  assert.equal(table.size(table.time), 2);
  assert.equal(sweepAll(table).length, 49 + 99);
  assert.deepEqual(table.get(["wide"], NOW), {});
  assert.equal(table.hasDue, false);
});

test("a sweep leaves busy keys alone and finds them later", () => {
  const table = new Table();
  put(table, ["busy"], 1, NOW + 1);
  put(table, ["idle"], 1, NOW + 1);
  idle(table, NOW + 5000);
  assert.deepEqual(
    table.sweep(10, (name) => name === "busy"),
    { paths: [["idle"]], hasMore: false },
  );
  assert.deepEqual(table.sweep(10, () => false).paths, [["busy"]]);
});

test("a wide container is changed in place: writes cost the depth of the path", () => {
  const table = new Table();
  put(table, ["users"], {});
  const undos: unknown[] = [];
  const outcome = newOutcome();
  const copies = countCopies(() => {
    for (let index = 0; index < 100_000; index++) {
      table.execute(setEntry(["users", `u${index}`], '{"n":1}', index % 2 ? NOW + index : 0), NOW, true, outcome);
      undos.push(outcome.undo);
      if (index % 1000 === 0) assert.deepEqual(table.get(["users", `u${index}`], NOW), { n: 1 });
    }
  });
  assert.equal(copies, 0);
  const all = table.get(["users"], NOW);
  const copiesAfterRead = countCopies(() => {
    for (let index = 0; index < 1000; index++) put(table, ["users", `u${index}`, "n"], 2);
  });
  assert(copiesAfterRead <= 1, `expected one copy of the wide container, got ${copiesAfterRead}`);
  assert.equal((all as Record<string, { n: number }>).u5?.n, 1);
});

/** How often something enumerates the keys of a wide object, which every copy does. */
function countCopies(run: () => void): number {
  const freeze = Object.freeze;
  let count = 0;
  Object.freeze = ((value: object) => {
    if (Object.keys(value).length > 900) count++;
    return freeze(value);
  }) as typeof Object.freeze;
  try {
    run();
  } finally {
    Object.freeze = freeze;
  }
  return count;
}

test("a huge value is written to a snapshot in pieces, with keys that look like indices, and with its expiries", () => {
  const table = new Table();
  const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`${index * 7}`, "x".repeat(100)]));
  table.execute(
    setEntry(["k"], JSON.stringify({ wide, list: Array.from({ length: 70_000 }, () => ["y".repeat(90)]) })),
    NOW,
    true,
  );
  table.execute(setEntry(["k", "wide", "70000"], '"short"', NOW + 500), NOW, true);
  const entries = [...table.contents()];
  assert(entries.length > 100_000);
  assert(entries.every((entry) => entry.json.length < 5_000_000));
  const copy = new Table();
  copy.restore(table.head());
  copy.restoreEntries(entries);
  assert.deepEqual(copy.get(["k"], NOW), table.get(["k"], NOW));
  assert.equal(copy.get(["k", "wide", "70000"], NOW + 500), undefined);
});

test("a snapshot that has a slot twice, or an entry that belongs to no slot, is malformed", () => {
  const table = new Table();
  const slot = slotEntry("k", '{"a":1}', NOW + 10);
  table.restoreEntries([slot, expireEntry(["k", "a"], NOW + 5)]);
  assert.throws(() => table.restoreEntries([slotEntry("k", "2", 0)]), MalformedError);
  assert.deepEqual(table.get(["k"], NOW + 4), { a: 1 });
  assert.deepEqual(table.get(["k"], NOW + 5), {});
  idle(table, NOW + 5000);
  assert.equal(sweepAll(table).length, 1);
  assert.throws(() => new Table().restoreEntries([expireEntry(["k", "a"], NOW)]), MalformedError);
});

test("a returned value that leaves out an expired member does not hide a later change beside it", () => {
  const table = new Table();
  table.execute(setEntry(["k"], '{"gone":1,"n":1}'), NOW, true);
  table.execute(expireEntry(["k", "gone"], NOW + 10), NOW, true);
  assert.deepEqual(table.get(["k"], NOW + 10), { n: 1 });
  table.execute(addEntry(["k", "n"], 1), NOW + 10, true);
  assert.deepEqual(table.get(["k"], NOW + 10), { n: 2 });
});

test("a value that was not read is written to a snapshot as the text that was set", () => {
  const table = new Table();
  table.execute(setEntry(["k"], '{ "spaced" : 1 }'), NOW, true);
  assert.equal([...table.contents()][0]?.json, '{ "spaced" : 1 }');
});

test("a batch is applied once, and a batch of a forgotten origin never", () => {
  const table = new Table();
  const send = (origin: number, number: number, time: number, born = NOW) =>
    table.apply({ seq: table.seq + 1, time, origin, born, number, entries: [addEntry(["n"], 1)] });
  assert.equal(send(1, 1, NOW), NEW);
  assert.equal(send(1, 1, NOW), SEEN);
  assert.equal(send(1, 2, NOW + 1), NEW);
  assert.equal(send(1, 1, NOW + 1), SEEN);
  assert.equal(send(2, 2, NOW + 1), FORGOTTEN);
  assert.equal(send(1, 3, NOW + 1 + ORIGIN_RETENTION_MS), NEW);
  assert.equal(send(1, 3, NOW + 1 + ORIGIN_RETENTION_MS * 2), SEEN);
  assert.equal(send(1, 3, NOW + 2 + ORIGIN_RETENTION_MS * 2), FORGOTTEN);
  assert.equal(send(1, 1, NOW + 2 + ORIGIN_RETENTION_MS * 2), FORGOTTEN);
  assert.equal(send(3, 1, table.time, table.time - ORIGIN_RETENTION_MS), NEW);
  assert.equal(table.get(["n"], NOW), 4);
  assert.deepEqual(table.head().origins, [[3, 1, table.time]]);
  assert.throws(() => table.apply({ seq: 99, time: table.time, origin: 0, born: 0, number: 0, entries: [] }), /seq/);
  assert.throws(() => idle(table, table.time - 1), /expected a batch of/);
});

test("forgetting origins has no effect, however many there are", () => {
  const table = new Table();
  for (let origin = 1; origin <= 1000; origin++) {
    const time = NOW + origin * 1_000_000;
    table.apply({ seq: origin, time, origin, born: time, number: 1, entries: [] });
  }
  const kept = Math.floor(ORIGIN_RETENTION_MS / 1_000_000) + 1;
  assert.equal(table.head().origins.length, kept);
});

test("a wide container whose next expiries are removed is not due because of them", () => {
  const table = new Table();
  idle(table, NOW);
  for (let index = 0; index < 30; index++) put(table, ["wide", `k${index}`], 1, NOW + 1e7);
  put(table, ["wide", "first"], 1, NOW + 500);
  put(table, ["wide", "second"], 1, NOW + 700);
  for (const name of ["first", "second"]) table.execute(deleteEntry(["wide", name]), NOW, true);
  idle(table, NOW + 5000);
  assert.equal(table.hasDue, false);
});
