/**
 * When a member takes its manager for silent, by its own running time. What else it must know before it takes the manager for dead
 * is in `seat-watch.ts`. A wrong suspicion costs the manager its seat, and nothing else.
 */
import type { Clock, Timer } from "../machine/machine.js";

/** Checks in the silence that is allowed. */
const CHECKS = 10;
/** After a check before which something was heard, the next one comes later, and counts as so many. */
const CHECKS_AFTER_SOUND = 2;

/** Most ms between two heartbeats to idle members, and between two checks of the seat of an idle hub. */
const MAX_HEARTBEAT_MS = 1000;
/** Heartbeats in the silence after which members replace a manager, so that one late heartbeat does not matter. */
const HEARTBEATS = 4;

/** Longest silence that is allowed, in multiples of the usual one. */
const MAX_FACTOR = 8;
/** A connection that lasts this many times the usual silence is healthy. */
const HEALTHY_FACTOR = 10;

/** ms between two heartbeats of a hub whose members allow `timeoutMs` of silence. */
export const heartbeatMs = (timeoutMs: number): number => Math.min(MAX_HEARTBEAT_MS, timeoutMs / HEARTBEATS);

/**
 * How much silence a member allows its manager. On a machine that is so overloaded that managers are replaced one after the
 * other, each one is allowed twice the silence of the one before. Otherwise members that have much to read would begin again
 * forever.
 */
export class AdaptiveTimeout {
  /** Silence, in ms, after which a manager is usually replaced. */
  readonly baseMs: number;
  readonly #clock: Clock;
  #factor = 1;
  #startedAt = 0;

  constructor(clock: Clock, baseMs: number) {
    this.#clock = clock;
    this.baseMs = baseMs;
  }

  /** How many times `baseMs` the silence may last now. */
  get factor(): number {
    return this.#isHealthy ? 1 : this.#factor;
  }

  /** A connection begins. */
  started(): void {
    this.#startedAt = this.#clock.elapsed();
  }

  /** The connection has ended, whichever side ended it. */
  ended(): void {
    this.#factor = this.#isHealthy ? 1 : Math.min(this.#factor * 2, MAX_FACTOR);
  }

  get #isHealthy(): boolean {
    return this.#clock.elapsed() - this.#startedAt > HEALTHY_FACTOR * this.baseMs;
  }
}

/** Notices that the other side is silent, by the running time of this process: time for which it stood still does not count. */
export class FailureDetector {
  readonly #clock: Clock;
  readonly #timeout: AdaptiveTimeout;
  readonly #checkMs: number;
  readonly #silent: () => void;
  #timer: Timer;
  #lastCheck: number;
  #silentChecks = 0;
  #wasHeard = false;
  /** As how many checks the next one counts. */
  #nextChecks = 1;

  /** @param silent Called once, when nothing was heard for as long as is allowed. */
  constructor(clock: Clock, timeout: AdaptiveTimeout, silent: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#checkMs = timeout.baseMs / CHECKS;
    this.#silent = silent;
    this.#lastCheck = clock.elapsed();
    this.#timer = this.#checkLater();
  }

  /** The other side has sent something. */
  heard(): void {
    this.#silentChecks = 0;
    this.#wasHeard = true;
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #checkLater(): Timer {
    return this.#clock.after(this.#nextChecks * this.#checkMs, () => this.#check());
  }

  #check(): void {
    const now = this.#clock.elapsed();
    const checks = this.#nextChecks;
    // A check that is late by as much as the time between two shows that this process stood still: the silence begins again.
    const stoodStill = now - this.#lastCheck > (checks + 1) * this.#checkMs;
    this.#lastCheck = now;
    // What was heard may have been heard at once after the last check, or just now.
    const silentChecks = this.#wasHeard ? 1 : checks;
    this.#silentChecks = stoodStill ? 0 : this.#silentChecks + silentChecks;
    this.#nextChecks = this.#wasHeard ? CHECKS_AFTER_SOUND : 1;
    this.#wasHeard = false;
    if (this.#silentChecks >= CHECKS * this.#timeout.factor) this.#silent();
    else this.#timer = this.#checkLater();
  }
}
