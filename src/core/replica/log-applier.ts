import assert from "node:assert";
import { decodeEntries } from "../log/codec.js";
import { type Entry, LEFT } from "../log/entry.js";
import { bornOf, kindOf, numberOf, ORIGINS, originOf, seqOf, timeOf } from "../log/frame.js";
import type { LevelHeld, LogSink, StateHead, StateView } from "../log/log.js";
import { decodeOrigins } from "../log/snapshot-frames.js";
import { atPlace } from "../log/stamps.js";
import { APPLIED, type Status } from "../state/executor.js";
import { FORGOTTEN, NEW, type Verdict } from "../state/origins.js";
import { Table } from "../state/table.js";
import { type Announcer, CHANGE_TYPES, type Change } from "./events.js";
import type { Locks } from "./locks.js";
import { executeFound, type PendingBatch } from "./op.js";
import type { Outbox } from "./outbox.js";
import type { PendingQueue } from "./pending-queue.js";
import { forgottenError } from "./settling.js";
import type { ReplicaClock, Tables } from "./tables.js";
import type { Watches } from "./watches.js";
import type { Writer } from "./writer.js";

/** Most paths that one turn of the event loop drops: well below a millisecond of work, unless containers are copied. */
const SWEEP_PATHS = 256;

/** The parts of a replica that the log changes. */
export interface LogApplierParts {
  readonly clock: ReplicaClock;
  readonly tables: Tables;
  readonly pending: PendingQueue;
  readonly outbox: Outbox;
  readonly writer: Writer;
  readonly announcer: Announcer;
  readonly watches: Watches;
  readonly locks: Locks;
}

/** Applies the log: keeps the confirmed state, with the pending writes on top of it. */
export class LogApplier implements LogSink {
  /** Frames that were delivered. */
  deliveredCount = 0;
  readonly #clock: ReplicaClock;
  readonly #tables: Tables;
  readonly #pending: PendingQueue;
  readonly #outbox: Outbox;
  readonly #writer: Writer;
  readonly #announcer: Announcer;
  readonly #watches: Watches;
  readonly #locks: Locks;
  #isSweeping = false;
  #wasConnected = false;
  /** ms from when the last batch was ordered until it, or its confirmation, was delivered here. */
  delayMs = 0;

  constructor({ clock, tables, pending, outbox, writer, announcer, watches, locks }: LogApplierParts) {
    this.#clock = clock;
    this.#tables = tables;
    this.#pending = pending;
    this.#outbox = outbox;
    this.#writer = writer;
    this.#announcer = announcer;
    this.#watches = watches;
    this.#locks = locks;
  }

  get seq(): number {
    return this.#tables.next.seq;
  }

  get level(): number {
    return this.#tables.next.level;
  }

  view(): StateView | null {
    const { shown, isCurrent } = this.#tables;
    if (!isCurrent || !this.#wasConnected) return null;
    return this.#pending.view(shown);
  }

  restoring(head: StateHead): void {
    const table = new Table();
    table.restore({ ...head, origins: [] });
    this.#tables.restored = table;
    this.#findIn(table);
  }

  restored(frame: Buffer, start: number, end: number): void {
    const { restored } = this.#tables;
    assert(restored !== null, "expected the head of a snapshot before its frames");
    this.deliveredCount++;
    if (kindOf(frame, start) !== ORIGINS) {
      restored.restoreEntries(decodeEntries(frame, start, end));
      return;
    }
    restored.restoreOrigins(decodeOrigins(frame, start, end));
    this.#findIn(restored);
  }

  batch(frame: Buffer, start: number, end: number): void {
    this.deliveredCount++;
    const origin = originOf(frame, start);
    const number = numberOf(frame, start);
    const own = this.#outbox.own(origin, number);
    const seq = seqOf(frame, start);
    const time = timeOf(frame, start);
    this.#noteDelay(time);
    if (own !== undefined) {
      this.#own(own, seq, time);
      return;
    }
    const entries = atPlace(decodeEntries(frame, start, end), seq);
    const table = this.#tables.next;
    const verdict = table.admit(seq, time, origin, bornOf(frame, start), number);
    if (table === this.#tables.shown) this.#watches.advance(time);
    if (verdict === NEW && table === this.#tables.shown) this.#apply(entries);
    else if (verdict === NEW) for (const entry of entries) table.execute(entry, time, false);
    if (origin === 0) {
      this.#announceLeft(entries);
      if (table.noteLevel(entries)) this.#noteLevel();
    }
    this.#sweepSoon();
  }

  confirmed(seq: number, time: number): number {
    const batch = this.#outbox.expected;
    if (batch === undefined) return 0;
    this.deliveredCount++;
    this.#noteDelay(time);
    this.#own(batch, seq, time);
    return (batch.frame as Buffer).length;
  }

  timeShifted(byMs: number): void {
    this.#pending.shift(this.#tables.shown, byMs);
    this.#outbox.shifted();
  }

  connected(): void {
    const { restored } = this.#tables;
    if (restored !== null) this.#show(restored);
    const isReload = restored !== null && this.#wasConnected;
    if (!this.#wasConnected) this.#watches.activate();
    this.#wasConnected = true;
    this.#outbox.connected(this.#tables.now);
    this.#announcer.push((events) => {
      if (isReload) events.reloaded();
      events.connected();
    });
    this.#writer.caughtUp();
    this.#sweepSoon();
  }

  disconnected(): void {
    this.#outbox.disconnected();
    this.#announcer.push((events) => events.disconnected());
  }

  managerChanged(pid: number, isHere: boolean): void {
    this.#announcer.push((events) => events.managerChanged(pid, isHere));
  }

  levelHeld(held: LevelHeld): void {
    this.#writer.levels.held(held);
  }

  diskTrouble(error: Error | null): void {
    this.#announcer.push((events) => events.diskTrouble(error));
  }

  warned(error: Error): void {
    this.#announcer.push((events) => events.warned(error));
  }

  failed(error: Error): void {
    this.#outbox.disconnected();
    this.#writer.fail(error);
    this.#watches.fail(error);
    this.#locks.fail(error);
    this.#announcer.push((events) => events.failed(error));
  }

  /** Marks the batches of this member that a snapshot covers, as far as its origins are known; those before them were skipped by the log. */
  #findIn(next: Table): void {
    const { batches } = this.#pending;
    const isCovered = (batch: PendingBatch) => batch.number > 0 && batch.number <= next.highest(batch.origin);
    const last = batches.findLastIndex(isCovered);
    for (const [index, batch] of batches.entries()) {
      batch.isFound = index <= last;
      batch.isForgotten = index < last && !isCovered(batch);
      batch.results = null;
    }
  }

  /** Puts the restored state in place of the one that the user sees. */
  #show(restored: Table): void {
    const { shown } = this.#tables;
    if (!this.#watches.isIdle) this.#watches.reload(restored);
    this.#tables.restored = null;
    this.#tables.shown = restored;
    this.#leave(this.#pending.moveTo(restored, shown));
    this.#noteLevel();
    this.#locks.sawAll();
  }

  /** Calls that wait for a level go on once what the user sees has it. */
  #noteLevel(): void {
    this.#writer.levels.raised(this.#tables.shown.level);
  }

  #noteDelay(time: number): void {
    this.delayMs = Math.max(0, this.#clock.now() - time);
  }

  /** The next batch of the log is one of this member. */
  #own(batch: PendingBatch, seq: number, time: number): void {
    for (let older = this.#outbox.expected; older && older !== batch; older = this.#outbox.expected) this.#skip(older);
    const table = this.#tables.next;
    const verdict = table.admit(seq, time, batch.origin, batch.born, batch.number);
    if (table === this.#tables.shown) this.#watches.advance(time);
    if (verdict !== NEW) {
      this.#skip(batch, verdict);
      return;
    }
    if (table === this.#tables.shown) {
      this.#pending.confirm(table, batch, time, this.#watched);
      if (this.#announcer.hasListeners("change")) for (const op of batch.ops) this.#announce(op.entry, op.status);
      for (const { entry } of batch.ops) this.#locks.saw(entry);
      this.#leave([batch]);
      this.#sweepSoon();
    } else {
      batch.isFound = true;
      executeFound(table, batch, time);
    }
  }

  /**
   * A batch of this member has no effect at this place. One that is older than a batch in the log, and was not delivered
   * before it, was skipped where a snapshot covers it, since frames of one member reach the log in order.
   */
  #skip(batch: PendingBatch, verdict: Verdict = FORGOTTEN): void {
    const { isCurrent } = this.#tables;
    batch.isForgotten = verdict === FORGOTTEN;
    if (isCurrent) this.#pending.refuse(this.#tables.shown, batch);
    else batch.isFound = true;
    for (const op of batch.ops) op.status = 0;
    if (isCurrent) this.#leave([batch]);
  }

  #leave(batches: readonly PendingBatch[]): void {
    for (const batch of batches) {
      this.#outbox.release(batch, this.#tables.shown.time);
      if (batch.isForgotten) this.#announcer.push((events) => events.forgotten(forgottenError()));
    }
    this.#writer.settle(batches);
  }

  /** Who is told of what is executed; null: nobody watches. */
  get #watched(): Watches | null {
    return this.#watches.isIdle ? null : this.#watches;
  }

  #apply(entries: readonly Entry[]): void {
    const table = this.#tables.shown;
    const { time } = table;
    const isHeard = this.#announcer.hasListeners("change");
    const watched = this.#watched;
    for (const entry of this.#locks.seeing(entries)) {
      watched?.before(entry, false);
      const status = this.#pending.execute(table, entry, time);
      watched?.after(entry, status, false);
      if (isHeard) this.#announce(entry, status);
    }
  }

  /** Reports that an entry took effect, if it did. */
  #announce(entry: Entry, status: Status | 0): void {
    if (status !== APPLIED) return;
    const change: Change = { type: CHANGE_TYPES[entry.type as keyof typeof CHANGE_TYPES], path: entry.path };
    this.#announcer.push((events) => events.changed(change));
  }

  /** A batch of the hub's own may say that members have left. */
  #announceLeft(entries: readonly Entry[]): void {
    for (const { type, path } of entries)
      if (type === LEFT) this.#announcer.push((events) => events.left?.(path[0] as string));
  }

  #sweepSoon(): void {
    if (this.#isSweeping || !this.#tables.isCurrent || !this.#tables.shown.hasDue) return;
    this.#isSweeping = true;
    this.#clock.soon(() => this.#sweep());
  }

  #sweep(): void {
    this.#isSweeping = false;
    const swept = this.#tables.shown.sweep(SWEEP_PATHS, (key) => this.#pending.isBusy(key));
    if (this.#announcer.hasListeners("expire")) {
      for (const path of swept.paths) this.#announcer.push((events) => events.expired({ path }));
    }
    if (swept.hasMore) this.#sweepSoon();
  }
}
