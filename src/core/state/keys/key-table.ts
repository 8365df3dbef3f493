/** Places at the beginning; a power of two. */
const LEAST_PLACES = 256;
/** The share of the places that may be taken before there are twice as many. */
const FULL = 5 / 8;
/** Most places from its home at which a key is looked for. */
const REACH = 128;
/** Most other keys of the same hash that a key is compared with. */
const MAX_TWINS = 4;
/** 2^32 divided by the golden ratio: the high bits of its multiples depend on all bits of a hash. */
const GOLDEN = 0x9e3779b1;
/** No free place was met. */
const NOWHERE = -0x80000000;

/**
 * A map by string, for callers that have a hash of the key. With many keys it is faster than a `Map`, which follows a
 * pointer to each key that it passes: this one passes numbers that lie side by side, and looks at a key when its hash is
 * right. Values are not `undefined`.
 *
 * Open addressing with linear probing, over entries in the order of their coming. What is out of reach of its home, since
 * hashes are alike by chance or on purpose, is in a `Map`, and stays there: no choice of keys makes it slow.
 *
 * Invariants:
 * 1. A place is two numbers of `#index`: a hash and, from 2 on, where in `#entries` its key and value end; 0: free. Between
 *    the home of a key and its place none is free.
 * 2. `#entries` are keys and values by turns; those of a removed key are `undefined`. `#count` keys are in it, at least a
 *    quarter of its length unless that is short; all others are in `#crowd`.
 */
export class KeyTable<V> {
  #index = new Int32Array(0);
  /** Twice the number of places, less 1. */
  #mask = 0;
  #shift = 0;
  readonly #entries: (string | V | undefined)[] = [];
  #count = 0;
  readonly #crowd = new Map<string, V>();

  constructor() {
    this.#makePlaces(LEAST_PLACES);
  }

  get size(): number {
    return this.#count + this.#crowd.size;
  }

  /** @param hash Any 32 bits, as a signed number; equal keys have equal ones. */
  get(key: string, hash: number): V | undefined {
    const place = this.#probe(key, hash);
    if (place >= 0) return this.#entries[(this.#index[place + 1] as number) - 1] as V;
    return this.#crowd.size === 0 ? undefined : this.#crowd.get(key);
  }

  /** Puts a value under a key; returns whether it had none. */
  set(key: string, hash: number, value: V): boolean {
    const place = this.#probe(key, hash);
    if (place < 0) return this.#addAt(place, key, hash, value, true);
    this.#entries[(this.#index[place + 1] as number) - 1] = value;
    return false;
  }

  /** Puts a value under a key that has none; false, and nothing is changed, when it has one. */
  add(key: string, hash: number, value: V): boolean {
    const place = this.#probe(key, hash);
    return place < 0 && this.#addAt(place, key, hash, value, false);
  }

  /** Returns whether the key was there. */
  delete(key: string, hash: number): boolean {
    const place = this.#probe(key, hash);
    if (place < 0) return this.#crowd.delete(key);
    const end = this.#index[place + 1] as number;
    this.#entries[end - 2] = undefined;
    this.#entries[end - 1] = undefined;
    this.#count--;
    this.#free(place);
    if (this.#entries.length > Math.max(4 * this.#count, 2 * LEAST_PLACES)) this.#rebuild();
    return true;
  }

  /** The keys with their values. The map must not change meanwhile. */
  *[Symbol.iterator](): Generator<[string, V]> {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 2) {
      const key = entries[at] as string | undefined;
      if (key !== undefined) yield [key, entries[at + 1] as V];
    }
    yield* this.#crowd;
  }

  /** As a `Map`. Faster than the iterator. The map must not change meanwhile. */
  forEach(call: (value: V, key: string) => void): void {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 2) {
      const key = entries[at] as string | undefined;
      if (key !== undefined) call(entries[at + 1] as V, key);
    }
    this.#crowd.forEach(call);
  }

  /** The place of a key; if it has none, the complement of the free one that it would get, or `NOWHERE`. */
  #probe(key: string, hash: number): number {
    const index = this.#index;
    let place = this.#homeOf(hash);
    let twinCount = 0;
    for (let step = 0; step < REACH; step++) {
      const end = index[place + 1] as number;
      if (end === 0) return ~place;
      if (index[place] === hash) {
        if (this.#entries[end - 2] === key) return place;
        if (++twinCount === MAX_TWINS) return NOWHERE;
      }
      place = (place + 2) & this.#mask;
    }
    return NOWHERE;
  }

  #homeOf(hash: number): number {
    return (Math.imul(hash, GOLDEN) >>> this.#shift) * 2;
  }

  /** Adds a key that has no place, unless it is in the crowd. */
  #addAt(place: number, key: string, hash: number, value: V, replaces: boolean): boolean {
    if (this.#crowd.size > 0 && this.#crowd.has(key)) {
      if (replaces) this.#crowd.set(key, value);
      return false;
    }
    if (place === NOWHERE) {
      this.#crowd.set(key, value);
      return true;
    }
    this.#entries.push(key, value);
    this.#index[~place] = hash;
    this.#index[~place + 1] = this.#entries.length;
    if (++this.#count * 2 > this.#index.length * FULL) this.#rebuild();
    return true;
  }

  /** Frees a place, and closes the gap between the keys after it and their homes. */
  #free(place: number): void {
    const index = this.#index;
    const mask = this.#mask;
    let free = place;
    let next = (free + 2) & mask;
    // A key further than `REACH` after the gap has its home after the gap, too.
    for (; index[next + 1] !== 0 && ((next - free) & mask) < 2 * REACH; next = (next + 2) & mask) {
      const isHomeBehind = ((next - this.#homeOf(index[next] as number)) & mask) < ((next - free) & mask);
      if (isHomeBehind) continue;
      index[free] = index[next] as number;
      index[free + 1] = index[next + 1] as number;
      free = next;
    }
    index[free + 1] = 0;
  }

  #makePlaces(count: number): void {
    this.#index = new Int32Array(2 * count);
    this.#mask = 2 * count - 1;
    this.#shift = Math.clz32(count) + 1;
  }

  /** Makes places, half of which at most are taken, and leaves out what was removed. */
  #rebuild(): void {
    const entries = this.#entries;
    const hashes = this.#hashes();
    let places = LEAST_PLACES;
    while (places < 2 * this.#count) places *= 2;
    this.#makePlaces(places);
    let end = 0;
    for (let at = 0; at < entries.length; at += 2) {
      const key = entries[at] as string | undefined;
      if (key === undefined) continue;
      const value = entries[at + 1] as V;
      const hash = hashes[at >> 1] as number;
      const place = this.#probe(key, hash);
      if (place === NOWHERE) {
        this.#crowd.set(key, value);
        this.#count--;
        continue;
      }
      entries[end++] = key;
      entries[end++] = value;
      this.#index[~place] = hash;
      this.#index[~place + 1] = end;
    }
    entries.length = end;
  }

  /** The hash of each entry. */
  #hashes(): Int32Array {
    const index = this.#index;
    const hashes = new Int32Array(this.#entries.length / 2);
    for (let place = 0; place < index.length; place += 2) {
      const end = index[place + 1] as number;
      if (end !== 0) hashes[end / 2 - 1] = index[place] as number;
    }
    return hashes;
  }
}
