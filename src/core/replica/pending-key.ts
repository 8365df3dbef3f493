/** The pending entries of one top-level key. */
import assert from "node:assert";
import type { Entry } from "../log/entry.js";
import { type Status, TOO_FAR } from "../state/executor.js";
import type { Table } from "../state/table.js";
import { Covers } from "./covers.js";
import { executeConfirmed, type Op } from "./op.js";

/**
 * Invariants:
 * 1. The ops from `#oldest` on, each with the next newer one, are those of the key in the order of their writes.
 * 2. While this is lifted, the table has the confirmed slot of the key. Else the ops are performed on it: covers stand for those
 *    before `#tail`, and each op from `#tail` on knows what takes it back.
 */
export class PendingKey {
  readonly key: string;
  isLifted = false;
  #oldest: Op | null = null;
  #newest: Op | null = null;
  #tail: Op | null = null;
  readonly #covers = new Covers();

  constructor(key: string) {
    this.key = key;
  }

  get isEmpty(): boolean {
    return this.#oldest === null;
  }

  /** Performs and adds a new op, unless it would be too far. */
  write(table: Table, op: Op): Status {
    const isCovered = op.isHidden || (this.#tail === null && this.#covers.perform(table, op));
    if (!isCovered && table.execute(op.entry, op.time, true, op) === TOO_FAR) return TOO_FAR;
    this.add(op);
    if (!isCovered) this.#tail ??= op;
    return op.status as Status;
  }

  /** Adds an op that is not performed on the table, which is lifted. */
  add(op: Op): void {
    if (this.#newest === null) this.#oldest = op;
    else this.#newest.next = op;
    this.#newest = op;
  }

  /** Executes an entry of another member at `time`, below the ops. Afterwards this may be lifted. */
  execute(table: Table, entry: Entry, time: number): Status {
    if (this.isLifted) return table.execute(entry, time, false);
    const status = this.#tail === null ? this.#covers.execute(table, entry, time) : null;
    if (status === null || this.#covers.isStale) this.lift(table);
    return status ?? table.execute(entry, time, false);
  }

  /** Makes the oldest op the next one of the log, at `time`, and forgets it. Afterwards this may be lifted. */
  confirm(table: Table, op: Op, time: number): void {
    if (op.isHidden || op.hasStamp || time >= op.validUntil) this.lift(table);
    if (this.isLifted) executeConfirmed(table, op, time);
    else if (this.#tail !== op) this.#covers.confirm(table, op, time);
    this.forget(op);
  }

  /** Forgets the oldest op. It does not name newer ones any more: garbage that has grown old would keep all of them alive. */
  forget(op: Op): void {
    assert(this.#oldest === op, "expected the oldest op of its key");
    this.#oldest = op.next;
    if (this.#tail === op) this.#tail = op.next;
    if (op.next === null) this.#newest = null;
    op.next = null;
    op.undo = undefined;
  }

  /** Forgets the ops that are in a set, which are the newest ones. This is lifted. */
  forgetNewest(ops: ReadonlySet<Op>): void {
    let last: Op | null = null;
    let op = this.#oldest;
    for (; op !== null && !ops.has(op); op = op.next) last = op;
    this.#newest = last;
    if (last === null) this.#oldest = null;
    else last.next = null;
  }

  /** Takes the ops off the confirmed slot. */
  lift(table: Table): void {
    if (this.isLifted) return;
    const tail: Op[] = [];
    for (let op = this.#tail; op !== null; op = op.next) tail.push(op);
    for (const { entry, undo } of tail.reverse()) if (undo !== undefined) table.takeBack(entry, undo);
    for (const op of tail) op.undo = undefined;
    this.#covers.putBack(table, this.key);
    this.#tail = null;
    this.isLifted = true;
  }

  /** Notes that the table was replaced by one that has the confirmed slot. */
  moved(): void {
    this.#covers.drop();
    this.#tail = null;
    this.isLifted = true;
  }

  /** Performs the ops on the confirmed slot again. */
  perform(table: Table): void {
    assert(this.isLifted, "expected a key whose ops are not performed");
    this.isLifted = false;
    for (let op = this.#oldest; op !== null; op = op.next) {
      if (op.isHidden || (this.#tail === null && this.#covers.perform(table, op))) continue;
      this.#tail ??= op;
      table.execute(op.entry, op.time, true, op);
    }
  }
}
