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

test("to peek at a value leaves its text, shows the same as a read, and gives what the caller may change", () => {
  const table = new Table();
  table.restoreEntries([slotEntry("k", '{"a":1}', 0), slotEntry("short", '{"a":[2]}', NOW + 5)]);
  table.execute(setEntry(["deep"], '{"gone":1,"kept":2}'), NOW, false);
  table.execute(expireEntry(["deep", "gone"], NOW + 5), NOW, false);
  const peeked = table.peek("k", NOW) as { a: number };
  peeked.a = 2;
  assert.deepEqual(table.peek("k", NOW), { a: 1 });
  assert.equal(heldOf(table), '{"a":1}');
  assert.deepEqual(table.peek("short", NOW + 4), { a: [2] });
  assert.equal((heldOf(table, "short") as Slot).text, '{"a":[2]}');
  assert.equal(table.peek("short", NOW + 5), undefined);
  assert.equal(table.peek("absent", NOW), undefined);
  for (const time of [NOW, NOW + 5]) assert.deepEqual(table.peek("deep", time), table.get(["deep"], time));
});
