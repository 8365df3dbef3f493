import type { Storage } from "../core/index.js";

/** How many keys are remembered. */
const MAX_COUNT = 10_000;

/**
 * The keys of sessions that have expired lately and are dropped from the storage, as opposed to those that were removed by other means. The
 * stores of one storage share them.
 */
export class ExpiredKeys {
  static readonly #all = new WeakMap<Storage, ExpiredKeys>();

  readonly #prefixes = new Set<string>();
  /** The latest last. */
  readonly #keys = new Set<string>();

  private constructor(storage: Storage) {
    storage.on("expire", ({ path }) => {
      const [key] = path;
      if (path.length === 1 && key !== undefined) this.#note(key);
    });
  }

  /** The keys of a storage; from now on also those that begin with a prefix. */
  static of(storage: Storage, prefix: string): ExpiredKeys {
    const known = ExpiredKeys.#all.get(storage) ?? new ExpiredKeys(storage);
    ExpiredKeys.#all.set(storage, known);
    known.#prefixes.add(prefix);
    return known;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  #note(key: string): void {
    if (!this.#prefixes.has(key.slice(0, key.indexOf("/") + 1))) return;
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > MAX_COUNT) this.#keys.delete(this.#keys.keys().next().value as string);
  }
}
