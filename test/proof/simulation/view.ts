/**
 * What one member must show, computed the simplest way: the log as it was delivered, then the pending writes. It stands
 * between the engine and the replica, and looks at all that passes.
 */
import assert from "node:assert/strict";
import type { Entry } from "../../../dist/core/log/entry.js";
import { HEADER_BYTES, kindOf, numberOf, ORIGINS, originOf, seqOf } from "../../../dist/core/log/frame.js";
import type { KnownOrigin, LevelHeld, LogSink, StateHead, StateView } from "../../../dist/core/log/log.js";
import { decodeOrigins } from "../../../dist/core/log/snapshot-frames.js";
import type { Replica } from "../../../dist/core/replica/replica.js";
import { isApplied, Naive, pendingStamp, type Result } from "../model/naive.js";
import { Watching } from "../model/watching.js";
import { CHANGE_TYPES, changeText, RELOAD } from "./changes.js";
import type { History, Ordered } from "./history.js";

/** One write of a member. */
export interface Written {
  entry: Entry;
  /** Storage time of the write. */
  time: number;
  /** When it was made, in events. */
  readonly madeCount: number;
  /** What its field with a stamp shows while it is pending. */
  readonly stamp: number;
  /** Its result at its place in the log; undefined: it is not in the log yet. */
  result: Result | "expired" | undefined;
  /** A snapshot brought it, so its result may be unknown. */
  isCovered: boolean;
}

interface Sent {
  readonly origin: number;
  readonly number: number;
  readonly count: number;
}

/** What a view needs to know of its surroundings. */
export interface ViewOf {
  /** That of the storage as it is now. */
  history(): History;
  /** The wall clock. */
  now(): number;
  /** ms and events since the simulation began. */
  time(): number;
  count(): number;
  /** The epoch of the manager that is connected. */
  epoch(): number;
}

export class View implements LogSink {
  /** That of the storage as it was when this member last read everything. */
  history: History;
  shown = new Naive();
  readonly pending: Written[] = [];
  /** The changes that the replica must announce, in order, and the reloads that take the place of changes. */
  readonly changes: string[] = [];
  /** A watch of all keys, and all messages. */
  readonly watching = new Watching("", () => this.now);
  isJoined = false;
  #wasJoined = false;
  #stampCount = 0;
  #sink: LogSink | null = null;
  readonly #of: ViewOf;
  readonly #sent: Sent[] = [];
  #restored: Naive | null = null;
  #coveredSeq = 0;
  /** What the snapshot remembers of origins. */
  #remembered: KnownOrigin[] = [];
  failure: Error | null = null;
  /** What the manager reports of its disk. */
  told: Error | null = null;

  constructor(of: ViewOf) {
    this.#of = of;
    this.history = of.history();
  }

  /** Stands before the replica from now on. */
  before(replica: Replica): this {
    this.#sink = replica.sink;
    this.watching.watch(replica);
    return this;
  }

  get seq(): number {
    return this.#next.seq;
  }

  get level(): number {
    return this.#sink?.level ?? 1;
  }

  levelHeld(held: LevelHeld): void {
    this.#sink?.levelHeld(held);
  }

  /** Storage time. */
  get now(): number {
    return Math.max(this.#of.now(), this.shown.time);
  }

  /** Notes a write that the replica took. */
  wrote(entry: Entry): Written {
    const written: Written = {
      entry,
      time: this.now,
      madeCount: this.#of.count(),
      stamp: pendingStamp(entry.stamp === "" ? this.#stampCount : this.#stampCount++),
      result: undefined,
      isCovered: false,
    };
    this.pending.push(written);
    return written;
  }

  /** The replica sends a batch. */
  sends(frame: Buffer): void {
    const [origin, number] = [originOf(frame, 0), numberOf(frame, 0)];
    if (this.#sent.some((batch) => batch.origin === origin && batch.number === number)) return;
    this.#sent.push({ origin, number, count: frame.readUInt32LE(HEADER_BYTES) });
  }

  /** The log so far, then the pending writes. */
  expected(): Naive {
    const state = this.shown.clone();
    for (const { entry, time, stamp } of this.pending) state.execute(entry, time, stamp);
    return state;
  }

  /**
   * The keys where what is shown depends on when something was swept: those with a pending write on top of what log time
   * has passed. Their place in the log decides.
   */
  vagueKeys(): Set<string> {
    const vague = new Set<string>();
    for (const { entry } of this.pending) {
      const key = entry.path[0];
      const expiries = key === undefined ? undefined : this.shown.slots.get(key)?.expiries.values();
      if (expiries && [...expiries].some((at) => at <= this.shown.time)) vague.add(key as string);
    }
    return vague;
  }

  view(): StateView | null {
    return this.#to.view();
  }

  restoring(head: StateHead): void {
    this.history = this.#of.history();
    this.#restored = this.history.stateAt(head.seq);
    // The end of a removed storage carries no time.
    if (head.time < this.#restored.time) this.#restored.time = head.time;
    this.#coveredSeq = head.seq;
    this.#remembered = [];
    this.#to.restoring(head);
  }

  restored(frame: Buffer, start: number, end: number): void {
    if (kindOf(frame, start) === ORIGINS) this.#remembered.push(...decodeOrigins(frame, start, end));
    this.#to.restored(frame, start, end);
  }

  batch(frame: Buffer, start: number, end: number): void {
    const copy = Buffer.from(frame.subarray(start, end));
    const state = this.#next;
    assert.equal(seqOf(copy, 0), state.seq + 1, "batches are delivered in the order of seq, without a gap");
    const ordered = this.history.saw(copy, this.#of.epoch());
    ordered.seenAt = Math.min(ordered.seenAt, this.#of.time());
    const { origin, number } = ordered.batch;
    const place = this.#sent.findIndex((batch) => batch.origin === origin && batch.number === number);
    this.#to.batch(frame, start, end);
    this.#take(state, ordered, place);
  }

  confirmed(seq: number, time: number): number {
    assert.equal(seq, this.shown.seq + 1, "batches are confirmed in the order of seq, without a gap");
    const own = this.#sent[0];
    assert(own, "only what was sent is confirmed");
    const ordered = this.history.confirmed(seq, time, own.origin, own.number, this.#of.epoch());
    ordered.seenAt = Math.min(ordered.seenAt, this.#of.time());
    this.#confirm(ordered);
    const bytes = this.#to.confirmed(seq, time);
    this.#take(this.shown, ordered, 0);
    return bytes;
  }

  timeShifted(byMs: number): void {
    for (const written of this.pending) {
      const { expiresAt } = written.entry;
      written.time += byMs;
      if (expiresAt > 0) written.entry = { ...written.entry, expiresAt: expiresAt + byMs };
    }
    this.#to.timeShifted(byMs);
  }

  connected(): void {
    if (this.#restored !== null) {
      const before = this.shown;
      this.shown = this.#restored;
      this.#restored = null;
      assert(this.shown.seq >= before.seq, `what is shown goes back from seq ${before.seq} to ${this.shown.seq}`);
      if (this.#wasJoined) this.changes.push(RELOAD);
      if (this.#wasJoined) this.watching.reload(before, this.shown);
      this.#leaveFound();
    }
    if (!this.#wasJoined) this.watching.begin(this.shown, this.now);
    this.#wasJoined = true;
    this.isJoined = true;
    this.#to.connected();
  }

  disconnected(): void {
    this.isJoined = false;
    this.#to.disconnected();
  }

  managerChanged(pid: number, isHere: boolean): void {
    this.#to.managerChanged(pid, isHere);
  }

  diskTrouble(error: Error | null): void {
    this.told = error;
    this.#to.diskTrouble(error);
  }

  warned(error: Error): void {
    this.#to.warned(error);
  }

  failed(error: Error): void {
    this.failure = error;
    this.isJoined = false;
    this.#to.failed(error);
  }

  get #to(): LogSink {
    assert(this.#sink, "expected a replica");
    return this.#sink;
  }

  get #next(): Naive {
    return this.#restored ?? this.shown;
  }

  #confirm(ordered: Ordered): void {
    ordered.confirmedAt = Math.min(ordered.confirmedAt, this.#of.time());
    ordered.confirmedCount = Math.min(ordered.confirmedCount, this.#of.count());
  }

  /** @param place Where the batch is among those that this member has sent; -1: it is another member's. */
  #take(state: Naive, ordered: Ordered, place: number): void {
    const isWatched = this.#restored === null && this.#wasJoined;
    const results = state.apply(ordered.batch, isWatched ? this.watching.of(place >= 0) : undefined);
    assert.deepEqual(results, ordered.results, `what seq ${ordered.batch.seq} comes to depends on the log alone`);
    if (this.#restored !== null) return;
    this.#expectChanges(ordered);
    if (place < 0) return;
    for (let older = 0; older < place; older++) this.#leave("expired", undefined);
    this.#leave(results, ordered);
    this.#confirm(ordered);
  }

  #expectChanges({ batch, results }: Ordered): void {
    if (!Array.isArray(results)) return;
    for (const [index, result] of results.entries()) {
      const { type, path } = batch.entries[index] as Entry;
      if (isApplied(result)) this.changes.push(changeText(CHANGE_TYPES[type] as string, path));
    }
  }

  #leave(results: Result[] | "seen" | "expired", ordered: Ordered | undefined): void {
    const { count } = this.#sent.shift() as Sent;
    for (const [index, write] of this.pending.splice(0, count).entries()) {
      write.result = typeof results === "string" ? "expired" : (results[index] as Result);
      if (ordered) ordered.madeCount = Math.max(ordered.madeCount, write.madeCount);
    }
  }

  /** This member's batches that the restored state has leave the pending ones, and so do all older batches. */
  #leaveFound(): void {
    const { history } = this;
    const places = this.#sent.map(({ origin, number }) =>
      history.batches.slice(0, this.shown.seq).find(({ batch, results }) => {
        const isRemembered = this.#remembered.some(([known, highest]) => known === origin && highest >= number);
        const isTold = batch.seq > this.#coveredSeq || (Array.isArray(results) && isRemembered);
        return batch.origin === origin && batch.number === number && isTold;
      }),
    );
    const last = places.findLastIndex((place) => place !== undefined);
    for (const found of places.slice(0, last + 1)) {
      for (const write of this.pending.slice(0, this.#sent[0]?.count)) write.isCovered = true;
      this.#leave(found?.results ?? "expired", found);
      if (found) this.#confirm(found);
    }
  }
}
