/** Storage time, as a member knows it. */
import { StorageError } from "../../errors.js";
import type { LogClock, LogSink } from "../../log/log.js";
import { type Clock, isOfDomain, noteNow, type TimeNote } from "../machine/clock.js";
import { RunningTime } from "../machine/running-time.js";

/** Most ms by which the time that a manager tells may be behind what was read here, without a fall of that. */
const MOST_HELD_MS = 1000;

/** Most ms by which the wall clock may be away from storage time before that is reported, and from where on all is well again. */
const MOST_OFFSET_MS = 5000;
const WELL_OFFSET_MS = 2500;

/**
 * Until a manager has told what time it is, storage time is the wall clock. From then on it is the manager's, on the clocks that all
 * processes of a kernel share: so all members have the same one, to the millisecond. Where those clocks differ, the time on the way counts.
 *
 * Invariant: it never falls, unless the manager tells a time that is more than `MOST_HELD_MS` behind: then this is another log.
 */
export class StorageClock implements LogClock {
  readonly microtask: Clock["microtask"];
  readonly soon: Clock["soon"];
  readonly after: Clock["after"];
  readonly #clock: Clock;
  #running: RunningTime;
  #isTold = false;
  #isReported = false;
  /** The latest time that was read, in ms since 1970. */
  #latest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.microtask = clock.microtask;
    this.soon = clock.soon;
    this.after = clock.after;
    this.#running = new RunningTime(clock, noteNow(clock, clock.now()));
  }

  now(): number {
    const now = Math.floor(this.#running.now());
    if (now > this.#latest) this.#latest = now;
    return this.#latest;
  }

  /** By how many ms storage time is ahead of the wall clock. */
  get offsetMs(): number {
    return Math.round(this.#running.offset);
  }

  /** Reports that the wall clock is far away from storage time, once until it is near again. */
  #report(sink: Pick<LogSink, "warned">): void {
    const { offsetMs } = this;
    if (Math.abs(offsetMs) <= WELL_OFFSET_MS) this.#isReported = false;
    if (this.#isReported || Math.abs(offsetMs) <= MOST_OFFSET_MS) return;
    this.#isReported = true;
    const side = offsetMs > 0 ? "behind" : "ahead of";
    const message = `expected a wall clock that shows the time of the storage, got one that is ${Math.abs(offsetMs)} ms ${side} it: it was set meanwhile, or was wrong when the storage was opened; what expires does so after the time that has elapsed`;
    sink.warned(new StorageError("ERR_STORAGE_CLOCK", message));
  }

  /** What a hub of this process begins with; null while no manager has told what time it is. */
  get note(): TimeNote | null {
    return this.#isTold ? this.#running.note() : null;
  }

  /**
   * The manager tells what time it is.
   * @param note By all clocks; null when it tells no more than `time`.
   * @param sink Is told by how many ms that is later than what was counted with before, if that was the wall clock.
   */
  tell(time: number, note: TimeNote | null, sink: Pick<LogSink, "timeShifted" | "warned">): void {
    const before = this.now();
    const { ahead } = this.#running;
    const isOwn = note !== null && isOfDomain(note, this.#clock);
    this.#running = new RunningTime(this.#clock, isOwn ? note : noteNow(this.#clock, note?.time ?? time));
    const now = Math.floor(this.#running.now());
    const isFirst = !this.#isTold;
    this.#isTold = true;
    if (isFirst || now < before - MOST_HELD_MS) this.#latest = now;
    // Not the difference of two times: this process may have waited for the processor in between.
    const shiftMs = Math.round(this.#running.ahead - ahead);
    if (isFirst && shiftMs !== 0) sink.timeShifted(shiftMs);
    this.#report(sink);
  }
}
