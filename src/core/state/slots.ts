import type { Path } from "../log/entry.js";
import { CLAIMS_PREFIX } from "./claims.js";
import { Deadlines, SECOND_MS } from "./deadlines.js";
import { remove } from "./edit.js";
import { KeyMap, type Part } from "./keys/key-map.js";
import { type Held, Slot } from "./slot.js";

/** What a sweep dropped, and whether more is due. */
export interface Swept {
  readonly paths: Path[];
  readonly hasMore: boolean;
}

/**
 * The slots by top-level key. One that was not looked at, and does not expire, is held as its text alone: a member that reads few of
 * many keys needs 48 bytes less for each of the others.
 *
 * Invariants:
 * 1. `#due` holds every slot by its `next`, as of the last `add`, `put` or `settle`.
 * 2. `claimKeys` are the keys that begin with `CLAIMS_PREFIX`.
 */
export class Slots {
  readonly #slots = new KeyMap<Held>();
  readonly #due = new Deadlines();
  /** The keys of claims, which a departure looks at. */
  readonly claimKeys = new Set<string>();

  /** The slot under a key: from now on it is held as such. */
  get(key: string): Slot | undefined {
    const held = this.#slots.get(key);
    if (typeof held !== "string") return held;
    const slot = new Slot(held, null);
    this.#slots.set(key, slot);
    return slot;
  }

  /** What is held under a key; stays so. */
  held(key: string): Held | undefined {
    return this.#slots.get(key);
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  /** {@link KeyMap.parts} */
  get parts(): readonly Part<Held>[] {
    return this.#slots.parts;
  }

  /** {@link KeyMap.settle} */
  settleParts(): void {
    this.#slots.settle();
  }

  /** {@link KeyMap.partOf} */
  partOf(key: string): number {
    return this.#slots.partOf(key);
  }

  /** Puts a slot under a key that has none; false, and nothing is changed, when it has one. */
  add(key: string, held: Held): boolean {
    if (!this.#slots.add(key, held)) return false;
    if (key.startsWith(CLAIMS_PREFIX)) this.claimKeys.add(key);
    if (typeof held !== "string") this.#due.add(key, held.next);
    return true;
  }

  /** Gives a key the value of a JSON text, without expiry, whatever it had. The slot that it had, if it was one, is changed. */
  setText(key: string, json: string): void {
    const held = this.#slots.get(key);
    if (held === undefined || typeof held === "string") {
      this.#slots.set(key, json);
      if (key.startsWith(CLAIMS_PREFIX)) this.claimKeys.add(key);
      return;
    }
    const { next } = held;
    held.reset(json, null);
    this.#due.move(key, next, Infinity);
  }

  /** Puts a slot, or nothing, in place of the one under a key. */
  put(key: string, slot: Slot | undefined, next: Slot | undefined): void {
    if (next === undefined) this.#slots.delete(key);
    else this.#slots.set(key, next);
    if (key.startsWith(CLAIMS_PREFIX)) this.#noteClaims(key, next !== undefined);
    this.#due.move(key, slot?.next ?? Infinity, next?.next ?? Infinity);
  }

  #noteClaims(key: string, isThere: boolean): void {
    if (isThere) this.claimKeys.add(key);
    else this.claimKeys.delete(key);
  }

  /** Notes that the `next` of the slot under a key has changed. */
  settle(key: string, from: number, to: number): void {
    this.#due.move(key, from, to);
  }

  /** How many slots are live at `now`; costs what is expired and not yet swept. */
  size(now: number): number {
    let expiredCount = 0;
    this.#due.visit(now, (key) => {
      if (this.get(key)?.isExpired(now)) expiredCount++;
      return true;
    });
    return this.#slots.size - expiredCount;
  }

  /** Whether `sweep` would find something, busy keys included. */
  hasDue(time: number): boolean {
    return this.#due.earliest() <= time - SECOND_MS;
  }

  /**
   * Drops what has been expired for a second or more at `time`.
   * @param limit Most paths that are dropped.
   * @param isBusy Keys that are left alone.
   */
  sweep(time: number, limit: number, isBusy: (key: string) => boolean): Swept {
    const keys: string[] = [];
    this.#due.visit(time - SECOND_MS, (key) => {
      if (!isBusy(key)) keys.push(key);
      return keys.length < limit;
    });
    const paths: Path[] = [];
    for (const key of keys) {
      if (paths.length >= limit) break;
      this.#sweepSlot(key, this.get(key) as Slot, time, limit, paths);
    }
    return { paths, hasMore: keys.length === limit || paths.length >= limit };
  }

  #sweepSlot(key: string, slot: Slot, time: number, limit: number, paths: Path[]): void {
    if (slot.isExpired(time)) {
      paths.push([key]);
      this.put(key, slot, undefined);
      return;
    }
    const next = slot.next;
    const first = paths.length;
    slot.expiries?.collect([key], time, limit, paths);
    for (let index = first; index < paths.length; index++) remove(slot, paths[index] as Path);
    this.#due.move(key, next, slot.next);
  }
}
