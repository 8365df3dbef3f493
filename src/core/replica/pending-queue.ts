/**
 * What this member has written and the log has not yet confirmed, and how it lies on top of the confirmed state.
 */
import assert from "node:assert";
import { ALWAYS, CLEAR, type Entry, SET } from "../log/entry.js";
import type { Status } from "../state/executor.js";
import type { Slot } from "../state/slot.js";
import type { Table } from "../state/table.js";
import { keyOf, type Op, PendingBatch } from "./op.js";

const NO_KEYS: ReadonlySet<string> = new Set();

/**
 * The pending batches in the order of their writes, and their entries by top-level key.
 *
 * Invariants:
 * 1. The table is the confirmed state with all ops performed on it, oldest first. What an op did depends on older ops of
 *    its key alone, so keys are taken back and redone one by one; a `CLEAR` concerns all of them.
 * 2. Taken back is from the newest op on, redone from the oldest. Where the oldest is a whole value, the slot below it may
 *    be changed instead.
 * 3. `batches` are sealed ones (with a frame), oldest first, and at most one open one, last. `bytes` is the sum of theirs.
 */
export class PendingQueue {
  /** All pending batches, oldest first; the last one may still take entries. */
  readonly batches: PendingBatch[] = [];
  /** Bytes of all pending batches. */
  bytes = 0;
  readonly #newest = new Map<string, Op>();
  #clearCount = 0;

  /** The batch that takes entries, if there is one. */
  get open(): PendingBatch | undefined {
    const last = this.batches.at(-1);
    return last?.frame === null ? last : undefined;
  }

  has(key: string): boolean {
    return this.#newest.has(key);
  }

  /** Does what a new op says. */
  perform(table: Table, op: Op): Status {
    return table.execute(op.entry, op.time, true, op);
  }

  /** Adds an op that was performed to the open batch, or to a new one, as the newest one of its key. */
  add(op: Op, bytes: number): void {
    let batch = this.open;
    if (batch === undefined) {
      batch = new PendingBatch();
      this.batches.push(batch);
    }
    batch.ops.push(op);
    batch.bytes += bytes;
    this.bytes += bytes;
    this.#addByKey(op);
  }

  #addByKey(op: Op): void {
    const key = keyOf(op);
    if (key === undefined) {
      this.#clearCount++;
      return;
    }
    const before = this.#newest.get(key);
    if (before !== undefined) {
      op.before = before;
      op.after = before.after;
      before.after.before = op;
      before.after = op;
    }
    this.#newest.set(key, op);
  }

  /**
   * Forgets what was added to the open batch after its first `count` ops and `bytes` bytes, and what that did. Returns the
   * ops, newest first. A batch that is empty then is no longer pending.
   */
  rollBack(table: Table, count: number, bytes: number): readonly Op[] {
    const batch = this.open;
    if (batch === undefined) return [];
    const rolledBack = batch.ops.slice(count).reverse();
    for (const op of rolledBack) {
      takeBack(table, op);
      if (op.before !== op) this.#newest.set(keyOf(op) as string, op.before);
      this.#remove(op);
    }
    this.bytes -= batch.bytes - bytes;
    batch.ops.length = count;
    batch.bytes = bytes;
    if (count === 0) this.batches.pop();
    return rolledBack;
  }

  /** Gives up all batches; what their entries did stays. */
  abandon(): void {
    this.batches.length = 0;
    this.bytes = 0;
  }

  /** Calls `apply`, which executes entries of others, as if nothing were pending. */
  applyBelow(table: Table, entries: readonly Entry[], apply: () => void): void {
    if (this.#newest.size === 0 && this.#clearCount === 0) {
      apply();
      return;
    }
    const keys = this.#concerned(entries);
    if (keys === null) {
      this.#takeBackAll(table);
      apply();
      this.#redoAll(table);
      return;
    }
    const attachers = [...keys].map((key) => this.#detach(table, key));
    apply();
    for (const attach of attachers) attach();
  }

  /** Makes the oldest batch the next one of the log and forgets it. Its ops hold what they came to there. */
  confirm(table: Table, batch: PendingBatch, time: number): void {
    if (isForeseen(batch, time)) {
      this.#forget(batch);
      return;
    }
    this.#replace(table, batch, () => {
      for (const op of batch.ops) executeConfirmed(table, op, time);
    });
  }

  /** Forgets the oldest batch, which the log refused, and what it did. */
  refuse(table: Table, batch: PendingBatch): void {
    this.#replace(table, batch, () => {});
  }

  /** Performs the pending ops on top of another table; forgets and returns the batches that were found in it. */
  moveTo(table: Table): PendingBatch[] {
    const found = this.batches.filter((batch) => batch.isFound);
    for (const batch of found) this.#forget(batch);
    this.#redoAll(table);
    return found;
  }

  /** The entries of a snapshot of the confirmed state. */
  confirmedEntries(table: Table): readonly Entry[] {
    this.#takeBackAll(table);
    const entries = [...table.contents()];
    this.#redoAll(table);
    return entries;
  }

  /** Takes the oldest batch back and forgets it; calls `apply` below the other pending ops. */
  #replace(table: Table, batch: PendingBatch, apply: () => void): void {
    const keys = this.#concerned(batch.ops.map((op) => op.entry));
    if (keys === null) this.#takeBackAll(table);
    else for (const key of keys) this.#takeBack(table, this.#newest.get(key) as Op);
    this.#forget(batch);
    apply();
    if (keys === null) {
      this.#redoAll(table);
      return;
    }
    for (const key of keys) {
      const newest = this.#newest.get(key);
      if (newest !== undefined) this.#redo(table, newest);
    }
  }

  /** Removes the oldest batch. */
  #forget(batch: PendingBatch): void {
    this.#shift(batch);
    for (const op of batch.ops) this.#remove(op);
  }

  #shift(batch: PendingBatch): void {
    assert(this.batches[0] === batch, "expected the oldest batch");
    this.batches.shift();
    this.bytes -= batch.bytes;
  }

  /** The top-level keys of entries that have pending ops; null: all, since a `CLEAR` is involved. */
  #concerned(entries: readonly Entry[]): ReadonlySet<string> | null {
    if (this.#clearCount > 0) return null;
    let keys: Set<string> | null = null;
    for (const entry of entries) {
      if (entry.type === CLEAR) return null;
      const key = entry.path[0] as string;
      if (this.#newest.has(key)) keys = (keys ?? new Set()).add(key);
    }
    return keys ?? NO_KEYS;
  }

  /** Takes the pending ops of a key off the confirmed state; returns a function that puts them on top again. */
  #detach(table: Table, key: string): () => void {
    const newest = this.#newest.get(key) as Op;
    const oldest = newest.after;
    if (!isWhole(oldest.entry)) {
      this.#takeBack(table, newest);
      return () => this.#redo(table, newest);
    }
    // A whole value does not depend on what it replaces, nor does what was written on top of it.
    const slot = table.replaceSlot(key, oldest.undo as Slot | null);
    return () => {
      oldest.undo = table.replaceSlot(key, slot);
    };
  }

  /** Takes back all ops of a key. */
  #takeBack(table: Table, newest: Op): void {
    let op = newest;
    do {
      takeBack(table, op);
      op = op.before;
    } while (op !== newest);
  }

  #redo(table: Table, newest: Op): void {
    let op = newest;
    do {
      op = op.after;
      this.perform(table, op);
    } while (op !== newest);
  }

  #takeBackAll(table: Table): void {
    for (const batch of this.batches.toReversed()) for (const op of batch.ops.toReversed()) takeBack(table, op);
  }

  #redoAll(table: Table): void {
    for (const batch of this.batches) for (const op of batch.ops) this.perform(table, op);
  }

  /**
   * Removes the oldest op of its key, or the newest one when `#newest` names the one before it. What is left of the op names
   * no other one: garbage that has grown old would keep all newer ops of its key alive.
   */
  #remove(op: Op): void {
    const { before, after } = op;
    before.after = after;
    after.before = before;
    op.before = op;
    op.after = op;
    op.undo = undefined;
    const key = keyOf(op);
    if (key === undefined) this.#clearCount--;
    else if (after === op) this.#newest.delete(key);
  }
}

/**
 * Whether the ops of the oldest batch did exactly what they do at their place in the log, at `time`. A clear that is pending
 * after them makes no difference: what takes it back holds what they did.
 */
function isForeseen(batch: PendingBatch, time: number): boolean {
  return batch.ops.every((op) => time < op.validUntil);
}

/** Whether an entry makes its slot a new one, whatever was there. */
function isWhole(entry: Entry): boolean {
  return entry.type === SET && entry.path.length === 1 && entry.condition === ALWAYS;
}

function takeBack(table: Table, op: Op): void {
  if (op.undo !== undefined) table.takeBack(op.entry, op.undo);
  op.undo = undefined;
}

/**
 * Does what an op says at its place in the log. What would take it back is forgotten: the table on which the op is still
 * pending, if there is one, is about to be replaced as a whole.
 */
export function executeConfirmed(table: Table, op: Op, time: number): void {
  table.execute(op.entry, time, false, op);
  op.undo = undefined;
}
