/** Keys from which on there are parts. */
const WIDE_KEYS = 32_768;
/** A power of two. */
const PART_COUNT = 256;
/** Characters of a key, from its end, that choose its part. */
const HASHED_CHARS = 32;

const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The part of a key: 0 to `PART_COUNT` - 1 (FNV-1a, folded). */
function placeOf(key: string): number {
  const length = key.length;
  let hash = FNV_START;
  for (let index = length > HASHED_CHARS ? length - HASHED_CHARS : 0; index < length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), FNV_PRIME);
  }
  hash ^= hash >>> 16;
  return (hash ^ (hash >>> 8)) & (PART_COUNT - 1);
}

/**
 * A map by string that takes no long pauses. A `Map` that grows moves all that it holds at once, which with a million keys
 * stops the event loop for 100 ms. This one divides many keys among parts, which grow one by one.
 *
 * Invariant: `#parts` is null, or holds every key, in the part that `placeOf` names; `#first` holds all otherwise.
 */
export class KeyMap<V> {
  #first = new Map<string, V>();
  #parts: Map<string, V>[] | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#partOf(key).get(key);
  }

  has(key: string): boolean {
    return this.#partOf(key).has(key);
  }

  set(key: string, value: V): void {
    const part = this.#partOf(key);
    const before = part.size;
    part.set(key, value);
    if (part.size === before) return;
    this.#size++;
    if (this.#parts === null && this.#size > WIDE_KEYS) this.#divide();
  }

  delete(key: string): void {
    if (this.#partOf(key).delete(key)) this.#size--;
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.#parts === null ? this.#first.entries() : entriesOf(this.#parts);
  }

  #partOf(key: string): Map<string, V> {
    return this.#parts === null ? this.#first : (this.#parts[placeOf(key)] as Map<string, V>);
  }

  #divide(): void {
    const parts = Array.from({ length: PART_COUNT }, () => new Map<string, V>());
    for (const [key, value] of this.#first) (parts[placeOf(key)] as Map<string, V>).set(key, value);
    this.#first = new Map();
    this.#parts = parts;
  }
}

function* entriesOf<V>(parts: readonly Map<string, V>[]): Generator<[string, V]> {
  for (const part of parts) for (const entry of part) yield entry;
}
