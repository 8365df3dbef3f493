import assert from "node:assert";
import { StorageError } from "../errors.js";
import { decodeEntries } from "../log/codec.js";
import { ADD, CLEAR, DELETE, type Entry, EXPIRE, PATCH, type Path, SET } from "../log/entry.js";
import { bornOf, numberOf, originOf, seqOf, timeOf } from "../log/frame.js";
import type { LogClock, LogSink, SnapshotHead } from "../log/log.js";
import { APPLIED, type Status } from "../state/executor.js";
import { EXPIRED, NEW, type Verdict } from "../state/origins.js";
import { Table } from "../state/table.js";
import type { Announcer } from "./announcer.js";
import type { PendingBatch } from "./op.js";
import type { Outbox } from "./outbox.js";
import { executeConfirmed, type PendingQueue } from "./pending-queue.js";

/** Most paths that one turn of the event loop drops: well below a millisecond of work, unless containers are copied. */
const SWEEP_PATHS = 256;

/** What a replica needs of its engine's clock. */
export type ReplicaClock = Pick<LogClock, "now" | "soon">;

/** One confirmed entry that took effect. */
export interface Change {
  readonly type: "set" | "delete" | "touch" | "increment" | "patch" | "clear";
  readonly path: Path;
}

/** What a replica reports; called from a microtask, so that whoever is called may use the replica. */
export interface ReplicaEvents {
  /** Whether anybody wants to be told. */
  hasListeners(event: "change" | "expire"): boolean;
  /** In the order of the log. Not called for what a snapshot brings. */
  changed(change: Change): void;
  /** What was at this path had expired and was dropped. */
  expired(event: { readonly path: Path }): void;
  /** The whole state was replaced by that of a snapshot and what followed it. */
  reloaded?(): void;
  connected(): void;
  disconnected(): void;
  managerChanged(pid: number, isHere: boolean): void;
  /** The disk of the manager refuses writes, or takes them again (null). */
  diskTrouble(error: Error | null): void;
  /** A write of this member was refused. */
  erred(error: Error): void;
  /** Nothing more is delivered. */
  failed(error: Error): void;
}

const CHANGE_TYPES = {
  [SET]: "set",
  [DELETE]: "delete",
  [EXPIRE]: "touch",
  [ADD]: "increment",
  [PATCH]: "patch",
  [CLEAR]: "clear",
} as const;

/** What a {@link LogApplier} needs of its replica. */
export interface LogApplierOptions {
  readonly clock: ReplicaClock;
  readonly pending: PendingQueue;
  readonly outbox: Outbox;
  readonly events: ReplicaEvents;
  readonly announcer: Announcer;
  /** The batches have left; what became of them stands in their ops. */
  settle(batches: readonly PendingBatch[]): void;
  /** The connection to the manager was made. */
  caughtUp(): void;
  failed(error: Error): void;
}

/**
 * Follows the log: keeps the confirmed state, with what is pending on top of it.
 *
 * Invariants:
 * 1. `table` is the state at `table.seq` with all pending ops performed on it. It is what the user sees.
 * 2. While a whole state is restored, `#next` is that state without anything pending; it takes the place of `table` at
 *    `joined`. Batches of this member that are found in it are marked, and leave at that moment.
 */
export class LogApplier implements LogSink {
  table = new Table();
  readonly #of: LogApplierOptions;
  #next: Table | null = null;
  #isJoined = false;
  #isSweeping = false;
  /** ms from when the last batch was ordered until it, or its confirmation, came here. */
  delayMs = 0;
  /** The latest log time that was heard of, in ms since 1970. */
  #time = 0;

  constructor(follows: LogApplierOptions) {
    this.#of = follows;
  }

  get seq(): number {
    return (this.#next ?? this.table).seq;
  }

  get isConnected(): boolean {
    return this.#isJoined;
  }

  /** Whether what was delivered is what the user sees. */
  get isCurrent(): boolean {
    return this.#next === null;
  }

  /** Storage time in ms since 1970: the wall clock, but never behind the log. */
  get now(): number {
    return Math.max(this.#of.clock.now(), this.table.time, this.#time);
  }

  restoring(head: SnapshotHead): void {
    this.#next = new Table();
    this.#next.restore(head);
    this.#findIn(this.#next);
  }

  restored(frame: Buffer, start: number, end: number): void {
    assert(this.#next !== null, "expected the head of a snapshot before its slots");
    this.#next.restoreEntries(decodeEntries(frame, start, end));
  }

  batch(frame: Buffer, start: number, end: number): void {
    const origin = originOf(frame, start);
    const number = numberOf(frame, start);
    const own = this.#of.outbox.own(origin, number);
    const seq = seqOf(frame, start);
    const time = timeOf(frame, start);
    this.#noteDelay(time);
    if (own !== undefined) {
      this.#own(own, seq, time);
      return;
    }
    const entries = decodeEntries(frame, start, end);
    const table = this.#next ?? this.table;
    const verdict = table.admit(seq, time, origin, bornOf(frame, start), number);
    if (verdict === NEW && table === this.table) this.#of.pending.aside(table, entries, () => this.#apply(entries));
    else if (verdict === NEW) for (const entry of entries) table.execute(entry, time, false);
    this.#sweepSoon();
  }

  confirmed(seq: number, time: number): number {
    const batch = this.#of.outbox.expected;
    if (batch === undefined) return 0;
    this.#noteDelay(time);
    this.#own(batch, seq, time);
    return (batch.frame as Buffer).length;
  }

  connected(time: number): void {
    const { outbox, events, announcer } = this.#of;
    this.#time = Math.max(this.#time, time);
    const isReloaded = this.#next !== null;
    if (this.#next !== null) this.#exchange(this.#next);
    this.#isJoined = true;
    outbox.join(this.now);
    announcer.push(() => {
      if (isReloaded) events.reloaded?.();
      events.connected();
    });
    this.#of.caughtUp();
    this.#sweepSoon();
  }

  disconnected(): void {
    this.#isJoined = false;
    this.#of.outbox.part();
    this.#of.announcer.push(() => this.#of.events.disconnected());
  }

  managerChanged(pid: number, isHere: boolean): void {
    this.#of.announcer.push(() => this.#of.events.managerChanged(pid, isHere));
  }

  diskTrouble(error: Error | null): void {
    this.#of.announcer.push(() => this.#of.events.diskTrouble(error));
  }

  failed(error: Error): void {
    this.#isJoined = false;
    this.#of.outbox.part();
    this.#of.failed(error);
    this.#of.announcer.push(() => this.#of.events.failed(error));
  }

  /** Marks the batches of this member that a snapshot covers; those before them were skipped by the log. */
  #findIn(next: Table): void {
    const { batches } = this.#of.pending;
    const isCovered = (batch: PendingBatch) => batch.number > 0 && batch.number <= next.highest(batch.origin);
    const last = batches.findLastIndex(isCovered);
    for (const [index, batch] of batches.entries()) {
      batch.isFound = index <= last;
      batch.isExpired = index < last && !isCovered(batch);
      if (batch.isFound) for (const op of batch.ops) op.status = 0;
    }
  }

  /** Puts the restored state in place of the one that the user sees. */
  #exchange(next: Table): void {
    this.#next = null;
    this.table = next;
    this.#leave(this.#of.pending.moveTo(next));
  }

  #noteDelay(time: number): void {
    this.delayMs = Math.max(0, this.#of.clock.now() - time);
  }

  /** The next batch of the log is one of this member. */
  #own(batch: PendingBatch, seq: number, time: number): void {
    for (let older = this.#of.outbox.expected; older && older !== batch; older = this.#of.outbox.expected)
      this.#skip(older);
    const table = this.#next ?? this.table;
    const verdict = table.admit(seq, time, batch.origin, batch.born, batch.number);
    if (verdict !== NEW) {
      this.#skip(batch, verdict);
      return;
    }
    if (table === this.table) {
      this.#of.pending.confirm(table, batch, time);
      if (this.#of.events.hasListeners("change")) for (const op of batch.ops) this.#announce(op.entry, op.status);
      this.#leave([batch]);
      this.#sweepSoon();
    } else {
      batch.isFound = true;
      for (const op of batch.ops) executeConfirmed(table, op, time);
    }
  }

  /**
   * A batch of this member has no effect at this place. One that is older than a batch in the log, and was not delivered
   * before it, was skipped where a snapshot covers it, since frames of one member reach the log in order.
   */
  #skip(batch: PendingBatch, verdict: Verdict = EXPIRED): void {
    batch.isExpired = verdict === EXPIRED;
    if (this.#next !== null) batch.isFound = true;
    else this.#of.pending.refuse(this.table, batch);
    for (const op of batch.ops) op.status = 0;
    if (this.#next === null) this.#leave([batch]);
  }

  #leave(batches: readonly PendingBatch[]): void {
    for (const batch of batches) {
      this.#of.outbox.release(batch, this.table.time);
      if (batch.isExpired) this.#of.announcer.push(() => this.#of.events.erred(expiredError()));
    }
    this.#of.settle(batches);
  }

  #apply(entries: readonly Entry[]): void {
    const { table } = this;
    const { time } = table;
    const isHeard = this.#of.events.hasListeners("change");
    for (const entry of entries) {
      const status = table.execute(entry, time, false);
      if (isHeard) this.#announce(entry, status);
    }
  }

  /** Tells that an entry took effect, if it did. */
  #announce(entry: Entry, status: Status | 0): void {
    if (status !== APPLIED) return;
    const { events, announcer } = this.#of;
    const change: Change = { type: CHANGE_TYPES[entry.op as keyof typeof CHANGE_TYPES], path: entry.path };
    announcer.push(() => events.changed(change));
  }

  #sweepSoon(): void {
    if (this.#isSweeping || this.#next !== null || !this.table.hasDue) return;
    this.#isSweeping = true;
    this.#of.clock.soon(() => this.#sweep());
  }

  #sweep(): void {
    const { pending, events, announcer } = this.#of;
    this.#isSweeping = false;
    const swept = this.table.sweep(SWEEP_PATHS, (key) => pending.has(key));
    if (events.hasListeners("expire")) {
      for (const path of swept.paths) announcer.push(() => events.expired({ path }));
    }
    if (swept.hasMore) this.#sweepSoon();
  }
}

/** What a member is told about a batch that waited longer than its origin is remembered. */
export function expiredError(): StorageError {
  return new StorageError(
    "ERR_STORAGE_EXPIRED",
    "expected a write to reach the log while its origin was remembered, got one that nobody can tell any more whether it was applied; read and write again",
  );
}
