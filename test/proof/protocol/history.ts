/**
 * Histories: the writes of a log in order, as one number of 16 bits. The bits are a leading 1 and, after it, those of each write.
 *
 * A write is in a log more than once when its member sent it again. `effectsOf` gives the writes that take effect. After the
 * writes there may be one more symbol: a batch of a hub that ends the log.
 */

/** The log in which nothing is. */
export const EMPTY = 1;

export class Histories {
  readonly #bits: number;
  readonly #isOneOrigin: boolean;
  readonly #writes: number;
  /** Most writes of a history. */
  readonly most: number;

  /**
   * @param writes How many different writes there are. One origin: they are its batches 1, 2, ...; else each has its own.
   * @param epochs In each of which each write stands at most once.
   * @param ends Whether the log may be ended, once.
   */
  constructor(writes: number, epochs: number, isOneOrigin: boolean, ends: boolean) {
    this.#bits = writes + Number(ends) <= 2 ? 1 : 2;
    this.#isOneOrigin = isOneOrigin;
    this.#writes = writes;
    this.most = Math.min(writes * epochs + (ends ? 2 * (epochs - 1) : 0), Math.floor(15 / this.#bits));
  }

  /** The seq of the last write. */
  length(history: number): number {
    return Math.floor((31 - Math.clz32(history)) / this.#bits);
  }

  /** A history with one more write. */
  with(history: number, write: number): number {
    if (this.length(history) === this.most) throw new RangeError(`expected at most ${this.most} writes, got more`);
    return (history << this.#bits) | write;
  }

  /** The first `length` writes. */
  first(history: number, length: number): number {
    return history >> (this.#bits * (this.length(history) - length));
  }

  /** The write at a seq. */
  at(history: number, seq: number): number {
    return this.first(history, seq) & ((1 << this.#bits) - 1);
  }

  /** A history, then the writes of another one after its seq `from` and up to `to`. */
  join(history: number, other: number, from: number, to: number): number {
    let joined = history;
    for (let seq = from + 1; seq <= to; seq++) joined = this.with(joined, this.at(other, seq));
    return joined;
  }

  isPrefix(history: number, of: number): boolean {
    const length = this.length(history);
    return length <= this.length(of) && this.first(of, length) === history;
  }

  /** Whether one of two histories is the beginning of the other. */
  areOne(a: number, b: number): boolean {
    return this.isPrefix(a, b) || this.isPrefix(b, a);
  }

  /** The writes in a history, as a set of bits. */
  setOf(history: number): number {
    let set = 0;
    for (let seq = this.length(history); seq > 0; seq--) set |= 1 << this.at(history, seq);
    return set & ((1 << this.#writes) - 1);
  }

  /**
   * The writes that take effect, as a set of bits, by origin and number as in `src/core/state/origins.ts`.
   * @param forgottenAt After this seq it is not known what took effect before.
   * @returns -1 when one takes effect twice.
   */
  effectsOf(history: number, forgottenAt = 0): number {
    let [effects, known, highest] = [0, 0, 0];
    for (let seq = 1; seq <= this.length(history); seq++) {
      const write = this.at(history, seq);
      if (seq === forgottenAt + 1 && forgottenAt > 0) [known, highest] = [0, 0];
      if (write >= this.#writes) continue;
      const isNew = this.#isOneOrigin ? write + 1 > highest && (highest > 0 || write === 0) : !(known & (1 << write));
      if (isNew) {
        if (effects & (1 << write)) return -1;
        effects |= 1 << write;
        known |= 1 << write;
        highest = write + 1;
      }
    }
    return effects;
  }

  text(history: number): string {
    const writes = Array.from({ length: this.length(history) }, (_, index) => "abcd"[this.at(history, index + 1)]);
    return writes.join("") || "nothing";
  }
}
