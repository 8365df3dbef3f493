/** What keeps the process of a member alive: work of the application, and the goal to leave, until the manager knows or a deadline has passed. */
import type { Clock, Timer } from "../machine/machine.js";

/** Longest time, in ms, that a leaving member looks for a manager to notify, and waits for the answer. */
const LEAVE_MS = 1000;

/** Keeps the process alive while that is set. */
export class Hold {
  readonly #clock: Clock;
  #timer: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(alive: boolean): void {
    if (alive) this.#timer ??= this.#clock.keepAlive();
    else {
      this.#timer?.cancel();
      this.#timer = null;
    }
  }
}

export class Leaving {
  readonly #done: (error?: Error) => void;
  readonly #keepAlive: Timer;
  readonly #deadline: Timer;
  #isOverdue = false;

  /**
   * @param done Called when the member has left.
   * @param overdue Called once, when the deadline has passed before.
   */
  constructor(clock: Clock, done: (error?: Error) => void, overdue: () => void) {
    this.#done = done;
    this.#keepAlive = clock.keepAlive();
    this.#deadline = clock.after(LEAVE_MS, () => {
      this.#isOverdue = true;
      overdue();
    });
  }

  /** Whether no manager has answered in time, so that none is notified. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** The member has left; called once. */
  end(error?: Error): void {
    this.#deadline.cancel();
    this.#keepAlive.cancel();
    this.#done(error);
  }
}
