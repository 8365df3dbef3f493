import { type Batch, type Entry, LEFT, levelGiven, type Path, SLOT } from "../log/entry.js";
import { LEAST_LEVEL } from "../log/levels.js";
import type { KnownOrigin, SnapshotHead } from "../log/log.js";
import { MalformedError } from "../log/malformed.js";
import { atPlace } from "../log/stamps.js";
import { departureOf } from "./claims.js";
import { contentsOf, restoreEntry, slotOf } from "./contents.js";
import { type Count, countAt } from "./counting.js";
import { containersUntil, exchangeContents, hasAt, presentAt, visibleAt } from "./edit.js";
import { assert, Executor, type Outcome, type Status, type Undo } from "./executor.js";
import { NEW, Origins, type Verdict } from "./origins.js";
import type { Held, Slot } from "./slot.js";
import { Slots, type Swept } from "./slots.js";
import { readJson } from "./tree.js";

/** What a read of a key without a slot returns. */
export const NO_SLOT = Symbol("no slot");

/**
 * The state of a storage at one seq: slots by top-level key, and what each origin has written.
 *
 * Invariant: the state is a function of the batches alone, so equal logs give equal states. Not part of it are the order
 * of keys and fields, and whatever log time has passed, which `sweep` drops sooner or later.
 */
export class Table {
  /** The seq of the last batch. */
  seq = 0;
  /** The log time of the last batch, in ms since 1970. */
  time = 0;
  /** The level of the log. */
  level = LEAST_LEVEL;
  readonly #origins = new Origins();
  readonly #executor = new Executor(() => new Slots());

  /**
   * The value under a top-level key, if it was read before and not changed since: this serves most reads. `NO_SLOT` when
   * there is no slot; otherwise undefined, and the caller must use `get`.
   * @param now Called only when something in the slot expires.
   */
  frozenValue(key: string, now: () => number): unknown {
    const slot = this.#executor.slots.get(key);
    return slot === undefined ? NO_SLOT : slot.frozenValue(now);
  }

  /** The value at a path at `now`, frozen; undefined when there is none. */
  get(path: Path, now: number): unknown {
    return this.read(path, () => now);
  }

  /** As `get`, but `now` is called only when the time matters. */
  read(path: Path, now: () => number): unknown {
    const slot = this.#executor.slots.get(path[0] as string);
    if (slot === undefined) return undefined;
    const time = slot.expiries === null ? this.time : now();
    return slot.isExpired(time) ? undefined : visibleAt(slot, path, time);
  }

  /** As `get`, of a top-level key. */
  getKey(key: string, now: number): unknown {
    const slot = this.#executor.slots.get(key);
    if (slot === undefined) return undefined;
    return now < slot.next ? slot.frozen : this.get([key], now);
  }

  /** As `getKey`, but what was not read before is parsed for this call alone, and not frozen. */
  peek(key: string, now: number): unknown {
    const held = this.#executor.slots.held(key);
    if (held === undefined || !isLive(held, now)) return undefined;
    const text = typeof held === "string" ? held : held.text;
    const isWhole = typeof held === "string" || held.expiries === null || held.expiries.children === null;
    return text !== undefined && isWhole ? readJson(text) : this.getKey(key, now);
  }

  /** Whether `get` finds something at a path at `now`, other than a `null` element of an array. */
  has(path: Path, now: number): boolean {
    if (path.length === 1) return this.hasKey(path[0] as string, now);
    const slot = this.#executor.slots.get(path[0] as string);
    return slot !== undefined && !slot.isExpired(now) && hasAt(slot, path, now);
  }

  hasKey(key: string, now: number): boolean {
    const held = this.#executor.slots.held(key);
    return held !== undefined && isLive(held, now);
  }

  /** When what is at a path at `now` expires, in ms since 1970; `Infinity`: never; undefined: nothing is there, as for `has`. */
  expiresAt(path: Path, now: number): number | undefined {
    const key = path[0] as string;
    if (!(path.length === 1 ? this.hasKey(key, now) : this.has(path, now))) return undefined;
    return this.#executor.slots.get(key)?.expiries?.earliestOn(path) ?? Infinity;
  }

  /** A time in ms before which nothing under a key expires, and not before the second of the first that does; `Infinity`: never. */
  nextExpiry(key: string): number {
    const held = this.#executor.slots.held(key);
    return held === undefined || typeof held === "string" ? Infinity : held.next;
  }

  /**
   * Adds what has expired under a key after `since` and until `time`: the shallowest paths, and when.
   * @returns A time in ms, later than `time`, before which nothing else under the key expires.
   */
  expired(key: string, since: number, time: number, found: { path: Path; at: number }[]): number {
    const held = this.#executor.slots.held(key);
    if (held === undefined || typeof held === "string" || held.expiries === null) return Infinity;
    const paths: Path[] = [];
    const later = held.expiries.collect([key], time, Infinity, paths);
    for (const path of paths) {
      const at = held.expiries.find(path, path.length)?.at ?? 0;
      if (at > since) found.push({ path, at });
    }
    return later;
  }

  /** Whether there is a slot, expired or not. */
  holds(key: string): boolean {
    return this.#executor.slots.has(key);
  }

  /** Whether an `EXPIRE` would find something at a path at `now`. */
  isPresent(path: Path, now: number): boolean {
    return this.present(path, now) !== undefined;
  }

  /** The top-level keys that are live at `now`. */
  *keys(now: number): Generator<string> {
    for (const part of this.#executor.slots.parts) {
      for (const [key, held] of part) if (isLive(held, now)) yield key;
    }
  }

  /**
   * The keys that begin with `prefix` and are live, in parts, between two of which the table may change. A key that is live all
   * the time is in exactly one.
   */
  *keyParts(prefix: string, now: () => number): Generator<string[]> {
    // Each write may move a key from the first part to another one.
    const seen = new Set<string>();
    const { parts } = this.#executor.slots;
    for (const [index, part] of parts.entries()) {
      const time = now();
      const keys: string[] = [];
      part.forEach((held, key) => {
        if (key.startsWith(prefix) && isLive(held, time) && !seen.has(key)) keys.push(key);
      });
      if (index === 0 && parts.length > 1) for (const key of keys) seen.add(key);
      yield keys;
    }
  }

  /** How many top-level keys are live at `now`; costs what is expired and not yet swept. */
  size(now: number): number {
    return this.#executor.slots.size(now);
  }

  /** Applies the next batch, unless it was applied before or cannot be judged any more. */
  apply(batch: Batch): Verdict {
    const verdict = this.admit(batch.seq, batch.time, batch.origin, batch.born, batch.number);
    if (verdict !== NEW) return verdict;
    for (const entry of atPlace(batch.entries, batch.seq)) this.execute(entry, batch.time, false);
    if (batch.origin === 0) this.noteLevel(batch.entries);
    return verdict;
  }

  /** Notes the level that entries of a hub give the log; returns whether they do. */
  noteLevel(entries: readonly Entry[]): boolean {
    const given = levelGiven(entries);
    this.level = Math.max(this.level, given);
    return given > 0;
  }

  /** Moves on to the next batch; `NEW`: the caller executes its entries now. */
  admit(seq: number, time: number, origin: number, born: number, number: number): Verdict {
    assert(seq === this.seq + 1, `expected the batch with seq ${this.seq + 1}, got ${seq}`);
    assert(time >= this.time, `expected a batch of ${this.time} ms or later, got ${time} ms`);
    this.seq = seq;
    this.time = time;
    return origin === 0 ? NEW : this.#origins.admit(origin, born, number, time);
  }

  /** The highest number applied of an origin; 0 when it is unknown. */
  highest(origin: number): number {
    return this.#origins.highest(origin);
  }

  /** {@link Executor.execute}; a departure ends the claims of its member. */
  execute(entry: Entry, time: number, isUndoable: boolean, outcome?: Outcome): Status {
    if (entry.type === LEFT)
      for (const removal of departureOf(entry, this.slots, time)) this.#executor.execute(removal, time, false);
    return this.#executor.execute(entry, time, isUndoable, outcome);
  }

  /** Takes an entry back; all later ones of its slot have been taken back. */
  takeBack(entry: Entry, undo: Undo): void {
    this.#executor.takeBack(entry, undo);
  }

  /** {@link containersUntil}; what a top-level key is in lives forever. */
  containersUntil(path: Path, depth: number, time: number): number {
    if (depth === 1) return Infinity;
    const slot = this.#executor.slots.get(path[0] as string);
    return slot === undefined ? 0 : containersUntil(slot, path, depth, time);
  }

  /** What is at a path at `time`, as it is stored; undefined when nothing is. The caller must not change it. */
  present(path: Path, time: number): unknown {
    const slot = this.#executor.slots.get(path[0] as string);
    return slot === undefined || slot.isExpired(time) ? undefined : presentAt(slot, path, time);
  }

  /** {@link countAt}, whether or not the slot is live. */
  count(path: Path, time: number): Count | null | undefined {
    const slot = this.#executor.slots.get(path[0] as string);
    return slot === undefined || slot.isExpired(time) ? null : countAt(slot, path, time);
  }

  /** Puts contents, or nothing (null), in place of those at a path whose containers are objects; returns those. */
  replaceAt(path: Path, contents: Slot | null): Slot | null {
    const key = path[0] as string;
    if (path.length === 1) return this.#executor.replaceSlot(key, contents);
    const slot = this.#executor.slots.get(key);
    assert(slot !== undefined, "expected the slot of contents that are replaced");
    const { next } = slot;
    const before = exchangeContents(slot, path, contents);
    this.#executor.slots.settle(key, next, slot.next);
    return before;
  }

  get slots(): Slots {
    return this.#executor.slots;
  }

  /** Puts other slots, or none, in place of all; returns those. */
  replaceAll(slots = new Slots()): Slots {
    const before = this.#executor.slots;
    this.#executor.slots = slots;
    return before;
  }

  /** Whether `sweep` would find something, busy keys included. */
  get hasDue(): boolean {
    return this.#executor.slots.hasDue(this.time);
  }

  /**
   * Drops what log time has passed by a second or more.
   * @param limit Most paths that are dropped.
   * @param isBusy Keys that are left alone.
   */
  sweep(limit: number, isBusy: (key: string) => boolean): Swept {
    return this.#executor.slots.sweep(this.time, limit, isBusy);
  }

  head(): SnapshotHead {
    return { seq: this.seq, time: this.time, level: this.level, origins: this.#origins.list(this.time) };
  }

  /** Begins a new table with what the head of a snapshot says. */
  restore(head: SnapshotHead): void {
    this.seq = head.seq;
    this.time = head.time;
    this.level = head.level;
    this.restoreOrigins(head.origins);
  }

  /** Takes over origins of a snapshot. */
  restoreOrigins(origins: readonly KnownOrigin[]): void {
    for (const [origin, number, time] of origins) this.#origins.remember(origin, number, time);
  }

  /** Entries that make a new table equal to this one, by `restoreEntries`. The table must not change meanwhile. */
  *contents(): Generator<Entry> {
    for (const part of this.#executor.slots.parts) for (const [key, held] of part) yield* contentsOf(key, held);
  }

  /**
   * Does what entries of a snapshot say.
   * @throws MalformedError when a slot comes twice, or not before what belongs to it.
   */
  restoreEntries(entries: readonly Entry[]): void {
    const slots = this.#executor.slots;
    for (const entry of entries) {
      const key = entry.path[0] as string;
      if (entry.type === SLOT) {
        if (!slots.add(key, slotOf(entry))) throw new MalformedError(`expected a slot once, got ${key} again`);
        continue;
      }
      const slot = slots.get(key);
      if (slot === undefined)
        throw new MalformedError(`expected a slot before its entries, got an entry of type ${entry.type}`);
      const next = slot.next;
      restoreEntry(slot, entry);
      slots.settle(key, next, slot.next);
    }
  }
}

function isLive(held: Held, now: number): boolean {
  return typeof held === "string" || !held.isExpired(now);
}
