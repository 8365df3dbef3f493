/**
 * The model's world: what is in the directory of one storage, what each process knows, and what any process was ever told.
 *
 * A state is an array of numbers of 16 bits, so that it is compared and kept at once. Seats, segments and snapshots are
 * inodes with names: what lost its name lives on in the process that has it open, and whatever is under that name later is
 * something else.
 */
import {
  BROKEN,
  DEAD_SEATS,
  DIRECTORY,
  DIRECTORY_HEADER,
  EPOCH,
  HURT_SEGMENTS,
  HURT_SNAPSHOTS,
  PLACE,
  packed,
  SEAT,
  SEGMENT,
  type Spot,
  TRUTH,
  UNSYNCED,
  unpacked,
} from "./fields.js";
import { EMPTY, Histories } from "./history.js";
import type { Setup } from "./setup.js";
import { PATH, State } from "./state.js";

/** Where the segments of a directory begin; the snapshots come after them. */
const SEGMENTS = DIRECTORY + DIRECTORY_HEADER;

const LINKED = 1;
const EMPTIED = 2;
const BACKED_UP = 4;

/** States of a segment's name. */
const ABSENT = 0;
const HEADLESS = 1;
const WHOLE = 2;

/** Where a segment's name says in which directory it was created: what is copied keeps it, as the id in its first frame. */
const CREATED_IN = 15;

export class World extends State {
  readonly histories: Histories;
  readonly slotCount: number;

  constructor(setup: Setup) {
    const histories = new Histories(setup.writes, setup.epochs, setup.isOneOrigin ?? false, setup.destroys ?? false);
    const slotCount = setup.epochs * setup.segments;
    super(setup, DIRECTORY_HEADER + slotCount * 2 + histories.most + 1);
    this.histories = histories;
    this.slotCount = slotCount;
    for (let directory = this.directoryCount - 1; directory >= 0; directory--) {
      this.enter(directory);
      this.set(TRUTH, EMPTY);
    }
  }

  /** The second directory becomes a copy of the first one, seats included. */
  copy(): void {
    const from = this.directoryAt(0);
    this.state.copyWithin(this.directoryAt(1), from, from + this.directoryFields);
    this.enter(0);
    const seats = this.seats();
    this.enter(1);
    this.set(DEAD_SEATS, seats);
  }

  /** The names of seats, as a set of bits. */
  seats(): number {
    let names = this.get(DEAD_SEATS);
    for (let process = 0; process < this.setup.processes; process++) {
      if (this.of(process, SEAT) & LINKED && this.#isHere(process)) names |= 1 << this.of(process, EPOCH);
    }
    return names;
  }

  #isHere(process: number): boolean {
    return this.homeOf(process) === this.entered;
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
      const isMeant = seat & LINKED && this.of(process, EPOCH) === epoch && this.#isHere(process);
      if (isMeant) this.put(process, SEAT, change(seat));
    }
  }

  /** The process closes its seat and its directory; the name stays. */
  releaseSeat(process: number): void {
    this.enter(this.homeOf(process));
    if (this.of(process, SEAT) & LINKED) this.set(DEAD_SEATS, this.get(DEAD_SEATS) | (1 << this.of(process, EPOCH)));
    this.put(process, SEAT, 0);
    this.put(process, PLACE, this.of(process, PLACE) & PATH);
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

  /** The directory in which it was created. */
  createdIn(slot: number): number {
    return this.#head(slot) >> CREATED_IN;
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
    const spot = (this.#head(slot) >> 7) & 255;
    return spot === 0 ? null : unpacked(spot);
  }

  /** The frames of a segment, as a history of their own. */
  frames(slot: number): number {
    return this.get(SEGMENTS + slot * 2 + 1);
  }

  frameCount(slot: number): number {
    return this.histories.length(this.frames(slot));
  }

  /** Creates the name of a segment. */
  createSegment(slot: number): void {
    this.set(SEGMENTS + slot * 2, HEADLESS | (this.entered << CREATED_IN));
    this.set(SEGMENTS + slot * 2 + 1, EMPTY);
  }

  writeHead(slot: number, seq: number, previous: Spot | null): void {
    const spot = previous === null ? 0 : packed(previous);
    const createdIn = this.#head(slot) & (1 << CREATED_IN);
    this.set(SEGMENTS + slot * 2, WHOLE | (seq << 3) | (spot << 7) | createdIn);
  }

  tear(slot: number): void {
    this.set(SEGMENTS + slot * 2, this.#head(slot) | 4);
  }

  append(slot: number, write: number): void {
    this.set(SEGMENTS + slot * 2, this.#head(slot) & ~4);
    this.set(SEGMENTS + slot * 2 + 1, this.histories.with(this.frames(slot), write));
  }

  /** Removes the name; a process that has the segment open goes on with a file that no other process finds. */
  unlinkSegment(slot: number): void {
    this.set(SEGMENTS + slot * 2, ABSENT);
    this.set(SEGMENTS + slot * 2 + 1, 0);
    this.set(HURT_SEGMENTS, this.get(HURT_SEGMENTS) & ~(1 << slot));
    for (let process = 0; process < this.setup.processes; process++) {
      const segment = this.of(process, SEGMENT);
      if ((segment & 7) === 0 || this.slotOf(this.of(process, EPOCH), segment & 7) !== slot) continue;
      if (!this.#isHere(process)) continue;
      this.put(process, SEGMENT, segment | 8);
    }
  }

  #head(slot: number): number {
    return this.get(SEGMENTS + slot * 2);
  }

  /** The history that a snapshot holds; 0 when there is none of that seq. */
  snapshot(seq: number): number {
    return this.get(SEGMENTS + this.slotCount * 2 + seq);
  }

  /** The names of snapshots, as a set of bits by seq. */
  snapshots(): number {
    let names = 0;
    for (let seq = 1; seq <= this.histories.most; seq++) if (this.snapshot(seq) !== 0) names |= 1 << seq;
    return names;
  }

  putSnapshot(seq: number, history: number): void {
    this.set(SEGMENTS + this.slotCount * 2 + seq, history);
    for (const field of [HURT_SNAPSHOTS, UNSYNCED, BROKEN]) this.set(field, this.get(field) & ~(1 << seq));
  }

  /** Whether some file in the directory was damaged from outside. */
  get isHurt(): boolean {
    return (this.get(HURT_SEGMENTS) | this.get(HURT_SNAPSHOTS)) > 0;
  }

  /** Whether the first frame of a segment after its head can be read. */
  isSegmentWhole(slot: number): boolean {
    return (this.get(HURT_SEGMENTS) & (1 << slot)) === 0;
  }

  isSnapshotWhole(seq: number): boolean {
    return ((this.get(HURT_SNAPSHOTS) | this.get(BROKEN)) & (1 << seq)) === 0;
  }
}
