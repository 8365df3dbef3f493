/**
 * What this member has written and the log has not yet confirmed, and how it lies on top of the confirmed state.
 */
import assert from "node:assert";
import { CLEAR, type Entry, isOfHub, PUBLISH } from "../log/entry.js";
import type { StateView } from "../log/log.js";
import { APPLIED, type Status, TOO_FAR } from "../state/executor.js";
import { Views } from "../state/open-view.js";
import type { Slots } from "../state/slots.js";
import type { Table } from "../state/table.js";
import { executeConfirmed, executePending, type Op, PendingBatch } from "./op.js";
import { PendingKey } from "./pending-key.js";

/** Who is told of what is executed at its place in the log. */
export interface Watched {
  before(entry: Entry, isOwn: boolean): void;
  after(entry: Entry, status: Status | 0, isOwn: boolean): void;
}

/**
 * The pending batches in the order of their writes, and their entries by top-level key.
 *
 * Invariants:
 * 1. `batches` are sealed ones (with a frame), oldest first, and at most one open one, last. `bytes` is the sum of theirs.
 * 2. `#keys` has the ops of all batches but the clears, by key. What an op does depends on older ops of its key alone, so each
 *    key is lifted off the confirmed state and performed on it again by itself. `#lifted` are the lifted ones.
 * 3. While a `CLEAR` is pending, all keys are lifted. `#below` is the confirmed state, and the table has what the ops after the
 *    last `CLEAR` come to; or nothing is performed, and `#below` is null.
 * 4. Unless `isLifted`, the table is the confirmed state with all ops performed on it, oldest first.
 */
export class PendingQueue {
  /** All pending batches, oldest first; the last one may still take entries. */
  readonly batches: PendingBatch[] = [];
  /** Bytes of all pending batches. */
  bytes = 0;
  readonly #keys = new Map<string, PendingKey>();
  readonly #lifted = new Set<PendingKey>();
  #clearCount = 0;
  #below: Slots | null = null;
  /** Views of the confirmed slots. */
  readonly #views = new Views();

  /** The batch that takes entries, if there is one. */
  get open(): PendingBatch | undefined {
    const last = this.batches.at(-1);
    return last?.frame === null ? last : undefined;
  }

  /** Whether the confirmed slot of a key is needed as it is: entries are pending on it, or a view has still to give it. */
  isBusy(key: string): boolean {
    return this.#keys.has(key) || this.#views.isAhead(key);
  }

  /** The keys that ops are pending on; null: all, since a `CLEAR` is pending. */
  get keys(): ReadonlyMap<string, unknown> | null {
    return this.#clearCount > 0 ? null : this.#keys;
  }

  /** Whether some ops are not performed on the table. */
  get isLifted(): boolean {
    return this.#below === null && (this.#lifted.size > 0 || this.#clearCount > 0);
  }

  /** Performs the ops that are not: each once, however much of the log has come since they were lifted. */
  perform(table: Table): void {
    if (this.#below !== null) return;
    if (this.#clearCount > 0) {
      this.#performClear(table);
      return;
    }
    for (const pending of this.#lifted) pending.perform(table);
    this.#lifted.clear();
  }

  /** Performs a new op, and adds it to the open batch, or to a new one, unless it would be too far. */
  write(table: Table, op: Op, bytes: number): Status {
    const status = this.#write(table, op);
    if (status !== TOO_FAR) this.#addToBatch(op, bytes);
    return status;
  }

  #write(table: Table, op: Op): Status {
    if (this.#clearCount > 0) this.perform(table);
    const key = op.entry.path[0];
    if (key === undefined) return this.#clear(table, op);
    const known = this.#keys.get(key);
    const pending = known ?? new PendingKey(key);
    if (this.#below === null) {
      if (this.#lifted.delete(pending)) pending.perform(table);
      if (pending.write(table, op) === TOO_FAR) return TOO_FAR;
    } else {
      if (executePending(table, op) === TOO_FAR) return TOO_FAR;
      pending.isLifted = true;
      this.#lifted.add(pending);
      pending.add(op);
    }
    if (known === undefined) this.#keys.set(key, pending);
    return op.status as Status;
  }

  #addToBatch(op: Op, bytes: number): void {
    let batch = this.open;
    if (batch === undefined) {
      batch = new PendingBatch();
      this.batches.push(batch);
    }
    batch.ops.push(op);
    batch.bytes += bytes;
    this.bytes += bytes;
  }

  /**
   * Forgets what was added to the open batch after its first `count` ops and `bytes` bytes, and what that did. Returns the
   * ops, newest first. A batch that is empty then is no longer pending.
   */
  rollBack(table: Table, count: number, bytes: number): readonly Op[] {
    const batch = this.open;
    if (batch === undefined) return [];
    const rolledBack = batch.ops.slice(count).reverse();
    if (this.#below !== null) this.#uncover(table);
    const keys = new Set<PendingKey>();
    for (const op of rolledBack) {
      const pending = this.#pendingOf(op);
      if (pending === undefined) this.#clearCount--;
      else keys.add(pending);
    }
    const ops = new Set(rolledBack);
    for (const pending of keys) {
      this.#lift(table, pending);
      pending.forgetNewest(ops);
      this.#dropIfEmpty(pending);
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

  /** Executes an entry of another member on the confirmed state. */
  execute(table: Table, entry: Entry, time: number): Status {
    if (!this.#views.isEmpty) this.#keepForViews(table, entry);
    if (this.#below !== null) return this.#onConfirmed(table, () => table.execute(entry, time, false));
    if (entry.type === CLEAR) this.#liftAll(table);
    const pending = hasSlot(entry) ? this.#keys.get(entry.path[0] as string) : undefined;
    if (pending === undefined) return table.execute(entry, time, false);
    const status = pending.execute(table, entry, time);
    if (pending.isLifted) this.#lifted.add(pending);
    return status;
  }

  /**
   * Makes the oldest batch the next one of the log and forgets it. Its ops hold what they came to there.
   * @param watched Who is told of each op, before and after it.
   */
  confirm(table: Table, batch: PendingBatch, time: number, watched: Watched | null = null): void {
    this.#shift(batch);
    for (const op of batch.ops) {
      if (!this.#views.isEmpty) this.#keepForViews(table, op.entry);
      watched?.before(op.entry, true);
      this.#confirm(table, op, time);
      watched?.after(op.entry, op.status, true);
    }
  }

  #confirm(table: Table, op: Op, time: number): void {
    const pending = this.#pendingOf(op);
    if (this.#below !== null) this.#onConfirmed(table, () => executeConfirmed(table, op, time));
    else if (pending === undefined) executeConfirmed(table, op, time);
    if (pending === undefined) {
      this.#cleared(table);
      return;
    }
    if (this.#below !== null) pending.forget(op);
    else pending.confirm(table, op, time);
    if (pending.isLifted) this.#lifted.add(pending);
    this.#dropIfEmpty(pending);
  }

  /** Forgets the oldest batch, which the log refused, and what it did. */
  refuse(table: Table, batch: PendingBatch): void {
    this.#shift(batch);
    if (this.#below !== null) this.#uncover(table);
    this.#forget(table, batch);
  }

  /** Storage time is later by `ms` than was known when the ops were written: those that were never sent are shifted. */
  shift(table: Table, ms: number): void {
    if (this.#below !== null) this.#uncover(table);
    this.#liftAll(table);
    for (const batch of this.batches) if (batch.number === 0) for (const op of batch.ops) op.shift(ms);
  }

  /** Leaves a table for another one, on which nothing is performed; forgets and returns the batches that were found in it. */
  moveTo(table: Table, from: Table): PendingBatch[] {
    if (!this.#views.isEmpty) this.#detachViews(from);
    this.#below = null;
    for (const pending of this.#keys.values()) {
      pending.moved();
      this.#lifted.add(pending);
    }
    const found = this.batches.filter((batch) => batch.isFound);
    for (const batch of found) {
      this.#shift(batch);
      this.#forget(table, batch);
      for (const [index, op] of batch.ops.entries()) op.take(batch.results?.[index]);
    }
    return found;
  }

  /** Calls with the confirmed slot of a key in the table, or with all of them (null). */
  onConfirmed<T>(table: Table, key: string | null, call: () => T): T {
    if (this.#below !== null) return this.#onConfirmed(table, call);
    const pending = key === null ? undefined : this.#keys.get(key);
    if (key === null) this.#liftAll(table);
    else if (pending !== undefined) this.#lift(table, pending);
    return call();
  }

  /** A view of the confirmed state. */
  view(table: Table): StateView {
    const lift = (key: string): void => {
      const known = this.#keys.get(key);
      if (known !== undefined && this.#below === null) this.#lift(table, known);
    };
    return this.#views.open(table.head(), this.#below ?? table.slots, { keys: () => this.#keys.keys(), lift });
  }

  /** Lets the views copy what an entry is about to change. */
  #keepForViews(table: Table, entry: Entry): void {
    if (entry.type === CLEAR) this.#detachViews(table);
    else if (hasSlot(entry)) this.#views.keep(entry.path[0] as string);
  }

  /** Leaves the confirmed slots to the views. */
  #detachViews(table: Table): void {
    if (this.#below === null) this.#liftAll(table);
    this.#views.detach();
  }

  /** Forgets the ops of a batch, and what they did. */
  #forget(table: Table, batch: PendingBatch): void {
    for (const op of batch.ops) {
      const pending = this.#pendingOf(op);
      if (pending === undefined) this.#clearCount--;
      else {
        this.#lift(table, pending);
        pending.forget(op);
        this.#dropIfEmpty(pending);
      }
    }
  }

  #shift(batch: PendingBatch): void {
    assert(this.batches[0] === batch, "expected the oldest batch");
    this.batches.shift();
    this.bytes -= batch.bytes;
  }

  /** The ops of the key of an op; undefined for a `CLEAR`. */
  #pendingOf(op: Op): PendingKey | undefined {
    const key = op.entry.path[0];
    return key === undefined ? undefined : this.#keys.get(key);
  }

  #dropIfEmpty(pending: PendingKey): void {
    if (pending.isEmpty && this.#keys.delete(pending.key)) this.#lifted.delete(pending);
  }

  #lift(table: Table, pending: PendingKey): void {
    pending.lift(table);
    this.#lifted.add(pending);
  }

  #liftAll(table: Table): void {
    for (const pending of this.#keys.values()) if (!pending.isLifted) this.#lift(table, pending);
  }

  /** Performs and counts a new `CLEAR`. */
  #clear(table: Table, op: Op): Status {
    if (this.#below === null) this.#liftAll(table);
    const slots = table.replaceAll();
    this.#below ??= slots;
    this.#clearCount++;
    op.status = APPLIED;
    return APPLIED;
  }

  /** Performs the last pending `CLEAR` and what follows it: what is before it does not show. */
  #performClear(table: Table): void {
    this.#below = table.replaceAll();
    const ops = this.batches.flatMap((batch) => batch.ops);
    const last = ops.findLastIndex((op) => op.entry.type === CLEAR);
    for (const op of ops.slice(last + 1)) executePending(table, op);
  }

  /** Calls with the confirmed state in the table, while a `CLEAR` is pending. */
  #onConfirmed<T>(table: Table, call: () => T): T {
    const shown = table.replaceAll(this.#below as Slots);
    const result = call();
    this.#below = table.replaceAll(shown);
    return result;
  }

  /** A `CLEAR` has left. */
  #cleared(table: Table): void {
    this.#clearCount--;
    if (this.#clearCount === 0 && this.#below !== null) this.#uncover(table);
  }

  #uncover(table: Table): void {
    table.replaceAll(this.#below as Slots);
    this.#below = null;
  }
}

/** Whether an entry concerns the slot that its path names. */
function hasSlot(entry: Entry): boolean {
  return entry.type !== CLEAR && entry.type !== PUBLISH && !isOfHub(entry);
}
