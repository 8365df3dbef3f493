/** The time of a log, as its hub keeps it. */
import { encodeEntries } from "../../log/codec.js";
import { address } from "../../log/frame.js";
import { type Clock, isOfDomain, noteNow, type TimeNote } from "../machine/clock.js";
import type { LogPosition, Timer } from "../machine/machine.js";
import { RunningTime, timeAfter } from "../machine/running-time.js";
import type { Recovered } from "../upkeep/recovery.js";
import { encodeTime } from "../wire/messages.js";

/** Least ms by which storage time moves against the wall clock that members are told of. */
const TOLD_MS = 2;
/** The same for the log, from which a later manager learns by how much the wall clock was off. */
const LOGGED_MS = 1000;

/** What is known of storage time when a hub begins. */
export interface KnownTime {
  /** As the hub's own member knows it from a manager before; null when it knows of none. */
  readonly member: TimeNote | null;
  /** What the log says. */
  readonly log: Pick<Recovered, "time" | "clock" | "clockOffsetMs">;
  /** Whether other members have the storage open, or may have. */
  readonly isOpen: boolean;
}

/**
 * What time it is when a hub begins. While anybody has the storage open, time goes on by what has elapsed, however the wall clock
 * was set. After that the wall clock counts, unless it says that less time has passed since the end of the log than has in truth.
 */
export function timeAtStart(clock: Clock, { member, log, isOpen }: KnownTime): TimeNote {
  const now = noteNow(clock, 0);
  if (member !== null) {
    const elapsed = isOfDomain(member, clock)
      ? timeAfter(member, now)
      : member.time + Math.max(0, now.wall - member.wall);
    return { ...now, time: Math.max(log.time, elapsed) };
  }
  const isNoted = log.clock !== null && isOfDomain(log.clock, clock);
  const elapsed = Math.max(log.time, isNoted ? timeAfter(log.clock as TimeNote, now) : 0);
  if (isOpen && isNoted) return { ...now, time: elapsed };
  const wallThen = log.time - log.clockOffsetMs;
  const byWall = log.time === 0 ? 0 : log.time + Math.max(0, now.wall - wallThen);
  return { ...now, time: Math.max(now.wall, byWall, elapsed) };
}

/** What the time of a log needs of its hub. */
export interface TimeKeeping {
  /** The end of what is confirmed. */
  confirmed(): LogPosition;
  /** Sends a frame to all members. */
  tell(frame: Buffer): void;
  /** Orders a batch of the hub's own. */
  order(frame: Buffer): void;
}

/**
 * Invariants: log time never falls; it is a whole number of ms, as every batch has it. Members are told of it again, and the log
 * notes it, when it has moved against the wall clock.
 */
export class HubTime {
  readonly #clock: Clock;
  readonly #running: RunningTime;
  readonly #keeping: TimeKeeping;
  readonly #gcInterval: number;
  #logTime: number;
  #isStanding = false;
  #toldOffset: number;
  #loggedOffset: number;
  #idle: Timer | null = null;

  /**
   * @param start What time it is now.
   * @param logTime That of the last batch.
   * @param gcInterval ms between two batches of an idle log.
   */
  constructor(clock: Clock, start: TimeNote, logTime: number, gcInterval: number, keeping: TimeKeeping) {
    this.#clock = clock;
    this.#running = new RunningTime(clock, start);
    this.#keeping = keeping;
    this.#gcInterval = gcInterval;
    this.#logTime = logTime;
    this.#toldOffset = start.time - start.wall;
    this.#loggedOffset = this.#toldOffset;
  }

  /** Begins to move on. */
  start(): void {
    this.#idle = this.#clock.after(this.#gcInterval, () => this.#moveOn());
  }

  /** The time of the next batch. */
  logTime(): number {
    if (!this.#isStanding) this.#logTime = Math.max(this.#logTime, Math.floor(this.#running.now()));
    return this.#logTime;
  }

  /** Lets log time stand still from now on. */
  standStill(): void {
    this.logTime();
    this.#isStanding = true;
  }

  stop(): void {
    this.#idle?.cancel();
  }

  /** What time it is by all clocks. */
  note(): TimeNote {
    return this.#running.note();
  }

  /** What a welcome says. */
  get told(): { readonly now: number; readonly clock: TimeNote } {
    return { now: this.logTime(), clock: this.note() };
  }

  /** Tells what time it is, if the wall clock was set or the machine was suspended since that was told. */
  tell(): void {
    const note = this.note();
    const offset = note.time - note.wall;
    if (Math.abs(offset - this.#toldOffset) >= TOLD_MS) {
      this.#toldOffset = offset;
      this.#keeping.tell(encodeTime(note));
    }
    const isLogged = Math.abs(offset - this.#loggedOffset) < LOGGED_MS;
    if (!isLogged && this.#keeping.confirmed().seq > 0) this.#keeping.order(encodeEntries([]));
  }

  /** Notes in a batch of the hub's own by how many ms storage time is ahead of the wall clock. */
  noteIn(frame: Buffer): void {
    this.#loggedOffset = Math.round(this.#running.offset);
    address(frame, 0, this.#loggedOffset, 0);
  }

  /** An empty batch lets log time move on in an idle storage. */
  #moveOn(): void {
    this.start();
    if (this.logTime() - this.#keeping.confirmed().time >= this.#gcInterval) this.#keeping.order(encodeEntries([]));
  }
}
