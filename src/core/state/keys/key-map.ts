import { KeyTable } from "./key-table.js";

/** Keys from which on there are parts. */
const WIDE_KEYS = 16_384;
/** A power of two. */
const PART_COUNT = 64;
/** Characters from the begin of a long key, from its middle and from its end that its hash depends on. */
const PIECE_CHARS = 16;

const FNV_START = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** A hash of a key, or of three pieces of a long one (FNV-1a): 32 bits, as a signed number. */
function hashOf(key: string): number {
  const { length } = key;
  if (length <= 3 * PIECE_CHARS) return hashOn(key, 0, length, FNV_START);
  const middle = (length - PIECE_CHARS) >> 1;
  const begin = hashOn(key, 0, PIECE_CHARS, FNV_START);
  return hashOn(key, length - PIECE_CHARS, length, hashOn(key, middle, middle + PIECE_CHARS, begin));
}

function hashOn(key: string, from: number, to: number, start: number): number {
  let hash = start;
  for (let index = from; index < to; index++) hash = Math.imul(hash ^ key.charCodeAt(index), FNV_PRIME);
  return hash;
}

/** Keys with their values. They must not change while they are visited. */
export interface Part<V> extends Iterable<[string, V]> {
  readonly size: number;
  forEach(call: (value: V, key: string) => void): void;
}

/** Which of the parts the keys with a hash are in. */
function placeOf(hash: number): number {
  const folded = hash ^ (hash >>> 16);
  return (folded ^ (folded >>> 8)) & (PART_COUNT - 1);
}

/**
 * A map by string that takes no long pauses, unless nearly all of a million keys have equal begins, middles and ends, or were
 * chosen to be in one part. A `Map` that grows moves all that it holds at once, which with a million keys stops the event loop
 * for 100 ms. This one divides many keys among parts, which grow one by one. Values are not `undefined`.
 *
 * Invariants: without parts, `#first` holds every key. With them, a key is in the part that its hash names, or in what is
 * left of `#first`, of which each write moves one.
 */
export class KeyMap<V> {
  readonly #first = new Map<string, V>();
  #parts: KeyTable<V>[] | null = null;
  /** Keys in the parts. */
  #partSize = 0;
  /** What is left of `#first`, once there are parts. */
  #left: Iterator<[string, V]> | null = null;

  get size(): number {
    return this.#partSize + this.#first.size;
  }

  get(key: string): V | undefined {
    if (this.#parts === null) return this.#first.get(key);
    const hash = hashOf(key);
    const value = this.#partOf(hash).get(key, hash);
    return value === undefined && this.#left !== null ? this.#first.get(key) : value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: V): void {
    if (this.#left !== null) this.#move(this.#left);
    if (this.#parts === null || (this.#left !== null && this.#first.has(key))) {
      this.#first.set(key, value);
      if (this.#parts === null && this.#first.size > WIDE_KEYS) this.#divide();
      return;
    }
    const hash = hashOf(key);
    if (this.#partOf(hash).set(key, hash, value)) this.#partSize++;
  }

  /** Puts a value under a key that has none; false, and nothing is changed, when it has one. */
  add(key: string, value: V): boolean {
    if (this.#parts === null || this.#left !== null) {
      if (this.has(key)) return false;
      this.set(key, value);
      return true;
    }
    const hash = hashOf(key);
    const isNew = this.#partOf(hash).add(key, hash, value);
    if (isNew) this.#partSize++;
    return isNew;
  }

  delete(key: string): void {
    if (this.#first.delete(key) || this.#parts === null) return;
    const hash = hashOf(key);
    if (this.#partOf(hash).delete(key, hash)) this.#partSize--;
  }

  /** All keys with their values, in parts. The map must not change while one of them is visited. */
  get parts(): readonly Part<V>[] {
    return [this.#first, ...(this.#parts ?? [])];
  }

  /** Moves what is left to move, in some ms at most; from now on a key stays in the part that `partOf` names. */
  settle(): void {
    while (this.#left !== null) this.#move(this.#left);
  }

  /** The place in `parts` of the part that a key is in, or would be; 0 while there are no others. */
  partOf(key: string): number {
    return this.#parts === null ? 0 : 1 + placeOf(hashOf(key));
  }

  #partOf(hash: number): KeyTable<V> {
    return (this.#parts as KeyTable<V>[])[placeOf(hash)] as KeyTable<V>;
  }

  #divide(): void {
    this.#parts = Array.from({ length: PART_COUNT }, () => new KeyTable<V>());
    this.#left = this.#first.entries();
  }

  /** Moves one of the keys that are left in `#first`. */
  #move(left: Iterator<[string, V]>): void {
    const next = left.next();
    if (next.done) {
      this.#left = null;
      return;
    }
    const [key, value] = next.value;
    const hash = hashOf(key);
    this.#first.delete(key);
    this.#partOf(hash).set(key, hash, value);
    this.#partSize++;
  }
}
