/**
 * The clocks of a simulated machine, and the true time that none of them shows. Whatever happens to the clocks, storage time must
 * advance as the true time does, for as long as any member that knows it has the storage open.
 */
import assert from "node:assert/strict";
import type { TimeNote } from "../../../dist/core/local/machine/machine.js";
import type { Dice } from "./dice.js";
import type { Process } from "./process.js";

const START_MS = 1_700_000_000_000;
/** Wall clocks are set by so many ms, either way: seconds to years. */
const JUMPS_MS = [20, 7000, 3_600_000, 9 * 3_600_000, 86_400_000 * 40, 86_400_000 * 365 * 5];
const SUSPENDS_MS = [30, 900, 60_000, 3_600_000 * 8, 86_400_000 * 3];
const OFF_MS = [0, 5000, 3_600_000, 86_400_000 * 20];
/** Times are whole ms, are read one after the other, and are rounded by the hub, in its welcome and by the member. */
const READ_MS = 4;
/** The length of a suspend is known to 10 ms; one that is shorter than 50 ms need not be noticed. */
const SUSPEND_MS = 52;
/** Longest time, in ms, from when a hub reads its clock to its first segment. */
const BEGIN_MS = 60;
/** ms of running after which a process has noticed that the machine was suspended. */
const NOTICED_MS = 1.1;

/** What must be known of a hub that begins. */
export interface Beginning {
  /** The note in the first frame of its segment. */
  readonly note: TimeNote | null;
  /** What its wall clock shows, and may have shown when it looked. */
  readonly walls: readonly number[];
  /** What time its own member takes it to be; null: that does not know. */
  readonly known: number | null;
  /** Log time at the end of what it has read. */
  readonly logTime: number;
  /** A member that knows the time has the storage open: this hub's own one, or another one that can be found. */
  readonly isOpen: boolean;
  /** A member that knows the time may have the storage open, and cannot be found. */
  readonly mayBeOpen: boolean;
  /** The storage may have been removed. */
  readonly mayBeNew: boolean;
}

/** When a value was written, in true time, and for how many ms. */
export interface Life {
  readonly at: number;
  readonly ttl: number;
  /** How often the machine had been suspended by then. */
  readonly suspendCount: number;
}

export class Clocks {
  readonly #now: () => number;
  readonly #dice: Dice;
  /** How far the wall clock of the machine is off. */
  errorMs = 0;
  /** How long the machine was suspended, or off, in all. */
  #stoodMs = 0;
  /** The same since it was started. */
  #suspendedMs = 0;
  #suspendedAt = Number.NEGATIVE_INFINITY;
  #bootAt = 0;
  /** Storage time minus true time; null before there is a manager. */
  #lead: number | null = null;
  /** How far it may be off by now. */
  #slackMs = READ_MS;
  /** When `#lead` was last set to another one, in true time. */
  #ledAt = 0;
  #suspendCount = 0;
  #lastJump: { at: number; ms: number; of: Process | null } = { at: Number.NEGATIVE_INFINITY, ms: 0, of: null };
  /** The errors that wall clocks of managers had: true time is from when on. */
  readonly #errors: { readonly at: number; readonly errorMs: number }[] = [];

  /** @param now ms since the simulation began. */
  constructor(now: () => number, dice: Dice) {
    this.#now = now;
    this.#dice = dice;
  }

  /** ms since 1970. */
  get trueTime(): number {
    return START_MS + this.#now() + this.#stoodMs;
  }

  get monotonic(): number {
    return this.#now() - this.#bootAt;
  }

  get suspended(): number {
    return this.#suspendedMs - (Math.floor(this.#now() * 7) % 10);
  }

  /** By how much a wall clock is set. */
  jump(): number {
    return this.#dice.pick(JUMPS_MS) * (this.#dice.chance(0.5) ? 1 : -1);
  }

  suspend(): number {
    const ms = Math.floor(this.#dice.pick(SUSPENDS_MS) * this.#dice.between(0.5, 1));
    this.#stoodMs += ms;
    this.#suspendedMs += ms;
    this.#slackMs += SUSPEND_MS;
    this.#suspendedAt = this.#now();
    this.#suspendCount++;
    return ms;
  }

  /** The machine is off for a while, and starts with whatever its clock shows then. */
  restart(): void {
    this.#stoodMs += Math.floor(this.#dice.pick(OFF_MS) * this.#dice.between(0.5, 1));
    this.#suspendedMs = 0;
    this.#bootAt = this.#now();
    if (this.#dice.chance(0.5)) this.errorMs += this.jump();
  }

  /** A wall clock was set: that of one process, or, with null, of all. */
  noteJump(ms: number, of: Process | null): void {
    this.#lastJump = { at: this.#now(), ms, of };
  }

  /** A hub reads its clock, and then begins its first segment: in an event loop that is some ms later, and the clock may have been set. */
  wallsOf(process: Process): number[] {
    const { at, ms, of } = this.#lastJump;
    const isMissed = this.#now() - at < BEGIN_MS && (of === null || of === process);
    return isMissed ? [process.wallTime, process.wallTime - ms] : [process.wallTime];
  }

  /** The wall clock of a manager may be off by this much from now on. */
  noteError(errorMs: number): void {
    this.#errors.push({ at: this.trueTime, errorMs });
  }

  /** Whether a process knows of the last suspend: what it does in the same ms may still go by the time before. */
  get isNoticed(): boolean {
    return this.#now() - this.#suspendedAt > NOTICED_MS;
  }

  /** What storage time must be; null before there is a manager. */
  get expected(): number | null {
    return this.#lead === null ? null : this.trueTime + this.#lead;
  }

  /**
   * A member that is connected counts with this time.
   * @param isCurrent Whether its manager is the newest one. One of a manager before may not know yet that time began anew.
   */
  expectTime(name: string, time: number, isCurrent: boolean): void {
    const { expected } = this;
    if (expected === null || (!isCurrent && this.#ledAt > 0)) return;
    const off = time - expected;
    if (!this.isNoticed) return;
    assert(Math.abs(off) <= this.#slackMs, `${name}: storage time is off by ${off} ms from the time that has elapsed`);
  }

  /** A batch was ordered at this time, now or before. */
  expectPast(time: number): void {
    const { expected } = this;
    if (expected === null) return;
    assert(time <= expected + this.#slackMs, `log time is ${time - expected} ms ahead of the time that has elapsed`);
  }

  /** The life of a value that is written now, and gone after `ttl` ms. */
  lifeOf(ttl: number): Life {
    return { at: this.trueTime, ttl, suspendCount: this.#suspendCount };
  }

  /** The log says when a value expires. */
  expectEnd(what: string, { at, ttl, suspendCount }: Life, expiresAt: number): void {
    if (this.#lead === null || at <= this.#ledAt) return;
    const off = expiresAt - (at + this.#lead + ttl);
    const slackMs = this.#slackMs + READ_MS + (this.#suspendCount - suspendCount) * SUSPEND_MS;
    assert(Math.abs(off) <= slackMs, `${what}: it expires ${off} ms later than its ttl says`);
  }

  /** A hub begins its first segment. */
  begins({ note, walls, known, logTime, isOpen, mayBeOpen, mayBeNew }: Beginning): void {
    if (note === null) return;
    const { time } = note;
    const { expected } = this;
    const off = expected === null ? 0 : time - expected;
    const goesOn = expected !== null && Math.abs(off) <= this.#slackMs;
    if (goesOn) return;
    // A storage that was removed begins again with a time of its own, though a member of the removed one may stand still. That one
    // may begin another one later, and goes on with its time.
    const isOwn = [...walls, known ?? Number.NaN].some((own) => Math.abs(time - own) <= READ_MS);
    const isNew = isOwn && (expected === null || (mayBeNew && logTime === 0));
    assert(
      isNew || !isOpen || expected === null,
      `a manager begins with a time that is off by ${off} ms from what has elapsed`,
    );
    if (!isNew && !mayBeOpen) this.#expectCold(time, walls, logTime);
    this.#lead = time - this.trueTime;
    this.#slackMs = READ_MS;
    if (expected !== null) this.#ledAt = this.trueTime;
  }

  /** Nobody had the storage open: the wall clock counts, but for what it would take back. */
  #expectCold(time: number, walls: readonly number[], logTime: number): void {
    const { expected } = this;
    // A clock that was set meanwhile is told from a suspend by a counter of 10 ms.
    const readMs = walls.length > 1 ? SUSPEND_MS : READ_MS;
    assert(
      time >= Math.floor(Math.min(...walls)) - readMs && time >= logTime,
      `a manager begins at ${time}, its clock shows ${walls}`,
    );
    const wall = Math.max(...walls);
    // By any error that a manager's clock had at the end of the log.
    const later = this.#errors.map(
      ({ errorMs }) => logTime + Math.max(0, wall - (logTime - (this.#lead ?? 0) + errorMs)),
    );
    const most = Math.max(wall, logTime, expected ?? 0, ...later);
    assert(time <= most + this.#slackMs + READ_MS, `a manager begins at ${time}, and no clock says more than ${most}`);
  }
}
