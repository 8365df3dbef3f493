/** Storage time, as it goes on from a moment at which it is known. */
import { type Clock, noteNow, type TimeNote } from "./clock.js";

/** Least ms that count as a suspend: the times from which it follows are known to some 10 ms. */
const LEAST_SUSPEND_MS = 50;
/** Least ms by which the wall clock gains on the monotonic one, where nobody says how long the machine was suspended. */
const LEAST_GAIN_MS = 5000;
/** A wall clock that moves by so many ms against the monotonic one shows that it was set, or that the machine was suspended. */
const HINT_MS = 20;
/** ms after which it is looked in any case whether the machine was suspended. */
const LOOK_MS = 1000;
/** ms between two looks at the wall clock: a busy process asks for the time a million times a second. */
const HINT_EVERY_MS = 1;

/** The ms of suspend between two readings of {@link Clock.suspended}. */
function suspendBetween(before: number | null, after: number | null): number {
  const ms = before === null || after === null ? 0 : after - before;
  return ms >= LEAST_SUSPEND_MS ? ms : 0;
}

/** Storage time at a later moment, when all that is known is a note from this process or from another one of the same domain. */
export function timeAfter(note: TimeNote, later: Pick<TimeNote, "monotonic" | "suspended">): number {
  return note.time + later.monotonic - note.monotonic + suspendBetween(note.suspended, later.suspended);
}

/**
 * A time that advances by elapsed time, suspend included. The wall clock may be set meanwhile: that does not move it. Where the
 * machine does not say how long it was suspended, a wall clock that gains more than `LEAST_GAIN_MS` at once counts as a suspend.
 *
 * Invariant: the time is `#time` when the monotonic clock shows `#monotonic`, and all suspends that were found are in `#time`.
 */
export class RunningTime {
  readonly #clock: Clock;
  #time: number;
  #monotonic: number;
  #suspended: number | null;
  /** By how much the wall clock was ahead of the monotonic one at the last look. */
  #lead: number;
  #hintedAt: number;
  #lookedAt: number;

  /** Goes on from a note of the clock's own domain. */
  constructor(clock: Clock, from: TimeNote) {
    this.#clock = clock;
    this.#time = from.time;
    this.#monotonic = from.monotonic;
    this.#suspended = from.suspended;
    this.#hintedAt = clock.monotonic();
    this.#lookedAt = this.#hintedAt;
    this.#lead = clock.now() - this.#hintedAt;
    this.#takeHint(this.#hintedAt, true);
  }

  /** In ms since 1970, with the part of a ms. */
  now(): number {
    const monotonic = this.#clock.monotonic();
    if (monotonic - this.#hintedAt >= HINT_EVERY_MS) this.#takeHint(monotonic, false);
    return this.#time + monotonic - this.#monotonic;
  }

  /** This moment by all clocks. */
  note(): TimeNote {
    this.#takeHint(this.#clock.monotonic(), true);
    const note = noteNow(this.#clock, 0);
    return { ...note, time: this.#time + note.monotonic - this.#monotonic, suspended: this.#suspended };
  }

  /** By how many ms it is ahead of the monotonic clock, as far as that was found. */
  get ahead(): number {
    return this.#time - this.#monotonic;
  }

  /** By how many ms it is ahead of the wall clock. */
  get offset(): number {
    return this.now() - this.#clock.now();
  }

  /** Looks how long the machine was suspended if the wall clock hints at that, or the last look is long ago, or `isDue`. */
  #takeHint(monotonic: number, isDue: boolean): void {
    this.#hintedAt = monotonic;
    const lead = this.#clock.now() - monotonic;
    const gain = lead - this.#lead;
    if (!isDue && Math.abs(gain) < HINT_MS && monotonic - this.#lookedAt < LOOK_MS) return;
    this.#lead = lead;
    this.#lookedAt = monotonic;
    const suspended = this.#clock.suspended();
    if (suspended === null) {
      if (gain > LEAST_GAIN_MS) this.#time += gain;
    } else {
      this.#time += suspendBetween(this.#suspended, suspended);
      this.#suspended = Math.max(suspended, this.#suspended ?? suspended);
    }
  }
}
