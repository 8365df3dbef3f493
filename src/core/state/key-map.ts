import { KeyTable } from "./key-table.js";

/** Keys from which on there are parts. */
const WIDE_KEYS = 8192;
/** A power of two. */
const PART_COUNT = 64;
/** Characters of a key, from its begin and from its end, that its hash depends on. */
const END_CHARS = 16;

const FNV_START = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** A hash of the ends of a key (FNV-1a): 32 bits, as a signed number. */
function hashOf(key: string): number {
  const { length } = key;
  if (length <= 2 * END_CHARS) return hashOn(key, 0, length, FNV_START);
  return hashOn(key, length - END_CHARS, length, hashOn(key, 0, END_CHARS, FNV_START));
}

function hashOn(key: string, from: number, to: number, start: number): number {
  let hash = start;
  for (let index = from; index < to; index++) hash = Math.imul(hash ^ key.charCodeAt(index), FNV_PRIME);
  return hash;
}

/**
 * A map by string that takes no long pauses, unless nearly all keys are equal at both ends. A `Map` that grows moves all that
 * it holds at once, which with a million keys stops the event loop for 100 ms. This one divides many keys among parts, which
 * grow one by one. Values are not `undefined`.
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
    if (this.#parts === null || this.#left !== null) {
      if (this.#first.delete(key) || this.#parts === null) return;
    }
    const hash = hashOf(key);
    if (this.#partOf(hash).delete(key, hash)) this.#partSize--;
  }

  /** All keys with their values, in parts. The map must not change while one of them is visited. */
  get parts(): readonly (Iterable<[string, V]> & { readonly size: number })[] {
    return [this.#first, ...(this.#parts ?? [])];
  }

  #partOf(hash: number): KeyTable<V> {
    const folded = hash ^ (hash >>> 16);
    return (this.#parts as KeyTable<V>[])[(folded ^ (folded >>> 8)) & (PART_COUNT - 1)] as KeyTable<V>;
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
