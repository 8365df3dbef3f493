/**
 * The state machine written the simplest way: whole values are copied at every step, nothing is cached or shared, nothing
 * is ever swept. A reader can see that it is right, so the real one is compared with it.
 */
import { isDeepStrictEqual } from "node:util";
import {
  ADD,
  type Batch,
  CLEAR,
  DELETE,
  type Entry,
  EXPIRE,
  IF_ABSENT,
  KEEP,
  LIMIT,
  PATCH,
  type Patch,
  type Path,
  PUBLISH,
  SET,
  SWAP,
  type Swap,
} from "../../../dist/core/log/entry.js";
import { type NaiveHit, naiveHit } from "./naive-limits.js";
import { isBelow, isIndex, type Json, memberOf, prune, removeIn, setIn, TooFar } from "./naive-values.js";
import { areKeySteps } from "./paths.js";

/** What an entry comes to: an `ADD` to a number, and a `DELETE` that takes effect to what it removes. */
export type Result = "applied" | "unmet" | "no number" | "too far" | number | NaiveHit | { readonly taken: Json };

/** Whether an entry took effect. */
export const isApplied = (result: Result): boolean =>
  typeof result === "object" && "isCounted" in result
    ? result.isCounted
    : result === "applied" || typeof result !== "string";

interface NaiveSlot {
  value: Json;
  /** Expiries by the JSON text of the keys below the top-level key. */
  expiries: Map<string, number>;
}

const RETENTION_MS = 24 * 60 * 60 * 1000;

/** An entry that stores its stamp as it stores the rest of its value. */
function withStamp(entry: Entry, stamp: number): Entry {
  const value = JSON.parse(entry.json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return entry;
  if (entry.type === PATCH) value.set = { ...value.set, [entry.stamp]: stamp };
  else value[entry.stamp] = stamp;
  return { ...entry, json: JSON.stringify(value) };
}

/** What the pending write of a member shows that is the `count`-th one with a stamp, from 0: more than any place in the log. */
export const pendingStamp = (count: number): number => 2 ** 53 + 2 * count;

/** Who looks at the state between the entries of a batch. */
export interface Observer {
  advanced(state: Naive, since: number): void;
  before(state: Naive, entry: Entry): void;
  after(state: Naive, entry: Entry, result: Result): void;
}

export class Naive {
  seq = 0;
  time = 0;
  slots = new Map<string, NaiveSlot>();
  origins = new Map<number, { number: number; time: number }>();

  clone(): Naive {
    const copy = new Naive();
    copy.seq = this.seq;
    copy.time = this.time;
    for (const [key, slot] of this.slots) copy.slots.set(key, { ...slot, expiries: new Map(slot.expiries) });
    for (const [origin, last] of this.origins) copy.origins.set(origin, { ...last });
    return copy;
  }

  /** Results of the entries, or why the batch was skipped. */
  apply(batch: Batch, observer?: Observer): Result[] | "seen" | "expired" {
    const since = this.time;
    this.seq = batch.seq;
    this.time = batch.time;
    observer?.advanced(this, since);
    const verdict = batch.origin === 0 ? "new" : this.#admit(batch);
    if (verdict !== "new") return verdict;
    return batch.entries.map((entry, index) => {
      observer?.before(this, entry);
      const result = this.execute(entry, batch.time, batch.seq * 4096 + index);
      observer?.after(this, entry, result);
      return result;
    });
  }

  #admit({ origin, number, born, time }: Batch): "new" | "seen" | "expired" {
    const last = this.origins.get(origin);
    if (last !== undefined && time - last.time <= RETENTION_MS) {
      if (number <= last.number) return "seen";
    } else if (number !== 1 || time - born > RETENTION_MS) return "expired";
    this.origins.set(origin, { number, time });
    return "new";
  }

  /** @param stamp What the field that asks for it gets. */
  execute(asked: Entry, time: number, stamp: number): Result {
    const entry = asked.stamp === "" ? asked : withStamp(asked, stamp);
    if (entry.type === PUBLISH) return "unmet";
    if (entry.type === CLEAR) {
      this.slots = new Map();
      return "applied";
    }
    const [key, ...below] = entry.path as [string, ...string[]];
    const slot = this.slots.get(key);
    const found = this.find(entry.path, time);
    if (entry.type === DELETE && below.length === 0) this.slots.delete(key);
    if (entry.condition === IF_ABSENT && found !== undefined) return "unmet";
    if (entry.type === SET) return this.#set(entry, JSON.parse(entry.json), time);
    if (entry.type === ADD) {
      if (found === undefined) {
        const created = 0 + entry.amount; // of -0 as well
        const result = this.#set(entry, created, time);
        return result === "applied" ? created : result;
      }
      if (typeof found !== "number" || !Number.isFinite(found + entry.amount)) return "no number";
      (slot as NaiveSlot).value = setIn((slot as NaiveSlot).value, below, found + entry.amount);
      return found + entry.amount;
    }
    if (entry.type === LIMIT) return this.#limit(entry, found, time, stamp);
    if (entry.type === SWAP) return this.#swap(entry, found, time);
    if (found === undefined || slot === undefined) return "unmet";
    const seen = prune(found, below, slot.expiries, time) as Json;
    if (entry.type === PATCH && !this.#patch(entry, slot, below, found, time)) return "unmet";
    if (entry.type === DELETE) {
      if (below.length > 0) {
        slot.value = removeIn(slot.value, below);
        this.#dropExpiries(slot, below);
      }
      return { taken: seen };
    }
    if (entry.type === EXPIRE && entry.expiresAt === 0) slot.expiries.delete(JSON.stringify(below));
    else if (entry.type === EXPIRE) slot.expiries.set(JSON.stringify(below), entry.expiresAt);
    return "applied";
  }

  /** When what is at a path expires; undefined: nothing is there. */
  expiresAt(path: Path, now: number): number | undefined {
    const [key, ...below] = path as [string, ...string[]];
    if (this.find(path, now) === undefined) return undefined;
    const prefixes = [[], ...below.map((_, index) => below.slice(0, index + 1))];
    const expiries = this.slots.get(key)?.expiries;
    return Math.min(...prefixes.map((prefix) => expiries?.get(JSON.stringify(prefix)) ?? Infinity));
  }

  /** What is there at a time, which the condition asks for. */
  find(path: readonly string[], time: number): Json | undefined {
    const [key, ...below] = path as [string, ...string[]];
    const slot = this.slots.get(key);
    if (slot === undefined || this.#isExpired(slot, [], time)) return undefined;
    let value: Json | undefined = slot.value;
    for (let depth = 1; depth <= below.length; depth++) {
      const parent: Json | undefined = value;
      value = memberOf(parent, below[depth - 1] as string);
      if (value === null && Array.isArray(parent)) return undefined;
      if (value === undefined || this.#isExpired(slot, below.slice(0, depth), time)) return undefined;
    }
    return value;
  }

  /** What the user sees at a path at a time; undefined: nothing is there, as for a condition. */
  seen(path: readonly string[], now: number): Json | undefined {
    const [key, ...below] = path as [string, ...string[]];
    const found = this.find(path, now);
    return found === undefined ? undefined : prune(found, below, this.slots.get(key)?.expiries ?? new Map(), now);
  }

  /** What the user sees at a time. */
  view(now: number): { [key: string]: Json } {
    const view: { [key: string]: Json } = {};
    for (const [key, slot] of this.slots) {
      const value = prune(slot.value, [], slot.expiries, now);
      if (value !== undefined) view[key] = value;
    }
    return view;
  }

  #isExpired(slot: NaiveSlot, below: string[], time: number): boolean {
    return (slot.expiries.get(JSON.stringify(below)) ?? Infinity) <= time;
  }

  #set(entry: Entry, leaf: Json, time: number): Result {
    const [key, ...below] = entry.path as [string, ...string[]];
    const old = this.slots.get(key);
    const isLive = old !== undefined && !this.#isExpired(old, [], time);
    const slot: NaiveSlot =
      isLive && below.length > 0 ? { ...old, expiries: new Map(old.expiries) } : { value: null, expiries: new Map() };
    for (let depth = 1; depth < below.length; depth++) {
      const prefix = below.slice(0, depth);
      if (!this.#isExpired(slot, prefix, time)) continue;
      slot.value = removeIn(slot.value, prefix);
      this.#dropExpiries(slot, prefix);
    }
    for (let depth = 0; depth < below.length; depth++) {
      const array = below.slice(0, depth).reduce(memberOf, slot.value as Json | undefined);
      if (!Array.isArray(array) || isIndex(below[depth] as string)) continue;
      for (const index of array.keys()) {
        const element = [...below.slice(0, depth), String(index)];
        if (!this.#isExpired(slot, element, time)) continue;
        slot.value = removeIn(slot.value, element);
        this.#dropExpiries(slot, element);
      }
    }
    try {
      slot.value = setIn(slot.value, below, leaf, areKeySteps(entry.kinds, entry.path.length).slice(1));
    } catch (error) {
      if (error instanceof TooFar) return "too far";
      throw error;
    }
    this.#dropExpiries(slot, below);
    if (entry.expiresAt !== 0) slot.expiries.set(JSON.stringify(below), entry.expiresAt);
    this.slots.set(key, slot);
    return "applied";
  }

  /** A hit has no effect while it is pending, and then it has the stamp of what is pending. */
  #limit(entry: Entry, found: Json | undefined, time: number, stamp: number): Result {
    if (stamp > Number.MAX_SAFE_INTEGER) return "unmet";
    if (found !== undefined && typeof found !== "number") return "no number";
    const [key, ...below] = entry.path as [string, ...string[]];
    const expiresAt = found === undefined ? 0 : (this.slots.get(key)?.expiries.get(JSON.stringify(below)) ?? 0);
    const { hit, number } = naiveHit(entry.json, entry.amount, found, expiresAt, time);
    if (!hit.isCounted) return hit;
    const result = this.#set({ ...entry, expiresAt: hit.expiresAt }, number, time);
    return result === "applied" ? hit : result;
  }

  #swap(entry: Entry, found: Json | undefined, time: number): Result {
    const [key, ...below] = entry.path as [string, ...string[]];
    const { from, to } = JSON.parse(entry.json) as Swap;
    const expiries = this.slots.get(key)?.expiries ?? new Map<string, number>();
    const seen = found === undefined ? undefined : prune(found, below, expiries, time);
    if (!isDeepStrictEqual(seen, from)) return "unmet";
    const kept = found === undefined ? undefined : expiries.get(JSON.stringify(below));
    const expiresAt = entry.expiresAt === KEEP ? (kept ?? 0) : entry.expiresAt;
    return this.#set({ ...entry, expiresAt }, to as Json, time);
  }

  #patch(entry: Entry, slot: NaiveSlot, below: string[], found: Json, time: number): boolean {
    if (typeof found !== "object" || found === null || Array.isArray(found)) return false;
    const { set = {}, remove = [], match = {} } = JSON.parse(entry.json) as Patch;
    const seen = prune(found, below, slot.expiries, time) as { [key: string]: Json };
    for (const [field, value] of Object.entries(match)) {
      if (!Object.hasOwn(seen, field) || !isDeepStrictEqual(seen[field], value)) return false;
    }
    for (const field of remove) slot.value = removeIn(slot.value, [...below, field]);
    for (const [field, value] of Object.entries(set)) slot.value = setIn(slot.value, [...below, field], value as Json);
    for (const field of [...remove, ...Object.keys(set)]) this.#dropExpiries(slot, [...below, field]);
    if (entry.expiresAt !== KEEP) slot.expiries.delete(JSON.stringify(below));
    if (entry.expiresAt > 0) slot.expiries.set(JSON.stringify(below), entry.expiresAt);
    return true;
  }

  #dropExpiries(slot: NaiveSlot, below: string[]): void {
    for (const key of [...slot.expiries.keys()]) if (isBelow(JSON.parse(key), below)) slot.expiries.delete(key);
  }
}
