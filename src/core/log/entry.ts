/**
 * The entries of the log: one operation on one path, as it is sent, stored and applied.
 *
 * Invariants: every entry but `CLEAR` has a path of at least one key; `expiresAt` is `NEVER`, a time in ms since 1970 that
 * the origin computed, so that all members agree on it, or `KEEP` (`PATCH` and `SWAP` only).
 *
 * `json` is not parsed before the value is read. So it may be any text: as a value,
 * one that is no JSON is `null`; as a patch or a swap, one that is none has no effect.
 */
import { BY_TEXT, type StepKinds } from "./step-kinds.js";

/** A path as an array of keys; the first one is the top-level key. */
export type Path = readonly string[];

/**
 * What an entry does. `SLOT` stands in snapshots only: a whole slot. `LEFT` and `LEVEL` come from hubs only. `LEFT`: a member, which its path
 * names, has left, and what it had claimed ends at this place, see `claims.ts`. `LEVEL`: the log has the level that its path names from here on.
 */
export const SET = 1;
export const DELETE = 2;
export const EXPIRE = 3;
export const ADD = 4;
export const CLEAR = 5;
export const SLOT = 6;
export const PATCH = 7;
export const LEFT = 8;
export const LIMIT = 9;
export const SWAP = 12;
/** A message: it changes no state, and its path is the channel. */
export const PUBLISH = 13;
export const LEVEL = 15;
export type EntryType = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 12 | 13 | 15;

/** When a `SET` takes effect. `IF_ABSENT`: when nothing is at its path, at its place in the log. */
export const ALWAYS = 0;
export const IF_ABSENT = 1;
export type Condition = 0 | 1;

/** `expiresAt` of what never expires. */
export const NEVER = 0;

/**
 * When something expires that begins at `time` and lasts for `ms`. A clock of whole ms may be up to one late, and a timer of Node.js may
 * fire up to one early; so the last ms is left out, and a timer of the same length finds it over.
 */
export function endAfter(ms: number, time: number): number {
  return time + Math.max(1, Math.ceil(ms) - 1);
}

/** `expiresAt` of a `PATCH` or a `SWAP` that leaves the expiry of what is there as it is. */
export const KEEP = -1;

/** What the JSON text of a `PATCH` says about the fields of an object; parts that are empty are left out. */
export interface Patch {
  /** The new values. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** The fields that are removed. */
  readonly remove?: readonly string[];
  /** What fields must be before, or nothing is changed. */
  readonly match?: Readonly<Record<string, unknown>>;
  /** A new value that is set after all others: the stamp, once the place of the entry is known. */
  readonly stamp?: Readonly<Record<string, number>>;
}

/** What the JSON text of a `SWAP` says: it stores one value where another one is. */
export interface Swap {
  /** What must be there before, or nothing is changed; without it, nothing may be there. */
  readonly from?: unknown;
  readonly to: unknown;
}

/** One operation; all entries have the same shape, so that the code that applies them stays fast. */
export interface Entry {
  readonly type: EntryType;
  readonly path: Path;
  /** `SET`, `ADD`, `LIMIT`, `SWAP`: what the steps of the path are where containers have to be made; otherwise `BY_TEXT`. */
  readonly kinds: StepKinds;
  /** `SET`, `SLOT`, `PUBLISH`: the JSON text of the value; `PATCH`: that of a {@link Patch}; `SWAP`: of a {@link Swap}; `LIMIT`: that of its rule, see `limit-rule.ts`; otherwise empty. */
  readonly json: string;
  /** `SET`, `SLOT`, `EXPIRE`, `PATCH`, `SWAP`, `PUBLISH`: the expiry; `ADD`: the expiry if the number is created. */
  readonly expiresAt: number;
  /** `SET` only; otherwise `ALWAYS`. */
  readonly condition: Condition;
  /** `ADD`, `LIMIT`: the amount; otherwise 0. */
  readonly amount: number;
  /** `SET`, `PATCH`: the field of the object that gets the place of this entry in the log, see `stamps.ts`; otherwise empty. */
  readonly stamp: string;
}

/** Creates an entry that stores the value of a JSON text. */
export function setEntry(
  path: Path,
  json: string,
  expiresAt: number = NEVER,
  condition: Condition = ALWAYS,
  kinds: StepKinds = BY_TEXT,
  stamp = "",
): Entry {
  return { type: SET, path, kinds, json, expiresAt, condition, amount: 0, stamp };
}

/** Creates an entry that removes what is at a path. */
export function deleteEntry(path: Path): Entry {
  return { type: DELETE, path, kinds: BY_TEXT, json: "", expiresAt: NEVER, condition: ALWAYS, amount: 0, stamp: "" };
}

/** Creates an entry that sets or clears the expiry of what is at a path, if anything is. */
export function expireEntry(path: Path, expiresAt: number): Entry {
  return { type: EXPIRE, path, kinds: BY_TEXT, json: "", expiresAt, condition: ALWAYS, amount: 0, stamp: "" };
}

/** Creates an entry that adds to the number at a path, or creates it as 0 plus the amount. */
export function addEntry(path: Path, amount: number, expiresAt: number = NEVER, kinds: StepKinds = BY_TEXT): Entry {
  return { type: ADD, path, kinds, json: "", expiresAt, condition: ALWAYS, amount, stamp: "" };
}

/** Creates an entry that changes fields of the object at a path, if one is there; `json` is the text of a {@link Patch}. */
export function patchEntry(path: Path, json: string, expiresAt: number = KEEP, stamp = ""): Entry {
  return { type: PATCH, path, kinds: BY_TEXT, json, expiresAt, condition: ALWAYS, amount: 0, stamp };
}

/** Creates an entry that counts a hit of an amount; `json` is the text of its rule. */
export function limitEntry(path: Path, json: string, amount: number, kinds: StepKinds = BY_TEXT): Entry {
  return { type: LIMIT, path, kinds, json, expiresAt: NEVER, condition: ALWAYS, amount, stamp: "" };
}

/** Creates an entry that stores a value if another one, or none, is there; `json` is the text of a {@link Swap}. */
export function swapEntry(path: Path, json: string, expiresAt: number = KEEP, kinds: StepKinds = BY_TEXT): Entry {
  return { type: SWAP, path, kinds, json, expiresAt, condition: ALWAYS, amount: 0, stamp: "" };
}

/** Creates an entry that tells something to the members that receive it by `expiresAt`, and changes nothing. */
export function publishEntry(channel: string, json: string, expiresAt: number): Entry {
  return {
    type: PUBLISH,
    path: [channel],
    kinds: BY_TEXT,
    json,
    expiresAt,
    condition: ALWAYS,
    amount: 0,
    stamp: "",
  };
}

/** Creates an entry that removes everything. */
export function clearEntry(): Entry {
  return { type: CLEAR, path: [], kinds: BY_TEXT, json: "", expiresAt: NEVER, condition: ALWAYS, amount: 0, stamp: "" };
}

/** Creates an entry that notes that a member has left. */
export function leftEntry(member: string): Entry {
  return hubEntry(LEFT, member);
}

/** Creates an entry that gives the log another level. */
export function levelEntry(level: number): Entry {
  return hubEntry(LEVEL, String(level));
}

function hubEntry(type: typeof LEFT | typeof LEVEL, name: string): Entry {
  return { type, path: [name], kinds: BY_TEXT, json: "", expiresAt: NEVER, condition: ALWAYS, amount: 0, stamp: "" };
}

/** The level that entries of a hub give the log; 0: none. */
export function levelGiven(entries: readonly Entry[]): number {
  const raising = entries.find(({ type }) => type === LEVEL);
  return raising === undefined ? 0 : Number(raising.path[0]);
}

/** Whether an entry is a hub's own, and changes no slot. */
export function isOfHub({ type }: Entry): boolean {
  return type === LEFT || type === LEVEL;
}

/** Creates an entry of a snapshot: a whole slot as it was. */
export function slotEntry(key: string, json: string, expiresAt: number): Entry {
  return { type: SLOT, path: [key], kinds: BY_TEXT, json, expiresAt, condition: ALWAYS, amount: 0, stamp: "" };
}

/** Ordered entries of one member, applied all or none. */
export interface Batch {
  /** Place in the log: 1, 2, 3, ... without gaps; 0 before the hub has ordered it. */
  readonly seq: number;
  /** When the hub ordered it, in ms since 1970; never falls within a log. */
  readonly time: number;
  /** The member that wrote it: 52 random bits; 0 for the empty batches by which a hub lets log time move on. */
  readonly origin: number;
  /** Log time at which that origin came to be, in ms since 1970. */
  readonly born: number;
  /** 1, 2, 3, ... per origin, without gaps. */
  readonly number: number;
  readonly entries: readonly Entry[];
}
