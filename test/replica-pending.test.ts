import assert from "node:assert/strict";
import { test } from "node:test";
import { setEntry } from "../dist/core/log/entry.js";
import { Op, Pending, PendingBatch } from "../dist/core/replica/pending.js";
import { Table } from "../dist/core/state/table.js";

test("an op that was confirmed names no other, so that garbage which has grown old keeps nothing alive", () => {
  const pending = new Pending();
  const table = new Table();
  const write = (json: string) => {
    const op = new Op(setEntry(["k"], json), 1, null);
    const batch = new PendingBatch();
    batch.ops.push(op);
    pending.batches.push(batch);
    pending.perform(table, op);
    pending.add(op);
    return op;
  };
  const [first, second] = [write("1"), write("2")];
  pending.confirm(table, pending.batches[0] as PendingBatch, 1, 1);
  assert.deepEqual([first.before, first.after, first.undo], [null, null, undefined]);
  assert.equal(table.get(["k"], 1), 2);
  pending.refuse(table, pending.batches[0] as PendingBatch);
  assert.deepEqual([second.before, second.undo, table.get(["k"], 1)], [null, undefined, 1]);
  assert.equal(table.version("k", 1), 1);
});
