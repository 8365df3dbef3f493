import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteEntry, type Entry, setEntry } from "../../../dist/core/log/entry.js";
import { Op, type PendingBatch } from "../../../dist/core/replica/op.js";
import { PendingQueue } from "../../../dist/core/replica/pending-queue.js";
import { Table } from "../../../dist/core/state/table.js";

/** Writes one entry in a batch of its own. */
function write(pending: PendingQueue, table: Table, entry: Entry): Op {
  const op = new Op(entry, 1, null);
  pending.perform(table, op);
  pending.add(op, 1);
  const batch = pending.open as PendingBatch;
  batch.frame = Buffer.alloc(1); // the next entry goes into another batch
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
  pending.applyBelow(table, [others], () => table.execute(others, 1, false));
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
  pending.applyBelow(table, [others], () => table.execute(others, 1, false));
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

test("bytes are those of the pending batches", () => {
  const pending = new PendingQueue();
  const table = new Table();
  for (const json of ["1", "2", "3"]) write(pending, table, setEntry(["k"], json));
  const last = new Op(setEntry(["k"], "4"), 1, null);
  const lastButOne = new Op(setEntry(["other"], "5"), 1, null);
  for (const op of [lastButOne, last]) {
    pending.perform(table, op);
    pending.add(op, 10);
  }
  assert.equal(pending.bytes, 23);
  assert.deepEqual(pending.rollBack(table, 1, 10), [last]);
  assert.deepEqual([pending.bytes, pending.open?.bytes, table.get(["k"], 1)], [13, 10, 3]);
  assert.deepEqual(pending.rollBack(table, 0, 0), [lastButOne]);
  assert.deepEqual([pending.bytes, pending.open, pending.has("other")], [3, undefined, false]);
  pending.confirm(table, pending.batches[0] as PendingBatch, 1);
  pending.refuse(table, pending.batches[0] as PendingBatch);
  assert.deepEqual([pending.bytes, pending.batches.length], [1, 1]);
  pending.abandon();
  assert.deepEqual([pending.bytes, pending.batches.length], [0, 0]);
});
