/** What a member has asked its hub for: it is asked again on the next connection when one is lost. */
import { BARRIER, encodeFrame, NEED_LEVEL } from "../../log/frame.js";

export class Requests {
  readonly #barriers = new Map<number, () => void>();
  #lastBarrier = 0;
  #level = 0;

  /** Adds a barrier; returns the frame that asks for it. */
  barrier(done: () => void): Buffer {
    this.#barriers.set(++this.#lastBarrier, done);
    return encodeFrame(BARRIER, { number: this.#lastBarrier });
  }

  /** Takes the answer to a barrier. */
  barrierPassed(number: number): void {
    const done = this.#barriers.get(number);
    this.#barriers.delete(number);
    done?.();
  }

  /** Adds a level that the log must have; returns the frame that asks for it. */
  level(level: number): Buffer {
    this.#level = Math.max(this.#level, level);
    return encodeFrame(NEED_LEVEL, { number: level });
  }

  /** The frames that ask for all that there is no answer to. @param level What the log has. */
  framesAt(level: number): Buffer[] {
    const barriers = [...this.#barriers.keys()].map((number) => encodeFrame(BARRIER, { number }));
    return this.#level > level ? [...barriers, encodeFrame(NEED_LEVEL, { number: this.#level })] : barriers;
  }
}
