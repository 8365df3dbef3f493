import { Expiry } from "../state/expiry.js";
import { Slot } from "../state/slot.js";

/**
 * What pending `ADD`s come to together.
 *
 * Invariant: the number that they add to and each sum that can arise, whatever order they come in, is a safe integer and not -0;
 * so none is rounded, and the order makes no difference. The number had not expired when they were written.
 */
export class Sum {
  /** When the number expires, in ms since 1970. */
  readonly #expiresAt: number;
  #total = 0;
  /** The total of the amounts without signs. */
  #span = 0;

  /** @param contents The number that is added to. */
  constructor(contents: Slot | null) {
    this.#expiresAt = contents === null ? Infinity : contents.expiresAt;
  }

  /** Adds an amount that was written at `time` to those for the number in `contents`; false when that cannot be. */
  add(amount: number, time: number, contents: Slot | null): boolean {
    const span = this.#span + Math.abs(amount);
    if (!Number.isSafeInteger(amount) || time >= this.#expiresAt || !this.#fits(contents, span)) return false;
    this.#span = span;
    this.#total += amount;
    return true;
  }

  /** Takes off the amount of an `ADD` that has left. */
  remove(amount: number): void {
    this.#span -= Math.abs(amount);
    this.#total -= amount;
  }

  /** The number in `contents` and the sum, with the expiry of the number; null when they are not such as the invariant asks for. */
  on(contents: Slot | null): Slot | null {
    if (!this.#fits(contents, this.#span)) return null;
    const expiries = this.#expiresAt === Infinity ? null : new Expiry(this.#expiresAt);
    return Slot.of((contents.value as number) + this.#total, expiries);
  }

  /** Whether contents are a number with the right expiry, to which amounts of `span` can be added in any order. */
  #fits(contents: Slot | null, span: number): contents is Slot {
    if (contents === null || contents.expiresAt !== this.#expiresAt) return false;
    const { value } = contents;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || Object.is(value, -0)) return false;
    return Math.abs(value) + span <= Number.MAX_SAFE_INTEGER;
  }
}
