/**
 * Changes below the top level of a slot, and how they are taken back. Every change costs the depth of its path.
 */
import { type Entry, NEVER, type Path } from "../log/entry.js";
import { isKeyStep } from "../log/step-kinds.js";
import { Expiry } from "./expiry.js";
import { Slot } from "./slot.js";
import {
  type Container,
  copyOf,
  freeze,
  isContainer,
  isFrozen,
  isIndex,
  memberOf,
  objectOf,
  presentMemberOf,
  propertyOf,
  putMember,
} from "./tree.js";

/**
 * What takes one change back: `child` is the value that was at the first `depth` keys of the path (undefined: there was
 * none), `expiry` holds the expiries that were at the first `expiryDepth` keys (0: they were not changed). If `length` is not
 * -1, the array that holds the value had that many elements.
 */
export class Edit {
  readonly depth: number;
  readonly child: unknown;
  readonly length: number;
  readonly expiryDepth: number;
  readonly expiry: Expiry | null;

  constructor(depth: number, child: unknown, length: number, expiryDepth: number, expiry: Expiry | null) {
    this.depth = depth;
    this.child = child;
    this.length = length;
    this.expiryDepth = expiryDepth;
    this.expiry = expiry;
  }
}

/** What takes back a change of the expiry at a path. */
export class Touch {
  readonly at: number;

  constructor(at: number) {
    this.at = at;
  }
}

/** What a live slot has at `path` at `time`; undefined when it has nothing there. A `null` element of an array is nothing. */
export function presentAt(slot: Slot, path: Path, time: number): unknown {
  let value = slot.value;
  let expiry = slot.next <= time ? slot.expiries : null;
  for (let depth = 1; depth < path.length; depth++) {
    if (!isContainer(value)) return undefined;
    value = presentMemberOf(value, path[depth] as string);
    expiry = expiry?.children?.get(path[depth] as string) ?? null;
    if (value === undefined || expiry?.isPassed(time)) return undefined;
  }
  return value;
}

/**
 * How long the containers of the member at the first `depth` keys of `path` live, in ms since 1970, whether or not that member
 * is there: `Infinity` when none of them expires; 0 when one of them is expired at `time`, missing, or no object.
 */
export function containersUntil(slot: Slot, path: Path, depth: number, time: number): number {
  let value = slot.value;
  let expiry = slot.expiries;
  let until = Infinity;
  for (let index = 1; index < depth; index++) {
    if (expiry !== null && expiry.at !== NEVER) until = Math.min(until, expiry.at);
    if (until <= time || !isContainer(value) || Array.isArray(value)) return 0;
    if (index === depth - 1) break;
    expiry = expiry?.children?.get(path[index] as string) ?? null;
    value = memberOf(value, path[index] as string);
  }
  return until;
}

/** Puts contents, or nothing (null), in place of those at a path below an object that exists; returns those. */
export function exchangeContents(slot: Slot, path: Path, contents: Slot | null): Slot | null {
  const member = rawAt(slot, path, path.length);
  putAt(slot, path, path.length, contents === null ? undefined : contents.member);
  const expiries = slot.replaceExpiry(path, path.length, contents === null ? null : contents.expiries);
  return member === undefined ? null : Slot.ofMember(member, expiries);
}

/** What lodash's `get` finds at `path` in a live slot at `now`: a container frozen, and without what is expired in it. */
export function visibleAt(slot: Slot, path: Path, now: number): unknown {
  let value = path.length === 1 ? slot.frozen : slot.value;
  let expiry = slot.next <= now ? slot.expiries : null;
  for (let depth = 1; depth < path.length; depth++) {
    value = propertyOf(value, path[depth] as string);
    if (value === undefined) return undefined;
    if (expiry === null) continue;
    expiry = expiry.children?.get(path[depth] as string) ?? null;
    if (expiry?.isPassed(now)) return undefined;
  }
  if (!isContainer(value)) return value;
  freeze(value);
  return expiry !== null && expiry.next <= now ? expiry.viewOf(value, now) : value;
}

/** What lodash's `has` says of `path` in a live slot at `now`, except that a `null` element of an array is absent. */
export function hasAt(slot: Slot, path: Path, now: number): boolean {
  if (presentAt(slot, path, now) !== undefined) return true;
  const key = path[path.length - 1] as string;
  if (key !== "length" && !isIndex(key)) return false;
  const value = visibleAt(slot, path, now);
  return key === "length" ? value !== undefined : typeof value === "string";
}

/** Where a write to a path changes the value: at its first `depth` keys. The value that is there may be expired. */
interface Spot {
  readonly depth: number;
  readonly isExpired: boolean;
}

function spotOf(slot: Slot, path: Path, time: number): Spot {
  let value = slot.value;
  let expiry = slot.next <= time ? slot.expiries : null;
  for (let depth = 1; depth < path.length; depth++) {
    const key = path[depth] as string;
    if (!isContainer(value) || (Array.isArray(value) && !isIndex(key))) return { depth, isExpired: false };
    expiry = expiry?.children?.get(key) ?? null;
    if (expiry?.isPassed(time)) return { depth: depth + 1, isExpired: true };
    value = memberOf(value, key);
    if (value === undefined) return { depth: depth + 1, isExpired: false };
  }
  return { depth: path.length, isExpired: false };
}

/**
 * Whether a container that has to be made for the step at `depth` of an entry's path is an array. A number that no array may have as
 * an index is a key, such as the id of a record.
 */
function makesArray({ path, kinds }: Entry, depth: number, maxLength: number): boolean {
  const key = path[depth] as string;
  return isIndex(key) && Number(key) < maxLength && !isKeyStep(kinds, depth);
}

/**
 * Puts containers around a value for the keys of an entry's path from `depth` on.
 * @param maxLength How many elements an array may have.
 */
export function wrap(entry: Entry, depth: number, leaf: unknown, maxLength: number): unknown {
  let value = leaf;
  for (let index = entry.path.length - 1; index >= depth; index--) {
    const key = entry.path[index] as string;
    const container: unknown = makesArray(entry, index, maxLength) ? new Array(Number(key) + 1).fill(null) : {};
    putMember(container as Container, key, value);
    value = container;
  }
  return value;
}

/** The unfrozen container at the first `depth` keys of `path`; frozen ones on the way are copied. */
export function openAt(slot: Slot, path: Path, depth: number): Container {
  let container = slot.value as Container;
  if (isFrozen(container)) container = copyOf(container);
  slot.value = container;
  for (let index = 1; index < depth; index++) {
    const key = path[index] as string;
    let child = memberOf(container, key) as Container;
    if (isFrozen(child)) {
      child = copyOf(child);
      putMember(container, key, child);
    }
    container = child;
  }
  return container;
}

/** Puts a value at the first `depth` keys of `path`, into a container that exists. Returns the old length of an array that grew, else -1. */
function putAt(slot: Slot, path: Path, depth: number, value: unknown): number {
  if (depth === 1) {
    slot.value = value;
    return -1;
  }
  const key = path[depth - 1] as string;
  const container = openAt(slot, path, depth - 1);
  if (!Array.isArray(container)) {
    if (value === undefined) delete container[key];
    else putMember(container, key, value);
    return -1;
  }
  const length = container.length;
  const index = Number(key);
  while (container.length < index) container.push(null);
  container[index] = value ?? null;
  return index < length ? -1 : length;
}

/** The value at the first `depth` keys of `path`, whose containers exist. A value that is unread stays unread. */
function rawAt(slot: Slot, path: Path, depth: number): unknown {
  let value = slot.value as Container;
  if (depth === 1) return value;
  for (let index = 1; index < depth - 1; index++) value = memberOf(value, path[index] as string) as Container;
  const key = path[depth - 1] as string;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/**
 * Stores a value at the path of an entry, of at least two keys, in a slot that is live at `time`, with the expiry of the entry;
 * clears the other expiries there and below.
 * @returns What takes it back; undefined, and nothing is changed, when an array would be longer than `maxLength`.
 */
export function write(slot: Slot, entry: Entry, leaf: unknown, time: number, maxLength: number): Edit | undefined {
  const { path, expiresAt } = entry;
  const { depth, isExpired } = spotOf(slot, path, time);
  const child = rawAt(slot, path, depth);
  const isConverted = !isExpired && depth < path.length && Array.isArray(child);
  if (!isConverted && child === undefined && isBehind(slot, path, depth, maxLength)) return undefined;
  const value = wrap(entry, isConverted ? depth + 1 : depth, leaf, maxLength);
  if (isConverted) return convert(slot, path, depth, value, expiresAt, time);
  if (isExpired) putAt(slot, path, depth, undefined);
  const length = putAt(slot, path, depth, value);
  const expiryDepth = isExpired ? depth : path.length;
  const subtree = expiresAt === NEVER ? null : Expiry.chain(path, expiryDepth, expiresAt);
  return new Edit(depth, child, length, expiryDepth, slot.replaceExpiry(path, expiryDepth, subtree));
}

/**
 * Turns the array at the first `depth` keys of `path` into an object that has `value` under the next key. An expired element
 * becomes `null`, as if it had been swept: a sweep must not change the result.
 */
function convert(slot: Slot, path: Path, depth: number, value: unknown, expiresAt: number, time: number): Edit {
  const array = rawAt(slot, path, depth) as Container;
  const object = objectOf(array);
  putMember(object, path[depth] as string, value);
  const subtree = new Expiry();
  const expiredKeys = subtree.takeLiving(slot.expiries?.find(path, depth), time);
  for (const key of expiredKeys) putMember(object, key, null);
  if (expiresAt !== NEVER) subtree.replace(path, depth + 1, Expiry.chain(path, depth + 1, expiresAt), depth);
  putAt(slot, path, depth, object);
  return new Edit(depth, array, -1, depth, slot.replaceExpiry(path, depth, subtree.isEmpty ? null : subtree));
}

/** Whether the last of `depth` keys names an absent member of an array that may not grow so far. */
function isBehind(slot: Slot, path: Path, depth: number, maxLength: number): boolean {
  if (depth === 1 || !(Number(path[depth - 1]) >= maxLength)) return false;
  return Array.isArray(rawAt(slot, path, depth - 1));
}

/** Stores a value in place of the one that is at `path`, whose expiry stays. */
export function exchange(slot: Slot, path: Path, value: unknown): Edit {
  const child = rawAt(slot, path, path.length);
  putAt(slot, path, path.length, value);
  return new Edit(path.length, child, -1, 0, null);
}

/** Removes what is at a path of at least two keys; an element of an array becomes `null`. */
export function remove(slot: Slot, path: Path): Edit {
  const child = rawAt(slot, path, path.length);
  putAt(slot, path, path.length, undefined);
  return new Edit(path.length, child, -1, path.length, slot.replaceExpiry(path, path.length, null));
}

/** Sets or clears the expiry of what is at a path. */
export function touch(slot: Slot, path: Path, expiresAt: number): Touch {
  return new Touch(slot.setExpiry(path, expiresAt));
}

/** Takes a change back; all later ones in the slot have been taken back. */
export function takeBack(slot: Slot, path: Path, change: Edit | Touch): void {
  if (change instanceof Touch) slot.setExpiry(path, change.at);
  else {
    if (change.length >= 0) openAt(slot, path, change.depth - 1).length = change.length;
    else putAt(slot, path, change.depth, change.child);
    if (change.expiryDepth > 0) slot.replaceExpiry(path, change.expiryDepth, change.expiry);
  }
}
