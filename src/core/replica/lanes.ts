/** Waits that end after a time: one timer for all that wait equally long, since nearly all of them end before. */
import type { ReplicaClock } from "./tables.js";

/** What waits. */
export interface Waiting {
  /** The time is over. */
  late(): void;
}

/** In how many steps a timer waits: a wait is never longer than was asked for, and shorter by less than one step. */
const STEPS = 4;

/**
 * The waits of one length.
 *
 * Invariant: the map has them in the order in which they began, each with the step in which it did. Unless it is empty, a timer runs. It may still
 * run when it is empty, since nearly every wait would start and end one otherwise.
 */
export class Lane<W extends Waiting> {
  readonly #waiting = new Map<W, number>();
  readonly #clock: ReplicaClock;
  readonly #stepMs: number;
  #step = 0;
  #timer: { cancel(): void } | null = null;

  constructor(clock: ReplicaClock, timeoutMs: number) {
    this.#clock = clock;
    this.#stepMs = timeoutMs / STEPS;
  }

  add(waiting: W): void {
    this.#waiting.set(waiting, this.#step);
    this.#time();
  }

  delete(waiting: W): void {
    this.#waiting.delete(waiting);
  }

  /** What waits, in the order in which it began to. */
  get all(): Iterable<W> {
    return this.#waiting.keys();
  }

  /** Ends the timer. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #time(): void {
    // A process that was busy for long finds the timer over, and the answers in its sockets.
    this.#timer ??= this.#clock.after(this.#stepMs, () => this.#clock.soon(() => this.#pass()));
  }

  #pass(): void {
    this.#timer = null;
    this.#step++;
    for (const [waiting, step] of this.#waiting) {
      if (this.#step - step < STEPS) break;
      this.#waiting.delete(waiting);
      waiting.late();
    }
    if (this.#waiting.size > 0) this.#time();
  }
}

/** A lane for each length of a wait; callers use few. */
export class Lanes<W extends Waiting> {
  readonly #clock: ReplicaClock;
  readonly #lanes = new Map<number, Lane<W>>();

  constructor(clock: ReplicaClock) {
    this.#clock = clock;
  }

  /** The lane of waits of `timeoutMs`. */
  of(timeoutMs: number): Lane<W> {
    let lane = this.#lanes.get(timeoutMs);
    if (lane === undefined) {
      lane = new Lane<W>(this.#clock, timeoutMs);
      this.#lanes.set(timeoutMs, lane);
    }
    return lane;
  }

  /** What waits in any lane. */
  *all(): Generator<W> {
    for (const lane of this.#lanes.values()) yield* lane.all;
  }

  /** Ends all timers: nothing waits any more. */
  end(): void {
    for (const lane of this.#lanes.values()) lane.end();
  }
}
