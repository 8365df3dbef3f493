/** A clock that a test moves. */
import type { Clock, Timer } from "../../../../dist/core/local/machine/machine.js";

export const START_MS = 1_700_000_000_000;

/** Moves when a test moves it. */
export class ManualClock implements Clock {
  /** What the wall clock shows if nobody has set it, and the machine was never suspended. */
  time = START_MS;
  /** By how much the wall clock was set forward. */
  setMs = 0;
  /** How long the machine was suspended; null: nobody knows. */
  suspendedMs: number | null = 0;
  domain = "boot";
  /** What keeps the process alive. */
  keptCount = 0;
  #soon: Array<() => void> = [];
  #timers: Array<{ at: number; call: () => void }> = [];

  now(): number {
    return this.time + this.setMs;
  }

  monotonic(): number {
    return this.time - START_MS;
  }

  suspended(): number | null {
    return this.suspendedMs;
  }

  /** The machine stands still for a while: the wall clock goes on meanwhile. */
  suspend(ms: number): void {
    if (this.suspendedMs !== null) this.suspendedMs += ms;
    this.setMs += ms;
  }

  elapsed(): number {
    return this.time - START_MS;
  }

  after(ms: number, call: () => void): Timer {
    const timer = { at: this.time + ms, call };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  microtask(call: () => void): void {
    queueMicrotask(call);
  }

  soon(call: () => void): void {
    this.#soon.push(call);
  }

  keepAlive(): Timer {
    let isKept = true;
    this.keptCount++;
    return {
      cancel: () => {
        if (isKept) this.keptCount--;
        isKept = false;
      },
    };
  }

  /** Lets everything run that does not wait for time to pass. */
  run(): void {
    while (this.#soon.length > 0) for (const call of this.#soon.splice(0)) call();
  }

  /** Lets time pass, timer by timer. */
  pass(ms: number): void {
    const end = this.time + ms;
    this.run();
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.time = due.at;
      due.call();
      this.run();
    }
    this.time = end;
  }

  get timerCount(): number {
    return this.#timers.length;
  }
}
