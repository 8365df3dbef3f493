/** Pauses before further tries: each one is twice as long as the one before, from `firstMs` up to `maxMs`. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #ms = 0;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** The pause before the next try, in ms. */
  next(): number {
    this.#ms = Math.min(Math.max(this.#firstMs, this.#ms * 2), this.#maxMs);
    return this.#ms;
  }

  /** A try succeeded. */
  reset(): void {
    this.#ms = 0;
  }
}
