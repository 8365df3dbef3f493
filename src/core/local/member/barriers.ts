/** The barriers that a member waits for: each is asked again on the next connection when one is lost. */
import { BARRIER, encodeFrame } from "../../log/frame.js";

export class Barriers {
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  /** Adds a barrier; returns the frame that asks for it. */
  add(done: () => void): Buffer {
    this.#waiting.set(++this.#last, done);
    return encodeFrame(BARRIER, { number: this.#last });
  }

  /** The frames that ask for all that were not answered. */
  get frames(): Buffer[] {
    return [...this.#waiting.keys()].map((number) => encodeFrame(BARRIER, { number }));
  }

  /** Takes the answer to a barrier. */
  passed(number: number): void {
    const done = this.#waiting.get(number);
    this.#waiting.delete(number);
    done?.();
  }
}
