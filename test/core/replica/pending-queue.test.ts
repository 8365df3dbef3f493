import assert from "node:assert/strict";
import { test } from "node:test";
import { clearEntry, deleteEntry, type Entry, setEntry } from "../../../dist/core/log/entry.js";
import { Op, type PendingBatch } from "../../../dist/core/replica/op.js";
import { PendingQueue } from "../../../dist/core/replica/pending-queue.js";
import { Table } from "../../../dist/core/state/table.js";

/** A queue of writes on a table, which performs them when somebody looks. */
function open() {
  const pending = new PendingQueue();
  const table = new Table();
  return {
    pending,
    table,
    /** Writes one entry in a batch of its own. */
    write(entry: Entry): Op {
      const op = new Op(entry, 1, null);
      pending.write(table, op, 1);
      (pending.open as PendingBatch).frame = Buffer.alloc(1); // the next entry goes into another batch
      return op;
    },
    execute: (entry: Entry) => pending.execute(table, entry, 1),
    confirm: () => pending.confirm(table, pending.batches[0] as PendingBatch, 1),
    refuse: () => pending.refuse(table, pending.batches[0] as PendingBatch),
    get(key: string): unknown {
      if (pending.isLifted) pending.perform(table);
      return table.get([key], 1);
    },
  };
}

test("what others write comes under a pending value, whatever was written on top of that", () => {
  const { write, execute, refuse, get } = open();
  write(setEntry(["k"], '{"a":1}'));
  write(setEntry(["k", "b"], "2"));
  const shown = get("k");
  execute(setEntry(["k"], "10"));
  assert.equal(get("k"), shown, "the pending value was made again");
  assert.deepEqual(get("k"), { a: 1, b: 2 });
  refuse();
  assert.deepEqual(get("k"), { b: 2 });
  refuse();
  assert.equal(get("k"), 10);
});

test("what others remove under a pending value stays away", () => {
  const { write, execute, refuse, get, table } = open();
  table.execute(setEntry(["k"], "1"), 1, false);
  write(setEntry(["k"], "2"));
  execute(deleteEntry(["k"]));
  assert.equal(get("k"), 2);
  refuse();
  assert.equal(get("k"), undefined);
});

test("what others write comes under a pending clear, which stays until it is confirmed", () => {
  const { write, execute, confirm, refuse, get, table, pending } = open();
  table.execute(setEntry(["k"], "1"), 1, false);
  write(setEntry(["before"], "2"));
  write(clearEntry());
  write(setEntry(["after"], "3"));
  assert.equal(execute(setEntry(["k"], "4")), 1);
  assert.deepEqual([get("k"), get("before"), get("after")], [undefined, undefined, 3]);
  assert.deepEqual(
    [...pending.view(table).entries()].map(({ path, json }) => [...path, json]),
    [["k", "4"]],
  );
  confirm();
  assert.deepEqual([get("k"), get("before"), get("after")], [undefined, undefined, 3]);
  confirm();
  execute(setEntry(["k"], "5"));
  assert.deepEqual([get("k"), get("before"), get("after")], [5, undefined, 3]);
  refuse();
  assert.deepEqual([get("k"), get("after")], [5, undefined]);
});

test("what others clear under pending writes stays away", () => {
  const { write, execute, refuse, get, table } = open();
  table.execute(setEntry(["k"], '{"a":1}'), 1, false);
  write(setEntry(["k", "b"], "2"));
  execute(clearEntry());
  assert.deepEqual(get("k"), { b: 2 });
  refuse();
  assert.equal(get("k"), undefined);
});

test("ops are performed once after many batches of others, when somebody looks", () => {
  const { write, execute, get, pending } = open();
  execute(setEntry(["k"], "[0]"));
  const op = write(setEntry(["k", "1"], "1"));
  for (let round = 0; round < 3; round++) {
    execute(setEntry(["k"], "[5]"));
    assert.ok(pending.isLifted);
  }
  op.status = 0;
  assert.deepEqual(get("k"), [5, 1]);
  assert.equal(op.status, 1);
  assert.ok(!pending.isLifted);
});

test("an op that was confirmed names no other, so that garbage which has grown old keeps nothing alive", () => {
  const { write, confirm, refuse, get } = open();
  const [first, second] = ["1", "2"].map((json) => write(setEntry(["k"], json))) as [Op, Op];
  assert.equal(first.next, second);
  confirm();
  assert.ok(first.next === null && first.undo === undefined);
  assert.equal(get("k"), 2);
  refuse();
  assert.ok(second.next === null && second.undo === undefined);
  assert.equal(get("k"), 1);
});

test("bytes are those of the pending batches", () => {
  const { write, confirm, refuse, get, pending, table } = open();
  for (const json of ["1", "2", "3"]) write(setEntry(["k"], json));
  const last = new Op(setEntry(["k"], "4"), 1, null);
  const lastButOne = new Op(setEntry(["other"], "5"), 1, null);
  for (const op of [lastButOne, last]) pending.write(table, op, 10);
  assert.equal(pending.bytes, 23);
  assert.deepEqual(pending.rollBack(table, 1, 10), [last]);
  assert.deepEqual([pending.bytes, pending.open?.bytes, get("k")], [13, 10, 3]);
  assert.deepEqual(pending.rollBack(table, 0, 0), [lastButOne]);
  assert.deepEqual([pending.bytes, pending.open, pending.isBusy("other")], [3, undefined, false]);
  confirm();
  refuse();
  assert.deepEqual([pending.bytes, pending.batches.length, get("k")], [1, 1, 3]);
  pending.abandon();
  assert.deepEqual([pending.bytes, pending.batches.length], [0, 0]);
});
