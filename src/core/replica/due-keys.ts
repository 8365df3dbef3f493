/**
 * Keys by the time at which something of them is due, to the millisecond.
 *
 * Invariants: `#heap` is a binary min-heap by time. The entry of a key counts whose time `#times` has; the others are passed over when
 * they are reached. A key that is noted with a later time keeps its earlier one, so that values which are prolonged all the time cost
 * one entry each: who takes the key looks when it is due in truth.
 */
export class DueKeys {
  readonly #times = new Map<string, number>();
  readonly #heap: { readonly key: string; readonly at: number }[] = [];

  /** @param at In ms; `Infinity`: never. */
  note(key: string, at: number): void {
    const known = this.#times.get(key) ?? Infinity;
    if (at >= known) return;
    this.#times.set(key, at);
    const heap = this.#heap;
    let place = heap.length;
    heap.push({ key, at });
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#at(parent) <= at) break;
      this.#exchange(place, parent);
      place = parent;
    }
  }

  /** Removes and returns the keys that are due at a time. */
  take(time: number): string[] {
    const keys: string[] = [];
    while (this.#heap.length > 0 && this.#at(0) <= time) {
      const { key, at } = this.#pop();
      if (this.#times.get(key) === at && this.#times.delete(key)) keys.push(key);
    }
    return keys;
  }

  #at(place: number): number {
    return this.#heap[place]?.at ?? Infinity;
  }

  #exchange(one: number, other: number): void {
    const heap = this.#heap;
    [heap[one], heap[other]] = [heap[other] as (typeof heap)[0], heap[one] as (typeof heap)[0]];
  }

  #pop(): { readonly key: string; readonly at: number } {
    const heap = this.#heap;
    this.#exchange(0, heap.length - 1);
    const first = heap.pop() as (typeof heap)[0];
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const child = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (this.#at(place) <= this.#at(child)) return first;
      this.#exchange(place, child);
      place = child;
    }
  }
}
