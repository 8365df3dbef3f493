/** Tables and curves of what is measured at several sizes: figures by name, for each size. */

/** Collects figures; `of(size)` gives a function that adds one by its name. */
export class Sized {
  #bySize = new Map();

  add(size, name, figure) {
    const byName = this.#bySize.get(size) ?? new Map();
    this.#bySize.set(size, byName);
    byName.set(name, [...(byName.get(name) ?? []), figure]);
  }

  /** The rows of one size, of those names that have figures. */
  rows(size, names) {
    const byName = this.#bySize.get(size);
    return names.filter((name) => byName.has(name)).map((name) => ({ name, rounds: byName.get(name) }));
  }

  /** The series of a curve over all sizes. */
  series(names) {
    return names.map((name) => {
      const points = [...this.#bySize].filter(([, byName]) => byName.has(name));
      return { name, points: points.map(([x, byName]) => ({ x, rounds: byName.get(name) })) };
    });
  }

  get sizes() {
    return [...this.#bySize.keys()];
  }
}
