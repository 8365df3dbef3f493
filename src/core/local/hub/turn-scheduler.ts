/**
 * When a hub takes its turns. An idle hub takes one as soon as the frames of the chunk at hand are read. What arrives after
 * that waits until all that has arrived is read, so that the batches of many members are one append.
 */
import type { Clock } from "../machine/machine.js";

export class TurnScheduler {
  readonly #clock: Clock;
  readonly #take: () => void;
  #isDue = false;
  /** A turn was scheduled, and what has arrived at the same time may not be read yet. */
  #isBusy = false;

  /** @param take Takes a turn; it must call `taken`. */
  constructor(clock: Clock, take: () => void) {
    this.#clock = clock;
    this.#take = take;
  }

  /** A turn must be taken. */
  schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#clock.microtask(() => this.#run());
    this.#clock.soon(() => {
      this.#isBusy = false;
      this.#run();
    });
  }

  /** A turn has begun: what arrives from now on needs another one. */
  taken(): void {
    this.#isDue = false;
  }

  #run(): void {
    if (this.#isDue) this.#take();
  }
}
