/** A clock that a test moves. */
import type { Clock, Timer } from "../../../../dist/core/local/machine/machine.js";

export const START_MS = 1_700_000_000_000;

/** Moves when a test moves it. */
export class ManualClock implements Clock {
  time = START_MS;
  /** What keeps the process alive. */
  keptCount = 0;
  #soon: Array<() => void> = [];
  #timers: Array<{ at: number; call: () => void }> = [];

  now(): number {
    return this.time;
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
