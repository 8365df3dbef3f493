/** When a fold of the log is due: by its size, by its age, and when the disk has little room left. Pure, but for the clock. */
import type { Clock } from "../machine/machine.js";

/** Segments after the snapshot, beyond which a fold is due: a joining member has all of them open. */
const MAX_SEGMENTS = 64;

const MIB = 1024 * 1024;
/** A state below this is folded whenever that makes the copy newer; a larger one when it is worth it. */
const SMALL_BYTES = 64 * MIB;
/** Share of the snapshot that the log must have for a fold of a large state: one in a hundred. */
const WORTH = 100;
/** How old the copy may be while there are changes, in ms; and how long files are not read and checked. */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Growth of the log after which it is looked how much room the disk has. */
const LOOK_BYTES = MIB;
/** The log must have this share of the snapshot (one in so many) before a fold makes room that is worth it. */
const ROOM_SHARE = 8;
/** Room for what is written while a fold runs: a quarter of what it writes, and some. */
const SPARE_BYTES = 4 * MIB;

/** What is folded, as it is now. */
export interface Foldable {
  /** Bytes of the segments after the snapshot, and how many segments these are. */
  readonly segmentBytes: number;
  readonly segmentCount: number;
  readonly snapshotBytes: number;
}

export class FoldSchedule {
  readonly #clock: Clock;
  readonly #afterBytes: number;
  #foldedAt: number;
  #hasChanged = false;
  #lookedAtBytes = 0;

  /** @param afterBytes Bytes of segments, beyond the size of the snapshot, after which a fold is due. */
  constructor(clock: Clock, afterBytes: number) {
    this.#clock = clock;
    this.#afterBytes = afterBytes;
    this.#foldedAt = clock.elapsed();
  }

  /** Members have written since the last fold. */
  changed(): void {
    this.#hasChanged = true;
  }

  /** A fold is over, and the copy is as new as it. */
  folded(): void {
    this.#foldedAt = this.#clock.elapsed();
    this.#hasChanged = false;
    this.#lookedAtBytes = 0;
  }

  /** Whether a fold is worth its cost for the sake of the copy alone. */
  isWorth({ segmentBytes, snapshotBytes }: Foldable): boolean {
    return segmentBytes + snapshotBytes < SMALL_BYTES || segmentBytes * WORTH >= snapshotBytes;
  }

  /** Whether the log has grown long, or an hour or a day is over. */
  isDue(log: Foldable): boolean {
    const { segmentBytes, segmentCount, snapshotBytes } = log;
    if (segmentBytes > this.#afterBytes + snapshotBytes || segmentCount > MAX_SEGMENTS) return true;
    const ageMs = this.#clock.elapsed() - this.#foldedAt;
    return ageMs >= DAY_MS || (ageMs >= HOUR_MS && this.#hasChanged && this.isWorth(log));
  }

  /**
   * Whether a fold must begin early, since it would not find room later. Looks at the disk once for each MiB of the log.
   * @param room Gives the bytes that the disk has left.
   */
  isUrgent({ segmentBytes, snapshotBytes }: Foldable, room: () => number): boolean {
    if (segmentBytes < Math.max(LOOK_BYTES, snapshotBytes / ROOM_SHARE)) return false;
    if (segmentBytes < this.#lookedAtBytes + LOOK_BYTES) return false;
    this.#lookedAtBytes = segmentBytes;
    const mostBytes = segmentBytes + snapshotBytes;
    return room() < mostBytes + mostBytes / 4 + SPARE_BYTES;
  }
}
