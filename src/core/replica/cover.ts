/** Paths at which pending entries have changed what is shown. */
import type { Path } from "../log/entry.js";
import type { Holder } from "../state/detached.js";
import type { Slot } from "../state/slot.js";
import type { Op } from "./op.js";
import type { Sum } from "./sum.js";

/**
 * The contents that are confirmed at a path, while the table has there what pending entries have made of them.
 *
 * Invariants:
 * 1. It stands for `count` pending entries, which lie at the path or below it. With none, it is only the way to covers below it:
 *    none of them lies above another one. A patch lies in the covers of all its fields; `laterCount` of the entries are patches
 *    of which it has not the first field.
 * 2. With a `hider`, what is shown does not depend on `contents`. With a `sum`, it is the number in `contents` and the sum.
 *    Without both it depends on them: when they change, the entries must be performed again.
 */
export class Cover implements Holder {
  /** Keys of the path. */
  readonly depth: number;
  contents: Slot | null = null;
  count = 0;
  laterCount = 0;
  /** The newest entry that stores or removes exactly what is at the path, whatever it is. */
  hider: Op | null = null;
  sum: Sum | null = null;
  /** Whether an entry of another member has changed the contents, or could have. */
  isTouched = false;
  children: Map<string, Cover> | null = null;

  constructor(depth: number) {
    this.depth = depth;
  }

  /** The cover at or above a path. This one is that of a top-level key here and below. */
  over(path: Path): Cover | null {
    let cover: Cover = this;
    for (let depth = 1; cover.count === 0; depth++) {
      const next = depth < path.length ? cover.children?.get(path[depth] as string) : undefined;
      if (next === undefined) return null;
      cover = next;
    }
    return cover;
  }

  /** At how many keys of a path, over which no cover lies, none lies below either; one more than it has: below all of them. */
  clearDepth(path: Path): number {
    let cover: Cover | undefined = this;
    let depth = 1;
    for (; cover !== undefined && cover.children !== null; depth++)
      cover = depth < path.length ? cover.children.get(path[depth] as string) : undefined;
    return depth;
  }

  /** The cover of a path, which may be a new one. */
  at(path: Path): Cover {
    let cover: Cover = this;
    for (let depth = 1; depth < path.length; depth++) {
      const key = path[depth] as string;
      cover.children ??= new Map();
      let next = cover.children.get(key);
      if (next === undefined) {
        next = new Cover(depth + 1);
        cover.children.set(key, next);
      }
      cover = next;
    }
    return cover;
  }

  /** Removes the cover of a path, and the way to it that leads to no other. */
  remove(path: Path): void {
    const way: Cover[] = [this];
    for (let depth = 1; depth < path.length; depth++)
      way.push((way[depth - 1] as Cover).children?.get(path[depth] as string) as Cover);
    for (let depth = path.length - 1; depth > 0; depth--) {
      const { children } = way[depth - 1] as Cover;
      children?.delete(path[depth] as string);
      if (children !== null && children.size > 0) return;
      (way[depth - 1] as Cover).children = null;
    }
  }

  /** Calls for each cover that stands for entries: this one, which is at `path`, or those below it. */
  visit(path: Path, call: (path: Path, contents: Slot | null, cover: Cover) => void): void {
    if (this.count > 0) call(path, this.contents, this);
    else for (const [key, child] of this.children ?? []) child.visit([...path, key], call);
  }
}
