import { KeyMap } from "./keys/key-map.js";

/** The width of a bucket. */
export const SECOND_MS = 1000;
/** Emptied buckets that are tolerated before the heap is rebuilt without them. */
const EMPTY_BUCKETS = 64;

/**
 * Keys by the second of their deadline: the cost of finding the keys that are due does not depend on the other keys.
 *
 * Invariants: `#heap` is a binary min-heap of the seconds that are keys of `#buckets`, each once. A bucket that became
 * empty is `null` until its second leaves the heap; less than half of the heap, or a few, are such.
 */
export class Deadlines {
  /** The keys of each bucket as a set that takes no long pauses. */
  readonly #buckets = new Map<number, KeyMap<true> | null>();
  #heap: number[] = [];
  #emptyCount = 0;

  /** @param at In ms; `Infinity`: no deadline, nothing is added. */
  add(key: string, at: number): void {
    if (at === Infinity) return;
    const second = Math.floor(at / SECOND_MS);
    let bucket = this.#buckets.get(second);
    if (!bucket) {
      if (bucket === undefined) this.#push(second);
      else this.#emptyCount--;
      bucket = new KeyMap();
      this.#buckets.set(second, bucket);
    }
    bucket.set(key, true);
  }

  /** @param at The time that the key was added with. */
  remove(key: string, at: number): void {
    if (at === Infinity) return;
    const second = Math.floor(at / SECOND_MS);
    const bucket = this.#buckets.get(second);
    if (!bucket) return;
    bucket.delete(key);
    if (bucket.size > 0) return;
    this.#buckets.set(second, null);
    if (++this.#emptyCount > EMPTY_BUCKETS && this.#emptyCount * 2 > this.#heap.length) this.#rebuild();
  }

  move(key: string, from: number, to: number): void {
    if (from === to) return;
    this.remove(key, from);
    this.add(key, to);
  }

  /** A time in ms before which nothing is due; `Infinity` when nothing ever is. */
  earliest(): number {
    while (this.#heap.length > 0 && this.#buckets.get(this.#heap[0] as number) === null) {
      this.#buckets.delete(this.#pop());
      this.#emptyCount--;
    }
    return this.#heap.length > 0 ? (this.#heap[0] as number) * SECOND_MS : Infinity;
  }

  /**
   * Visits every key whose second has begun at `time`, in no order, and possibly some with a deadline later in it.
   * @param visit Must not change this object; returns false to stop.
   * @returns A time in ms, later than `time`, before which no other key is due.
   */
  visit(time: number, visit: (key: string) => boolean): number {
    let later = Infinity;
    const places = [0];
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      const second = this.#heap[place];
      if (second === undefined) continue;
      if (second * SECOND_MS > time) {
        later = Math.min(later, second * SECOND_MS);
        continue;
      }
      for (const part of this.#buckets.get(second)?.parts ?? []) {
        for (const [key] of part) if (!visit(key)) return later;
      }
      places.push(place * 2 + 1, place * 2 + 2);
    }
    return later;
  }

  #rebuild(): void {
    for (const [second, bucket] of this.#buckets) if (bucket === null) this.#buckets.delete(second);
    this.#heap = [...this.#buckets.keys()].sort((a, b) => a - b);
    this.#emptyCount = 0;
  }

  #push(second: number): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= second) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = second;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0] as number;
    const last = heap.pop() as number;
    if (heap.length === 0) return top;
    let at = 0;
    for (let child = 1; child < heap.length; child = at * 2 + 1) {
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
