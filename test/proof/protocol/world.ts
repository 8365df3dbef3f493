/**
 * The model's world: what is in the directory of one storage, what each process knows, and what any process was ever told.
 *
 * A state is an array of numbers of 16 bits, so that it is compared and kept at once. Seats, segments and snapshots are
 * inodes with names: what lost its name lives on in the process that has it open, and whatever is under that name later is
 * something else.
 */
import { EMPTY, Histories } from "./history.js";
import type { Setup, Variant } from "./setup.js";

/** Fields of the whole world: names of seats that no process has open; writes that were confirmed to their members. */
const DEAD_SEATS = 0;
export const CONFIRMED = 1;
/** The longest history that any process was told. */
export const TRUTH = 2;
/** Restarts and backups so far. */
export const RESTARTS = 3;
export const BACKUPS = 4;
/** The epoch of the manager that removed the storage; 0: it was never removed. */
export const END_EPOCH = 5;
/** Up to where a joining member reads: a slot and an offset; 0: no member joins. */
export const JOINING_TO = 6;
/** The history with which it ended. */
export const END_LOG = 7;
const HEADER = 8;

/** Fields of a process. */
export const STEP = 0;
export const EPOCH = 1;
/** Its open seat: bit 0: it has its name, 1: it was emptied, 2: it has a further link. */
export const SEAT = 2;
/** The history that its hub has recovered and appended, and up to which seq it is confirmed. */
export const LOG = 3;
export const DONE = 4;
/** Its open segment: the number, whether that has lost its name, the seq before it. */
export const SEGMENT = 5;
/** Writes that members have sent to it and that it has not appended. */
export const INBOX = 6;
/** Slots of the segments after the snapshot. */
export const CHAIN = 7;
/** What is left to do, and where to go on: their meaning depends on the step. */
export const WORK = 8;
export const NEXT = 9;
/** How far it is with ending the log, before it removes everything. */
export const ENDING = 10;
/** Up to where its member has applied which history. */
export const MARK = 11;
export const MARK_LOG = 12;
/** Its compaction: the step, what it folds, the slots that it removes, what is left to do. */
export const FOLD = 13;
export const FOLD_LOG = 14;
export const FOLDED = 15;
export const FOLD_WORK = 16;
const PROCESS_FIELDS = 17;

const LINKED = 1;
const EMPTIED = 2;
const BACKED_UP = 4;

/** States of a segment's name. */
const ABSENT = 0;
const HEADLESS = 1;
const WHOLE = 2;

/** A place in the log: a segment's slot and how many frames of it. */
export interface Spot {
  readonly slot: number;
  readonly offset: number;
}

export const packed = ({ slot, offset }: Spot): number => ((slot + 1) << 4) | offset;
export const unpacked = (spot: number): Spot => ({ slot: (spot >> 4) - 1, offset: spot & 15 });

export class World {
  readonly setup: Setup;
  readonly histories: Histories;
  readonly width: number;
  readonly slotCount: number;
  readonly processFields = PROCESS_FIELDS;
  readonly #segmentsAt = HEADER;
  readonly #snapshotsAt: number;
  readonly #processesAt: number;
  /** The state that steps read and change. */
  readonly state: Uint16Array;

  constructor(setup: Setup) {
    this.setup = setup;
    this.histories = new Histories(setup.writes, setup.epochs, setup.isOneOrigin ?? false, setup.destroys ?? false);
    this.slotCount = setup.epochs * setup.segments;
    this.#snapshotsAt = this.#segmentsAt + this.slotCount * 2;
    this.#processesAt = this.#snapshotsAt + this.histories.most + 1;
    this.width = this.#processesAt + setup.processes * PROCESS_FIELDS;
    this.state = new Uint16Array(this.width);
    this.state[TRUTH] = EMPTY;
  }

  is(variant: Variant): boolean {
    return this.setup.variant === variant;
  }

  get(field: number): number {
    return this.state[field] as number;
  }

  set(field: number, value: number): void {
    this.state[field] = value;
  }

  of(process: number, field: number): number {
    return this.state[this.#processesAt + process * PROCESS_FIELDS + field] as number;
  }

  put(process: number, field: number, value: number): void {
    this.state[this.#processesAt + process * PROCESS_FIELDS + field] = value;
  }

  /**
   * Puts processes into an order that depends on nothing but what they know. This is correct: nothing refers to a process by its
   * place, and all take the same steps, so states that differ in the order alone have the same future.
   */
  sort(): void {
    const { processes } = this.setup;
    for (let from = 1; from < processes; from++) {
      for (let to = from; to > 0 && this.#isBefore(to, to - 1); to--) this.#swap(to, to - 1);
    }
  }

  #isBefore(a: number, b: number): boolean {
    for (let field = 0; field < PROCESS_FIELDS; field++) {
      const difference = this.of(a, field) - this.of(b, field);
      if (difference !== 0) return difference < 0;
    }
    return false;
  }

  #swap(a: number, b: number): void {
    for (let field = 0; field < PROCESS_FIELDS; field++) {
      const value = this.of(a, field);
      this.put(a, field, this.of(b, field));
      this.put(b, field, value);
    }
  }

  /** The names of seats, as a set of bits. */
  seats(): number {
    let names = this.get(DEAD_SEATS);
    for (let process = 0; process < this.setup.processes; process++) {
      if (this.of(process, SEAT) & LINKED) names |= 1 << this.of(process, EPOCH);
    }
    return names;
  }

  linkSeat(process: number): void {
    this.put(process, SEAT, LINKED);
  }

  backUpSeat(process: number): void {
    this.put(process, SEAT, this.of(process, SEAT) | BACKED_UP);
  }

  /** Whatever is under the name. */
  emptySeat(epoch: number): void {
    this.#changeSeat(epoch, (seat) => seat | EMPTIED);
  }

  unlinkSeat(epoch: number): void {
    this.set(DEAD_SEATS, this.get(DEAD_SEATS) & ~(1 << epoch));
    this.#changeSeat(epoch, (seat) => seat & ~LINKED);
  }

  #changeSeat(epoch: number, change: (seat: number) => number): void {
    for (let process = 0; process < this.setup.processes; process++) {
      const seat = this.of(process, SEAT);
      if (seat & LINKED && this.of(process, EPOCH) === epoch) this.put(process, SEAT, change(seat));
    }
  }

  /** The process closes its seat; the name stays. */
  releaseSeat(process: number): void {
    if (this.of(process, SEAT) & LINKED) this.set(DEAD_SEATS, this.get(DEAD_SEATS) | (1 << this.of(process, EPOCH)));
    this.put(process, SEAT, 0);
  }

  /** fstat of the open seat. */
  seatLinks(process: number): number {
    const seat = this.of(process, SEAT);
    return (seat & LINKED ? 1 : 0) + (seat & BACKED_UP ? 1 : 0);
  }

  hasSeatBytes(process: number): boolean {
    return !(this.of(process, SEAT) & EMPTIED);
  }

  /** Whether no other process has fenced the seat. */
  isSeated(process: number): boolean {
    const seat = this.of(process, SEAT);
    return (seat & LINKED) > 0 && (seat & EMPTIED) === 0;
  }

  slotOf(epoch: number, segment: number): number {
    return (epoch - 1) * this.setup.segments + segment - 1;
  }

  epochOf(slot: number): number {
    return Math.floor(slot / this.setup.segments) + 1;
  }

  /** The names of segments, as a set of bits by slot. A higher bit is a newer segment. */
  segments(): number {
    let names = 0;
    for (let slot = 0; slot < this.slotCount; slot++) if ((this.#head(slot) & 3) !== ABSENT) names |= 1 << slot;
    return names;
  }

  hasSegment(slot: number): boolean {
    return (this.#head(slot) & 3) !== ABSENT;
  }

  /** Whether the first frame is there and whole. */
  hasHead(slot: number): boolean {
    return (this.#head(slot) & 3) === WHOLE;
  }

  isTorn(slot: number): boolean {
    return (this.#head(slot) & 4) !== 0;
  }

  /** The seq before the segment. */
  headSeq(slot: number): number {
    return (this.#head(slot) >> 3) & 15;
  }

  /** The predecessor and where it ends; null when the chain begins here. */
  previous(slot: number): Spot | null {
    const spot = this.#head(slot) >> 7;
    return spot === 0 ? null : unpacked(spot);
  }

  /** The frames of a segment, as a history of their own. */
  frames(slot: number): number {
    return this.get(this.#segmentsAt + slot * 2 + 1);
  }

  frameCount(slot: number): number {
    return this.histories.length(this.frames(slot));
  }

  /** Creates the name of a segment. */
  createSegment(slot: number): void {
    this.set(this.#segmentsAt + slot * 2, HEADLESS);
    this.set(this.#segmentsAt + slot * 2 + 1, EMPTY);
  }

  writeHead(slot: number, seq: number, previous: Spot | null): void {
    this.set(this.#segmentsAt + slot * 2, WHOLE | (seq << 3) | ((previous === null ? 0 : packed(previous)) << 7));
  }

  tear(slot: number): void {
    this.set(this.#segmentsAt + slot * 2, this.#head(slot) | 4);
  }

  append(slot: number, write: number): void {
    this.set(this.#segmentsAt + slot * 2, this.#head(slot) & ~4);
    this.set(this.#segmentsAt + slot * 2 + 1, this.histories.with(this.frames(slot), write));
  }

  /** Removes the name; a process that has the segment open goes on with a file that no other process finds. */
  unlinkSegment(slot: number): void {
    this.set(this.#segmentsAt + slot * 2, ABSENT);
    this.set(this.#segmentsAt + slot * 2 + 1, 0);
    for (let process = 0; process < this.setup.processes; process++) {
      const segment = this.of(process, SEGMENT);
      if ((segment & 7) === 0 || this.slotOf(this.of(process, EPOCH), segment & 7) !== slot) continue;
      this.put(process, SEGMENT, segment | 8);
    }
  }

  #head(slot: number): number {
    return this.get(this.#segmentsAt + slot * 2);
  }

  /** The history that a snapshot holds; 0 when there is none of that seq. */
  snapshot(seq: number): number {
    return this.get(this.#snapshotsAt + seq);
  }

  /** The names of snapshots, as a set of bits by seq. */
  snapshots(): number {
    let names = 0;
    for (let seq = 1; seq <= this.histories.most; seq++) if (this.snapshot(seq) !== 0) names |= 1 << seq;
    return names;
  }

  putSnapshot(seq: number, history: number): void {
    this.set(this.#snapshotsAt + seq, history);
  }
}

/** The number of the highest bit of a set; -1 when it is empty. */
export const highest = (set: number): number => 31 - Math.clz32(set);
