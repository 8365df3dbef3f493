/** A pending entry, and a batch of them. */
import { type Entry, KEEP, LIMIT, NEVER } from "../log/entry.js";
import { pendingStamp, stampAt, withStamp } from "../log/stamps.js";
import type { Outcome, Status, Undo } from "../state/executor.js";
import type { Table } from "../state/table.js";

/** How a caller learns what became of something: one of the two is called, once. */
export interface Promised<T> {
  resolve(value: T): void;
  reject(error: Error): void;
  /** Whether the caller needs what a `DELETE` removes. */
  readonly isTake?: boolean;
}

/** One pending entry. */
export class Op implements Outcome {
  /** As it is sent. */
  sent: Entry;
  /** As it is performed while it is pending: with a stamp, if it asks for one, that counts as the latest. */
  entry: Entry;
  /** Storage time of the write: what it is evaluated at while it is pending. */
  time: number;
  readonly promised: Promised<Op> | null;
  /** Its result: as executed here while it is pending, then at its place in the log. 0: not known. */
  status: Status | 0 = 0;
  number = 0;
  expiresAt = NEVER;
  validUntil = Infinity;
  taken: unknown = undefined;
  readonly isTake: boolean;
  undo: Undo | undefined = undefined;
  /** Its index in its batch, once that is sealed. */
  index = 0;
  /** The next newer pending entry of the same top-level key. */
  next: Op | null = null;

  /** @param stamp {@link pendingStamp} */
  constructor(entry: Entry, time: number, promised: Promised<Op> | null, stamp = pendingStamp(0)) {
    this.sent = entry;
    this.entry = withStamp(entry, stamp);
    this.time = time;
    this.promised = promised;
    this.isTake = promised?.isTake === true;
  }

  /** Whether it does nothing while it is pending: only its place in the log decides what a limit has room for. */
  get isHidden(): boolean {
    return this.sent.type === LIMIT;
  }

  /** Whether its place in the log decides what it stores. */
  get hasStamp(): boolean {
    return this.sent.stamp !== "";
  }

  /** The entry as it is executed at its place in the log. */
  placed(seq: number): Entry {
    return withStamp(this.sent, stampAt(seq, this.index));
  }

  /** Takes over what it came to elsewhere; undefined: that is not known. */
  take(result: Outcome | undefined): void {
    this.status = result?.status ?? 0;
    this.number = result?.number ?? 0;
    this.expiresAt = result?.expiresAt ?? NEVER;
    this.taken = result?.taken;
  }

  /** Storage time is later by `ms` than the time by which it was written: what it says of times is shifted. */
  shift(ms: number): void {
    this.time += ms;
    const { expiresAt } = this.entry;
    if (expiresAt === NEVER || expiresAt === KEEP) return;
    this.entry = { ...this.entry, expiresAt: expiresAt + ms };
    this.sent = this.hasStamp ? { ...this.sent, expiresAt: expiresAt + ms } : this.entry;
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
  /** What its ops came to in that state; null when that is not known. */
  results: readonly Outcome[] | null = null;
  /** The log refused it, since its origin was forgotten. */
  isForgotten = false;
}

/** Does what an op says to a table that shows what is pending, for good. */
export function executePending(table: Table, op: Op): Status | 0 {
  return op.isHidden ? 0 : table.execute(op.entry, op.time, false, op);
}

/** Does what an op says to the confirmed state, at its place in the log. */
export function executeConfirmed(table: Table, op: Op, time: number): void {
  table.execute(op.placed(table.seq), time, false, op);
  op.undo = undefined;
}

/** Does what the ops of a batch say to a state that is being restored; the ops get their results when that is shown. */
export function executeFound(table: Table, batch: PendingBatch, time: number): void {
  batch.results = batch.ops.map((op) => {
    const { isTake } = op;
    const result: Outcome = {
      status: 0,
      number: 0,
      expiresAt: NEVER,
      validUntil: 0,
      undo: undefined,
      isTake,
      taken: undefined,
    };
    table.execute(op.placed(table.seq), time, false, result);
    result.undo = undefined;
    return result;
  });
}
