/** A disk that refuses writes: when the hub tries again, and what it tells its members. */
import type { Clock, Timer } from "../machine/machine.js";
import { Backoff } from "../wire/backoff.js";
import { encodeDiskTrouble } from "../wire/messages.js";

/** First and longest pause, in ms, before a refused append is tried again. */
const RETRY_MS = 50;
const MAX_RETRY_MS = 2000;

/** Invariant: `frame` is what the members were told last, null while the disk takes writes. */
export class DiskRefusal {
  readonly #clock: Clock;
  readonly #backoff = new Backoff(RETRY_MS, MAX_RETRY_MS);
  #frame: Buffer | null = null;
  #retry: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The frame that tells members of the refusal. */
  get frame(): Buffer | null {
    return this.#frame;
  }

  /** Whether nothing is written before the next try. */
  get isPausing(): boolean {
    return this.#retry !== null;
  }

  /** The disk has refused. `retry` is called after a growing pause. Returns the frame for the members when it is the first time. */
  begin(error: Error, retry: () => void): Buffer | null {
    this.stop();
    this.#retry = this.#clock.after(this.#backoff.next(), () => {
      this.#retry = null;
      retry();
    });
    if (this.#frame !== null) return null;
    this.#frame = encodeDiskTrouble(error);
    return this.#frame;
  }

  /** The disk takes writes. Returns the frame for the members when it has refused before. */
  end(): Buffer | null {
    if (this.#frame === null) return null;
    this.#frame = null;
    this.#backoff.reset();
    return encodeDiskTrouble(null);
  }

  /** Nothing is tried again. */
  stop(): void {
    this.#retry?.cancel();
    this.#retry = null;
  }
}
