import { NEVER, type Path } from "../log/entry.js";
import { Deadlines, SECOND_MS } from "./deadlines.js";
import { type Container, copyOf, isContainer, memberOf, putMember } from "./tree.js";

/** Children up to which a node is scanned; with more it keeps them in order of their deadlines. */
const SCANNED_CHILDREN = 16;

/** What a frozen container shows from `from` until just before `until`, in ms. */
interface View {
  readonly base: Container;
  readonly value: Container;
  readonly from: number;
  readonly until: number;
}

/**
 * The expiries of a value and of what is below it, as a tree of the same keys.
 *
 * Invariants:
 * 1. `next` is not later than any expiry in this subtree, and not before the second of the first one; `Infinity` when
 *    there is none.
 * 2. No child is empty. With more than `SCANNED_CHILDREN` of them, `#due` holds each by its `next`.
 * 3. `#view` is gone whenever an expiry in this subtree changes.
 */
export class Expiry {
  /** When the value expires, in ms since 1970, or `NEVER`. */
  at: number;
  next: number;
  children: Map<string, Expiry> | null = null;
  #due: Deadlines | null = null;
  #view: View | null = null;

  constructor(at: number = NEVER) {
    this.at = at;
    this.next = at === NEVER ? Infinity : at;
  }

  /** A node with the expiry `at` at the end of the keys of `path` from `depth` on. */
  static chain(path: Path, depth: number, at: number): Expiry {
    let node = new Expiry(at);
    for (let index = path.length - 1; index >= depth; index--) {
      const parent = new Expiry();
      parent.#link(path[index] as string, Infinity, node);
      node = parent;
    }
    return node;
  }

  get isEmpty(): boolean {
    return this.at === NEVER && this.children === null;
  }

  /** Whether the value itself is expired. */
  isPassed(time: number): boolean {
    return this.at !== NEVER && this.at <= time;
  }

  /** The node of the value at the first `end` keys of `path`. */
  find(path: Path, end: number): Expiry | undefined {
    let node: Expiry | undefined = this;
    for (let depth = 1; depth < end && node; depth++) node = node.children?.get(path[depth] as string);
    return node;
  }

  /** When the value at `path` is first hidden: by its own expiry or by that of a container of it. `Infinity`: never. */
  earliestOn(path: Path): number {
    let earliest = Infinity;
    let node: Expiry | undefined = this;
    for (let depth = 1; node; depth++) {
      if (node.at !== NEVER) earliest = Math.min(earliest, node.at);
      node = depth < path.length ? node.children?.get(path[depth] as string) : undefined;
    }
    return earliest;
  }

  /**
   * Takes over the expiry of another node and copies of those of its children that are not expired at `time`: the other
   * one stays as it is.
   * @returns The keys of the children that are.
   */
  takeLiving(from: Expiry | undefined, time: number): string[] {
    const expiredKeys: string[] = [];
    this.setAt([], from?.at ?? NEVER, 0);
    for (const [key, child] of from?.children ?? []) {
      if (child.isPassed(time)) expiredKeys.push(key);
      else this.#link(key, Infinity, child.#copy());
    }
    return expiredKeys;
  }

  #copy(): Expiry {
    const copy = new Expiry(this.at);
    for (const [key, child] of this.children ?? []) copy.#link(key, Infinity, child.#copy());
    return copy;
  }

  /**
   * Puts a subtree in place of the one at the first `end` keys of `path`. This node is that of the first `depth` keys.
   * @param end Above `depth`.
   * @returns The subtree that was there.
   */
  replace(path: Path, end: number, subtree: Expiry | null, depth = 1): Expiry | null {
    const key = path[depth] as string;
    const child = this.children?.get(key) ?? null;
    const before = child === null ? Infinity : child.next;
    this.#view = null;
    if (depth === end - 1) {
      this.#link(key, before, subtree);
      return child;
    }
    if (child === null && subtree === null) return null;
    const branch = child ?? new Expiry();
    const old = branch.replace(path, end, subtree, depth + 1);
    this.#link(key, before, branch.isEmpty ? null : branch);
    return old;
  }

  /**
   * Sets or clears the expiry of the value at `path`. The expiries below it stay.
   * @returns The one that was there.
   */
  setAt(path: Path, at: number, depth = 1): number {
    this.#view = null;
    if (depth === path.length) {
      const old = this.at;
      this.at = at;
      this.#settleNext();
      return old;
    }
    const key = path[depth] as string;
    const child = this.children?.get(key) ?? new Expiry();
    const before = child.next;
    const old = child.setAt(path, at, depth + 1);
    this.#link(key, before, child.isEmpty ? null : child);
    return old;
  }

  /**
   * Adds up to `limit` paths to `paths`: the shallowest below `path`, or itself, that are expired at `time`.
   * @returns Unless there are so many, a time in ms, later than `time`, before which nothing else expires; `Infinity` when nothing does.
   */
  collect(path: Path, time: number, limit: number, paths: Path[]): number {
    if (this.isPassed(time)) {
      paths.push(path);
      return Infinity;
    }
    let later = this.at === NEVER ? Infinity : this.at;
    const others = this.#visit(time, (key, child) => {
      later = Math.min(later, child.collect([...path, key], time, limit, paths));
      return paths.length < limit;
    });
    return Math.min(later, others);
  }

  /** Every expiry below this node, with the keys that lead there. */
  *list(path: Path): Generator<readonly [path: Path, at: number]> {
    for (const [key, child] of this.children ?? []) {
      const below = [...path, key];
      if (child.at !== NEVER) yield [below, child.at];
      yield* child.list(below);
    }
  }

  /**
   * What a frozen container shows at `now`: itself, or a frozen copy without what is expired below it (an element of an
   * array is `null` instead).
   */
  viewOf(base: Container, now: number): Container {
    return this.#viewAt(base, now).value;
  }

  #viewAt(base: Container, now: number): View {
    const known = this.#view;
    if (known !== null && known.base === base && known.from <= now && now < known.until) return known;
    let copy: Container | null = null;
    let until = Infinity;
    const later = this.#visit(now, (key, child) => {
      const member = memberOf(base, key);
      if (child.isPassed(now)) {
        copy ??= copyOf(base);
        if (Array.isArray(copy)) copy[Number(key)] = null;
        else delete copy[key];
        return true;
      }
      if (child.at !== NEVER) until = Math.min(until, child.at);
      if (!isContainer(member)) return true;
      const below = child.#viewAt(member, now);
      until = Math.min(until, below.until);
      if (below.value === member) return true;
      copy ??= copyOf(base);
      putMember(copy, key, below.value);
      return true;
    });
    const value: Container = copy === null ? base : Object.freeze(copy);
    this.#view = { base, value, from: now, until: Math.min(until, later) };
    return this.#view;
  }

  /**
   * Visits every child in whose subtree something may be expired at `time`.
   * @returns A time in ms, later than `time`, before which none of the others has an expiry.
   */
  #visit(time: number, visit: (key: string, child: Expiry) => boolean): number {
    const children = this.children;
    if (children === null) return Infinity;
    if (this.#due !== null) return this.#due.visit(time, (key) => visit(key, children.get(key) as Expiry));
    let later = Infinity;
    for (const [key, child] of children) {
      if (child.next > time) later = Math.min(later, child.next);
      else if (!visit(key, child)) break;
    }
    return later;
  }

  /** Makes `child` the child under a key, or none, where there was one with the bound `before`, or none (`Infinity`). */
  #link(key: string, before: number, child: Expiry | null): void {
    if (child === null) this.children?.delete(key);
    else {
      this.children ??= new Map();
      this.children.set(key, child);
    }
    const size = this.children?.size ?? 0;
    if (size === 0) this.children = null;
    if (this.#due !== null) this.#due.move(key, before, child === null ? Infinity : child.next);
    if (size > SCANNED_CHILDREN) this.#due ??= this.#ordered();
    else if (size < SCANNED_CHILDREN / 2) this.#due = null;
    if (child !== null && child.next < this.next) this.next = child.next;
    else if (before < this.next + SECOND_MS) this.#settleNext();
  }

  #ordered(): Deadlines {
    const due = new Deadlines();
    for (const [key, child] of this.children as Map<string, Expiry>) due.add(key, child.next);
    return due;
  }

  #settleNext(): void {
    let next = this.at === NEVER ? Infinity : this.at;
    if (this.#due !== null) next = Math.min(next, this.#due.earliest());
    else for (const child of this.children?.values() ?? []) next = Math.min(next, child.next);
    this.next = next;
  }
}
