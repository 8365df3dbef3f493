/** A pending entry, and a batch of them. */
import type { Entry } from "../log/entry.js";
import type { Outcome, Status, Undo } from "../state/executor.js";

/** How a caller learns what became of something: one of the two is called, once. */
export interface Promised<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * One pending entry.
 *
 * Invariant: `before` and `after` are the pending entries of the same top-level key, older and newer; they make a ring, so
 * after the newest comes the oldest. One that is alone, not pending or a `CLEAR` names itself.
 */
export class Op implements Outcome {
  readonly entry: Entry;
  /** Storage time of the write: what it is evaluated at while it is pending. */
  readonly time: number;
  readonly promised: Promised<Op> | null;
  /** Its result: as executed here while it is pending, then at its place in the log. 0: not known. */
  status: Status | 0 = 0;
  number = 0;
  validUntil = Infinity;
  undo: Undo | undefined = undefined;
  before: Op = this;
  after: Op = this;

  constructor(entry: Entry, time: number, promised: Promised<Op> | null) {
    this.entry = entry;
    this.time = time;
    this.promised = promised;
  }
}

/** Pending entries that become one batch of the log. */
export class PendingBatch {
  readonly ops: Op[] = [];
  /** The callers that wait for this batch and all before it. */
  readonly waiters: Promised<void>[] = [];
  /** At least the bytes of its frame's body. */
  bytes = 0;
  /** Encoded; null while it still takes entries. */
  frame: Buffer | null = null;
  origin = 0;
  born = 0;
  /** 0: it was not sent. */
  number = 0;
  /** It is part of the state that is being restored. */
  isFound = false;
  /** The log refused it, since its origin was forgotten. */
  isForgotten = false;
}

/** Its top-level key; a `CLEAR` has none. */
export function keyOf(op: Op): string | undefined {
  return op.entry.path[0];
}
