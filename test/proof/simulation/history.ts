/**
 * The one order of all batches, learned from what members are told and from what segments say of their predecessors. What
 * contradicts it later breaks the promise of one order.
 *
 * Invariant: `#batches[n - 1]` is the batch with seq n, and never another one, unless a loss of power took it.
 */
import assert from "node:assert/strict";
import { decodeBatch, encodeEntries } from "../../../dist/core/log/codec.js";
import { type Batch, PATCH, SET } from "../../../dist/core/log/entry.js";
import { BATCH, epochOf, seqOf } from "../../../dist/core/log/frame.js";
import { Naive, type Result } from "../model/naive.js";
import { batchesIn, type Head, headOf, show } from "./head.js";
import type { Inode } from "./inode.js";

export interface Ordered {
  readonly batch: Batch;
  readonly epoch: number;
  readonly frame: Buffer;
  readonly results: Result[] | "seen" | "expired";
  /** When its origin was told that it is confirmed, in ms and in events; Infinity: never. */
  confirmedAt: number;
  confirmedCount: number;
  /** When a member was first told of it, in ms. */
  seenAt: number;
  /** When the latest of its writes was made, in events; -1: its member ended before it saw it in the log. */
  madeCount: number;
}

const PATH = /\/log\.(\d+)\.(\d+)$/;
/** Batches between two states that are kept. */
const STATE_EVERY = 24;

export interface HistoryEvents {
  /** A segment of the newest epoch begins after fewer batches than there were. */
  shortened(to: number, lost: readonly Ordered[]): void;
  /** A segment begins a new log although there was one. */
  begunAnew(path: string, inode: Inode): void;
  /** A batch was ordered. */
  ordered(batch: Batch): void;
  /** Whether a member was asked to remove the storage. */
  mayBeRemoved(): boolean;
}

export class History {
  readonly #segments: Map<string, Inode>;
  readonly #events: HistoryEvents;
  #batches: Ordered[] = [];
  #states: Naive[] = [new Naive()];
  readonly #tip = { state: new Naive() };
  /** Highest number of each origin that took effect. */
  readonly #numbers = new Map<number, number>();
  readonly #known = new WeakSet<Inode>();
  epoch = 0;
  /** That of the newest batch since the machine was started. */
  #lastEpoch = 0;
  /** The highest seq that any member was told of. */
  toldSeq = 0;

  constructor(segments: Map<string, Inode>, events: HistoryEvents) {
    this.#segments = segments;
    this.#events = events;
  }

  get length(): number {
    return this.#batches.length;
  }

  get batches(): readonly Ordered[] {
    return this.#batches;
  }

  at(seq: number): Ordered | undefined {
    return this.#batches[seq - 1];
  }

  /** The state after the batch `seq`; the caller may change it. */
  stateAt(seq: number): Naive {
    assert(
      seq <= this.#batches.length,
      `a state of seq ${seq} was shown, and there are ${this.#batches.length} batches`,
    );
    const index = Math.floor(seq / STATE_EVERY);
    const state = (this.#states[index] as Naive).clone();
    for (const { batch } of this.#batches.slice(index * STATE_EVERY, seq)) state.apply(batch);
    return state;
  }

  /** A member was given the frame of a batch by the manager of an epoch. */
  saw(frame: Buffer, epoch: number): Ordered {
    const seq = seqOf(frame, 0);
    this.toldSeq = Math.max(this.toldSeq, seq);
    this.#extendTo(seq - 1, epoch);
    const known = this.#batches[seq - 1];
    if (known === undefined) return this.#append(frame);
    if (!known.frame.equals(frame))
      assert.fail(`two different batches have the seq ${seq}: ${show(known.frame)} and ${show(frame)}`);
    return known;
  }

  /** The manager of an epoch confirmed to a member that a batch of its own has a seq. */
  confirmed(seq: number, time: number, origin: number, number: number, epoch: number): Ordered {
    this.toldSeq = Math.max(this.toldSeq, seq);
    this.#extendTo(seq, epoch);
    const known = this.#batches[seq - 1];
    assert(known, `seq ${seq} was confirmed and is in no segment of epoch ${epoch}`);
    const { batch } = known;
    assert.deepEqual(
      [batch.time, batch.origin, batch.number],
      [time, origin, number],
      `another batch has the seq ${seq}`,
    );
    return known;
  }

  /**
   * A snapshot was published.
   * @param isSalvaged Whether it may be of damaged files that belong to no member: then nothing up to `seq` counts.
   */
  snapshotPublished(seq: number, isSalvaged = false): void {
    if (seq <= this.#batches.length) return;
    const newest = Math.max(...[...this.#segments.keys()].map((path) => Number(PATH.exec(path)?.[1])));
    // After a loss of power epochs may begin again below those from before.
    this.#extendTo(seq, this.epoch || newest);
    while (isSalvaged && this.#batches.length < seq) this.#appendNothing();
    assert(
      seq <= this.#batches.length,
      `a snapshot of seq ${seq} was published, and there are ${this.#batches.length} batches`,
    );
  }

  /** Bytes were added to a segment: once its first frame is whole, it says what came before. */
  segmentBegins(path: string, inode: Inode): void {
    if (this.#known.has(inode)) return;
    const head = headOf(inode);
    if (head === null) return;
    this.#known.add(inode);
    if (head.previous === null && head.seq === 0 && this.epoch + this.#batches.length > 0) {
      this.#events.begunAnew(path, inode);
      return;
    }
    if (head.epoch < this.epoch) return;
    this.epoch = head.epoch;
    if (head.previous !== null) {
      this.#turnBack(head);
      this.#readBefore(head);
    }
    assert(
      head.seq <= this.#batches.length,
      `a segment begins after seq ${head.seq}, and there are ${this.#batches.length} batches`,
    );
    if (head.seq < this.#batches.length) this.shorten(head.seq);
    // The end of a removed storage carries no time.
    if (head.time < this.#tip.state.time && this.#events.mayBeRemoved()) this.#tip.state.time = head.time;
  }

  /** No write took effect twice, and a write that was made after another one was confirmed comes after it. */
  check(): void {
    const texts = new Set<string>();
    let confirmedCount = Number.POSITIVE_INFINITY;
    for (const { batch, results, madeCount, ...ordered } of this.#batches.toReversed()) {
      assert(madeCount <= confirmedCount, `seq ${batch.seq} was made when a later one was confirmed already`);
      confirmedCount = Math.min(confirmedCount, ordered.confirmedCount);
      if (!Array.isArray(results)) continue;
      for (const { type, json } of batch.entries) {
        if (type !== SET && !(type === PATCH && json.includes("set"))) continue;
        assert(!texts.has(json), `${json} was written twice, again before seq ${batch.seq}`);
        texts.add(json);
      }
    }
  }

  /** Removes all after `seq` from the history. */
  shorten(seq: number): void {
    const lost = this.#batches.splice(seq);
    this.toldSeq = Math.min(this.toldSeq, seq);
    this.#states.length = Math.min(this.#states.length, Math.floor(seq / STATE_EVERY) + 1);
    this.#tip.state = this.stateAt(seq);
    this.#numbers.clear();
    for (const { batch, results } of this.#batches)
      if (Array.isArray(results)) this.#numbers.set(batch.origin, batch.number);
    this.#events.shortened(seq, lost);
  }

  /** The machine is started again: epochs may go back with the log, and no process is left that was told of anything. */
  restart(): void {
    this.epoch = 0;
    this.#lastEpoch = 0;
    this.toldSeq = 0;
  }

  #extendTo(seq: number, epoch: number): void {
    if (seq <= this.#batches.length) return;
    const heads = this.#headsOf(epoch);
    const head = heads.findLast((one) => one.seq < seq);
    if (head === undefined) return;
    this.#readBefore(head);
    this.#read(head, Number.POSITIVE_INFINITY, seq);
  }

  /**
   * After a loss of power that took confirmed batches, the log may go on with what a fenced manager had appended and never
   * confirmed. The batches in whose place that stands are then removed from the history.
   */
  #turnBack(head: Head): void {
    for (const { head: link, end } of this.#chainBefore(head, 0)) {
      for (const frame of batchesIn(this.#contentOf(link), link.bytes, end)) {
        const seq = seqOf(frame, 0);
        const known = this.#batches[seq - 1];
        if (known === undefined || known.frame.equals(frame)) continue;
        assert(seq > this.toldSeq, `the log goes on with another batch ${seq} than the one that members were told of`);
        this.shorten(seq - 1);
        return;
      }
    }
  }

  #headsOf(epoch: number): Head[] {
    const heads: Head[] = [];
    for (const [path, inode] of this.#segments) {
      if (Number(PATH.exec(path)?.[1]) !== epoch) continue;
      const head = headOf(inode);
      if (head !== null) heads.push(head);
    }
    return heads.sort((a, b) => a.segment - b.segment);
  }

  /** Reads what lies before a segment, as far as it is not known. */
  #readBefore(head: Head): void {
    const chain = this.#chainBefore(head, this.#batches.length);
    const first = chain[0]?.head ?? head;
    const isWhole = first.seq <= this.#batches.length || first.previous === null;
    assert(isWhole, `segment ${first.epoch}.${first.segment} names one before it which never existed`);
    for (const { head: link, end } of chain) this.#read(link, end, Number.POSITIVE_INFINITY);
  }

  /** The segments before one, oldest first, back to the one that has the batch after `seq`, as far as they are known. */
  #chainBefore(head: Head, seq: number): { head: Head; end: number }[] {
    const chain: { head: Head; end: number }[] = [];
    for (let at = head; at.seq > seq && at.previous !== null; ) {
      const { epoch, segment, end } = at.previous;
      const before = this.#headsOf(epoch).find((one) => one.segment === segment);
      if (before === undefined) break;
      chain.unshift({ head: before, end });
      at = before;
    }
    return chain;
  }

  #read(head: Head, end: number, seq: number): void {
    for (const frame of batchesIn(this.#contentOf(head), head.bytes, end)) {
      if (this.#batches.length >= seq) return;
      if (seqOf(frame, 0) === this.#batches.length + 1) this.#append(Buffer.from(frame));
    }
  }

  #contentOf({ epoch, segment }: Head): Buffer {
    for (const [path, inode] of this.#segments) if (path.endsWith(`/log.${epoch}.${segment}`)) return inode.content;
    throw new Error(`expected segment ${epoch}.${segment}`);
  }

  #appendNothing(): void {
    const stamp = { epoch: this.#lastEpoch, seq: this.#batches.length + 1, time: this.#tip.state.time };
    this.#append(encodeEntries([], BATCH, stamp));
  }

  #append(frame: Buffer): Ordered {
    const batch = decodeBatch(frame, 0, frame.length);
    const { state } = this.#tip;
    assert.equal(batch.seq, this.#batches.length + 1, "a batch has the next seq");
    assert(batch.time >= state.time, `log time falls at seq ${batch.seq}`);
    const epoch = epochOf(frame, 0);
    assert(epoch >= this.#lastEpoch, `epoch ${epoch} follows epoch ${this.#lastEpoch} at seq ${batch.seq}`);
    this.#lastEpoch = epoch;
    this.#events.ordered(batch);
    const results = state.apply(batch);
    if (Array.isArray(results) && batch.origin > 0) {
      const last = this.#numbers.get(batch.origin) ?? 0;
      assert.equal(
        batch.number,
        last + 1,
        `batch ${last + 1} of origin ${batch.origin} is missing before seq ${batch.seq}`,
      );
      this.#numbers.set(batch.origin, batch.number);
    }
    const never = Number.POSITIVE_INFINITY;
    const ordered: Ordered = {
      batch,
      epoch,
      frame,
      results,
      confirmedAt: never,
      confirmedCount: never,
      seenAt: never,
      madeCount: -1,
    };
    this.#batches.push(ordered);
    if (batch.seq % STATE_EVERY === 0) this.#states.push(state.clone());
    return ordered;
  }
}
