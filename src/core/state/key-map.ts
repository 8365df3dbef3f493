/** Keys from which on there are parts. */
const WIDE_KEYS = 16_384;
/** A power of two. */
const PART_COUNT = 256;
/** Characters of a key, from its begin and from its end, that choose its part. */
const END_CHARS = 16;

const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The part of a key: 0 to `PART_COUNT` - 1 (FNV-1a, folded). */
function placeOf(key: string): number {
  const { length } = key;
  const isLong = length > 2 * END_CHARS;
  let hash = hashOf(key, 0, isLong ? END_CHARS : length, FNV_START);
  if (isLong) hash = hashOf(key, length - END_CHARS, length, hash);
  hash ^= hash >>> 16;
  return (hash ^ (hash >>> 8)) & (PART_COUNT - 1);
}

function hashOf(key: string, from: number, to: number, start: number): number {
  let hash = start;
  for (let index = from; index < to; index++) hash = Math.imul(hash ^ key.charCodeAt(index), FNV_PRIME);
  return hash;
}

/**
 * A map by string that takes no long pauses, unless nearly all keys are equal at both ends. A `Map` that grows moves all that
 * it holds at once, which with a million keys stops the event loop for 100 ms. This one divides many keys among parts, which
 * grow one by one.
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
    if (part.size > before) this.#grown();
  }

  /** Puts a value under a key that has none; false, and nothing is changed, when it has one. */
  add(key: string, value: V): boolean {
    const part = this.#partOf(key);
    if (part.has(key)) return false;
    part.set(key, value);
    this.#grown();
    return true;
  }

  delete(key: string): void {
    if (this.#partOf(key).delete(key)) this.#size--;
  }

  /** All keys with their values, in maps. */
  get parts(): readonly ReadonlyMap<string, V>[] {
    return this.#parts ?? [this.#first];
  }

  #partOf(key: string): Map<string, V> {
    return this.#parts === null ? this.#first : (this.#parts[placeOf(key)] as Map<string, V>);
  }

  #grown(): void {
    this.#size++;
    if (this.#parts === null && this.#size > WIDE_KEYS) this.#divide();
  }

  #divide(): void {
    const parts = Array.from({ length: PART_COUNT }, () => new Map<string, V>());
    for (const [key, value] of this.#first) (parts[placeOf(key)] as Map<string, V>).set(key, value);
    this.#first = new Map();
    this.#parts = parts;
  }
}
