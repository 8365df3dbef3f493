import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteEntry, type Entry, setEntry } from "../../../dist/core/log/entry.js";
import { Op, PendingBatch } from "../../../dist/core/replica/op.js";
import { PendingQueue } from "../../../dist/core/replica/pending-queue.js";
import { Table } from "../../../dist/core/state/table.js";

/** Writes one entry in a batch of its own. */
function write(pending: PendingQueue, table: Table, entry: Entry): Op {
  const op = new Op(entry, 1, null);
  const batch = new PendingBatch();
  batch.ops.push(op);
  pending.batches.push(batch);
  pending.perform(table, op);
  pending.add(op);
  return op;
}

test("what others write comes under a pending value, whatever was written on top of that", () => {
  const pending = new PendingQueue();
  const table = new Table();
  const value = () => table.get(["k"], 1);
  const others = setEntry(["k"], "10");
  write(pending, table, setEntry(["k"], '{"a":1}'));
  write(pending, table, setEntry(["k", "b"], "2"));
  const shown = value();
  pending.aside(table, [others], () => table.execute(others, 1, false));
  assert.equal(value(), shown, "the pending value was made again");
  assert.deepEqual(value(), { a: 1, b: 2 });
  pending.refuse(table, pending.batches[0] as PendingBatch);
  assert.deepEqual(value(), { b: 2 });
  pending.refuse(table, pending.batches[0] as PendingBatch);
  assert.equal(value(), 10);
});

test("what others remove under a pending value stays away", () => {
  const pending = new PendingQueue();
  const table = new Table();
  const others = deleteEntry(["k"]);
  table.execute(setEntry(["k"], "1"), 1, false);
  write(pending, table, setEntry(["k"], "2"));
  pending.aside(table, [others], () => table.execute(others, 1, false));
  assert.equal(table.get(["k"], 1), 2);
  pending.refuse(table, pending.batches[0] as PendingBatch);
  assert.equal(table.has(["k"], 1), false);
});

test("an op that was confirmed names no other, so that garbage which has grown old keeps nothing alive", () => {
  const pending = new PendingQueue();
  const table = new Table();
  const [first, second] = ["1", "2"].map((json) => write(pending, table, setEntry(["k"], json))) as [Op, Op];
  pending.confirm(table, pending.batches[0] as PendingBatch, 1);
  assert.ok(first.before === first && first.after === first && first.undo === undefined);
  assert.equal(table.get(["k"], 1), 2);
  pending.refuse(table, pending.batches[0] as PendingBatch);
  assert.ok(second.before === second && second.undo === undefined);
  assert.equal(table.get(["k"], 1), 1);
});
