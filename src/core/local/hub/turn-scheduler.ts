/**
 * When a hub takes its turns. What comes to an idle hub is done as soon as the frames at hand are read; what comes while that
 * is going on waits for all that has arrived by then, so that many members cost one append.
 */
import type { Clock } from "../machine/machine.js";

export class TurnScheduler {
  readonly #clock: Clock;
  readonly #take: () => void;
  #isDue = false;
  /** A turn was taken, and what has arrived with it is not read yet. */
  #isBusy = false;

  /** @param take Takes a turn; it calls `taken`. */
  constructor(clock: Clock, take: () => void) {
    this.#clock = clock;
    this.#take = take;
  }

  /** Something is to be done in the next turn. */
  schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    queueMicrotask(() => this.#run());
    this.#clock.soon(() => {
      this.#isBusy = false;
      this.#run();
    });
  }

  /** A turn has begun: what comes from here on needs another one. */
  taken(): void {
    this.#isDue = false;
  }

  #run(): void {
    if (this.#isDue) this.#take();
  }
}
