import type { Clock } from "../machine/machine.js";

/** Silences that are allowed, one after the other, at most. */
const MAX_TIMES = 8;
/** A connection that lasted so many times as long as a silence may be was well. */
const CALM_TIMES = 10;

/**
 * How much silence a member allows its manager. Where managers come and go fast, since the machine has too much to do for
 * anybody to be heard in time, each one is allowed twice as much as the one before; otherwise those who have much to read
 * could begin again for ever.
 */
export class Patience {
  /** Silence, in ms, after which a manager is usually replaced. */
  readonly stallMs: number;
  readonly #clock: Clock;
  #times = 1;
  #since = 0;

  constructor(clock: Clock, stallMs: number) {
    this.#clock = clock;
    this.stallMs = stallMs;
  }

  /** How many times `stallMs` the silence may last now. */
  get times(): number {
    return this.#isCalm ? 1 : this.#times;
  }

  /** A connection begins. */
  begun(): void {
    this.#since = this.#clock.elapsed();
  }

  /** It has ended, whoever ended it. */
  ended(): void {
    this.#times = this.#isCalm ? 1 : Math.min(this.#times * 2, MAX_TIMES);
  }

  get #isCalm(): boolean {
    return this.#clock.elapsed() - this.#since > CALM_TIMES * this.stallMs;
  }
}
