/** The clocks of a machine, and its event loop. */
import type { Timer } from "../../runtime.js";

export interface Clock {
  /** Wall clock, in ms since 1970; may jump. */
  now(): number;
  /** ms from an arbitrary start, never falling: for durations only. */
  elapsed(): number;
  /** ms from a start that all processes of the same {@link domain} share, never falling. It may stand still while the machine is suspended. */
  monotonic(): number;
  /**
   * ms that the machine was suspended since it was started, as far as {@link monotonic} does not count them: up to some 10 ms
   * less than in truth, and never more. Null when nobody knows.
   */
  suspended(): number | null;
  /** Equal for two processes whose {@link monotonic} is the same; empty when there is no other such process. */
  readonly domain: string;
  /** Calls once after a delay; never keeps the process alive. */
  after(ms: number, call: () => void): Timer;
  /** Calls once, as soon as the running job is over. */
  microtask(call: () => void): void;
  /** Calls once what has already arrived on the sockets has been delivered. */
  soon(call: () => void): void;
  /** Keeps the process alive until it is cancelled. */
  keepAlive(): Timer;
}

/** A moment by all clocks, so that another process, or this one after a while, knows what time it is then. */
export interface TimeNote {
  /** Storage time, in ms since 1970. */
  readonly time: number;
  /** {@link Clock.now} at that moment. */
  readonly wall: number;
  /** {@link Clock.monotonic} at that moment. */
  readonly monotonic: number;
  /** {@link Clock.suspended} at that moment. */
  readonly suspended: number | null;
  /** {@link Clock.domain} of the process that made the note. */
  readonly domain: string;
}

/** A note of the present moment, when storage time is `time`. */
export function noteNow(clock: Clock, time: number): TimeNote {
  const { domain } = clock;
  return { time, wall: clock.now(), monotonic: clock.monotonic(), suspended: clock.suspended(), domain };
}

/** Whether a note says what time it is by the clocks of this process. */
export function isOfDomain(note: TimeNote, { domain }: Clock): boolean {
  return domain !== "" && note.domain === domain;
}

/** The note in a JSON value; null when there is none. */
export function timeNoteIn(value: unknown): TimeNote | null {
  if (typeof value !== "object" || value === null) return null;
  const { time, wall, monotonic, suspended, domain } = value as Record<string, unknown>;
  if (!isMs(time) || !isMs(wall) || !isMs(monotonic) || typeof domain !== "string") return null;
  return { time, wall, monotonic, suspended: isMs(suspended) ? suspended : null, domain };
}

const isMs = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
