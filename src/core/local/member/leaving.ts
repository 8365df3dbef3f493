/** A member on its way out: it ends once, at the latest when it has looked for a manager long enough. */
import type { Machine, Timer } from "../machine/machine.js";

/** Longest time, in ms, that a leaving member looks for a manager that it can tell, and waits for its answer. */
const LEAVE_MS = 1000;

export class Leaving {
  readonly #alive: Timer;
  readonly #deadline: Timer;
  readonly #done: (error?: Error) => void;
  /** Whether it has looked long enough. */
  isOverdue = false;

  /** Keeps the process alive until it has ended. */
  constructor({ clock }: Machine, done: (error?: Error) => void, overdue: () => void) {
    this.#alive = clock.keepAlive();
    this.#deadline = clock.after(LEAVE_MS, () => {
      this.isOverdue = true;
      overdue();
    });
    this.#done = done;
  }

  end(error?: Error): void {
    this.#deadline.cancel();
    this.#alive.cancel();
    this.#done(error);
  }
}
