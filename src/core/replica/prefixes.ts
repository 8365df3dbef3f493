/**
 * Items by a prefix of texts. Finding those of a text costs the number of different lengths of the prefixes, however many items
 * there are: a process may have one for each of its open connections.
 */
export class Prefixes<T> {
  readonly #items = new Map<string, Set<T>>();
  /** How many prefixes have each length. */
  readonly #lengths = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  add(prefix: string, item: T): void {
    const items = this.#items.get(prefix);
    if (items !== undefined) {
      items.add(item);
      return;
    }
    this.#items.set(prefix, new Set([item]));
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  delete(prefix: string, item: T): void {
    const items = this.#items.get(prefix);
    if (!items?.delete(item) || items.size > 0) return;
    this.#items.delete(prefix);
    const count = (this.#lengths.get(prefix.length) as number) - 1;
    if (count > 0) this.#lengths.set(prefix.length, count);
    else this.#lengths.delete(prefix.length);
  }

  /** Whether an item has a prefix of a text. */
  has(text: string): boolean {
    for (const length of this.#lengths.keys())
      if (length <= text.length && this.#items.has(text.slice(0, length))) return true;
    return false;
  }

  /** The items whose prefix a text begins with. */
  of(text: string): T[] {
    const found: T[] = [];
    for (const length of this.#lengths.keys())
      if (length <= text.length) for (const item of this.#items.get(text.slice(0, length)) ?? []) found.push(item);
    return found;
  }

  *entries(): Generator<readonly [prefix: string, item: T]> {
    for (const [prefix, items] of this.#items) for (const item of items) yield [prefix, item];
  }
}
