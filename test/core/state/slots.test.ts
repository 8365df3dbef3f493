import assert from "node:assert/strict";
import { test } from "node:test";
import { expireEntry, setEntry, slotEntry } from "../../../dist/core/log/entry.js";
import { Slot } from "../../../dist/core/state/slot.js";
import { Table } from "../../../dist/core/state/table.js";
import { NOW } from "./samples.js";

const heldOf = (table: Table, key = "k") => table.slots.held(key);

test("a slot is held as its text alone until it is looked at, also when it is listed, tested or written to a snapshot", () => {
  const table = new Table();
  table.restoreEntries([slotEntry("k", '{"a":1}', 0)]);
  table.execute(setEntry(["other"], "[1]"), NOW, false);
  const [keys, contents] = [[...table.keys(NOW)], [...table.contents()]];
  assert.deepEqual(keys, ["k", "other"]);
  assert.deepEqual(
    contents.map(({ json }) => json),
    ['{"a":1}', "[1]"],
  );
  assert.ok(table.holds("k") && table.has(["k"], NOW) && table.size(NOW) === 2);
  assert.deepEqual([heldOf(table), heldOf(table, "other")], ['{"a":1}', "[1]"]);
  table.execute(setEntry(["k"], '{"a":2}'), NOW, false);
  assert.equal(heldOf(table), '{"a":2}');
  const value = table.get(["k"], NOW);
  assert.deepEqual(value, { a: 2 });
  assert.ok(heldOf(table) instanceof Slot);
  assert.equal(table.get(["k"], NOW), value, "what was read is parsed again");
});

test("a text in place of a slot that expires does not expire, and nothing is due because of it", () => {
  const table = new Table();
  table.restoreEntries([slotEntry("k", "1", NOW + 5)]);
  table.execute(setEntry(["k"], "2"), NOW, false);
  table.time = NOW + 5000;
  assert.equal(table.get(["k"], NOW + 5000), 2);
  assert.ok(!table.hasDue);
});

test("a text that gets an expiry expires", () => {
  const table = new Table();
  table.execute(setEntry(["k"], "1"), NOW, false);
  table.execute(expireEntry(["k"], NOW + 5), NOW, false);
  assert.equal(table.get(["k"], NOW + 4), 1);
  assert.equal(table.get(["k"], NOW + 5), undefined);
  table.time = NOW + 5000;
  assert.deepEqual(table.sweep(10, () => false).paths, [["k"]]);
});
