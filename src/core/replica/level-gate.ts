import { StorageError } from "../errors.js";
import type { LevelHeld, Log } from "../log/log.js";
import type { ReplicaClock } from "./tables.js";

/** Longest time, in ms, that a call waits for a level, not counting what a new manager waits before it decides. */
const PATIENCE_MS = 10_000;

interface Waiting {
  readonly level: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Storage time in ms. */
  deadline: number;
  timer: { cancel(): void };
}

/** Calls that wait until the log has the level that they need. */
export class LevelGate {
  readonly #log: Pick<Log, "needLevel" | "levels">;
  readonly #clock: ReplicaClock;
  readonly #waiting = new Set<Waiting>();
  /** What hinders it, as the manager says. */
  #why = "no manager has answered";

  constructor(log: Pick<Log, "needLevel" | "levels">, clock: ReplicaClock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Whether a call waits. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Resolves when the log has a level; rejects with `ERR_STORAGE_PROTOCOL`, which says what hinders it. */
  reach(level: number): Promise<void> {
    const { most, max } = this.#log.levels;
    if (level > max) {
      const what = level > most ? `a version that speaks level ${most} at most` : `the option maxLevel: ${max}`;
      return Promise.reject(notReached(level, `this process has ${what}`));
    }
    return new Promise((resolve, reject) => {
      const deadline = this.#clock.now() + PATIENCE_MS;
      const waiting: Waiting = { level, resolve, reject, deadline, timer: { cancel() {} } };
      this.#waiting.add(waiting);
      this.#wait(waiting);
      this.#log.needLevel(level);
    });
  }

  /** The log has a level. */
  raised(level: number): void {
    for (const waiting of this.#waiting) if (waiting.level <= level) this.#end(waiting).resolve();
  }

  /** {@link LogSink.levelHeld} */
  held({ why, waitMs }: LevelHeld): void {
    this.#why = why;
    const deadline = waitMs > 0 ? this.#clock.now() + waitMs + PATIENCE_MS : 0;
    for (const waiting of this.#waiting) waiting.deadline = Math.max(waiting.deadline, deadline);
  }

  /** Nothing more is written. */
  fail(error: Error): void {
    for (const waiting of this.#waiting) this.#end(waiting).reject(error);
  }

  #wait(waiting: Waiting): void {
    waiting.timer = this.#clock.after(waiting.deadline - this.#clock.now(), () => {
      if (waiting.deadline > this.#clock.now()) this.#wait(waiting);
      else this.#end(waiting).reject(notReached(waiting.level, this.#why));
    });
  }

  #end(waiting: Waiting): Waiting {
    this.#waiting.delete(waiting);
    waiting.timer.cancel();
    return waiting;
  }
}

/** The error of a call that needs a level which the log does not have. */
export function notReached(level: number, why: string): StorageError {
  const message = `expected a log at level ${level}, which this call needs, got a lower one: ${why}`;
  return new StorageError("ERR_STORAGE_PROTOCOL", message);
}
