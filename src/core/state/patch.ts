/**
 * Changes of several fields of one object at once, and how they are taken back. They cost the depth of the path, the
 * fields that are named, and, when the object has been read, a copy of that one level.
 */
import { type Entry, KEEP, type Patch, type Path } from "../log/entry.js";
import { openAt, presentAt } from "./edit.js";
import type { Expiry } from "./expiry.js";
import { Slot } from "./slot.js";
import { type Container, isContainer, memberOf, putMember, readJson } from "./tree.js";

/** What a field was before: undefined when it was not there, unread if it had not been read. */
interface Field {
  readonly key: string;
  readonly value: unknown;
  readonly expiry: Expiry | null;
}

/** What takes a patch back. Only what it changed: members of the object that are shared with a copy could be changed there. */
export class Patched {
  readonly #fields: readonly Field[];
  /** The expiry that the object had, or `KEEP`. */
  readonly #at: number;

  constructor(fields: readonly Field[], at: number) {
    this.#fields = fields;
    this.#at = at;
  }

  /** All later changes in the slot have been taken back. */
  takeBack(slot: Slot, path: Path): void {
    exchangeFields(slot, path, this.#fields.toReversed());
    if (this.#at !== KEEP) slot.setExpiry(path, this.#at);
  }
}

/**
 * Does what a `PATCH` says in a slot that is live at `time`.
 * @returns What takes it back; undefined, and nothing is changed, when no object is there, it does not match, or the text
 *   of the entry is no patch.
 */
export function patch(slot: Slot, entry: Entry, time: number): Patched | undefined {
  const { path, expiresAt } = entry;
  const object = presentAt(slot, path, time);
  if (!isObject(object)) return undefined;
  const said = readJson(entry.json);
  if (!isPatch(said)) return undefined;
  const { set = {}, remove = [], match = {}, stamp = {} } = said;
  if (!hasFields(object, slot.expiries?.find(path, path.length), match, time)) return undefined;
  const changes: Field[] = remove.map((key) => ({ key, value: undefined, expiry: null }));
  for (const key of Object.keys(set)) changes.push({ key, value: set[key], expiry: null });
  for (const key of Object.keys(stamp)) changes.push({ key, value: stamp[key], expiry: null });
  const fields = exchangeFields(slot, path, changes);
  return new Patched(fields, expiresAt === KEEP ? KEEP : slot.setExpiry(path, expiresAt));
}

/**
 * What a patch that asks for nothing else makes of single fields of its object: their contents, null where there are none then.
 * Undefined when it depends on what fields are, changes an expiry, or has no effect.
 */
export function fieldsOf(entry: Entry): ReadonlyMap<string, Slot | null> | undefined {
  if (entry.expiresAt !== KEEP) return undefined;
  const said = readJson(entry.json);
  if (!isPatch(said) || Object.keys(said.match ?? {}).length > 0) return undefined;
  const fields = new Map<string, Slot | null>();
  for (const field of said.remove ?? []) fields.set(field, null);
  for (const [field, value] of Object.entries(said.set ?? {})) fields.set(field, Slot.of(value, null));
  for (const [field, value] of Object.entries(said.stamp ?? {})) fields.set(field, Slot.of(value, null));
  return fields.size > 0 ? fields : undefined;
}

function isObject(value: unknown): value is Container {
  return isContainer(value) && !Array.isArray(value);
}

function isPatch(value: unknown): value is Patch {
  if (!isObject(value)) return false;
  const { set = {}, remove = [], match = {}, stamp = {} } = value;
  if (!isObject(set) || !isObject(match) || !isObject(stamp)) return false;
  return Array.isArray(remove) && remove.every((key) => typeof key === "string");
}

/** Puts fields, with the expiries in them, into the object at a path; returns what was there. */
function exchangeFields(slot: Slot, path: Path, fields: readonly Field[]): Field[] {
  if (fields.length === 0) return [];
  const object = openAt(slot, path, path.length);
  return fields.map(({ key, value, expiry }) => {
    const before = Object.hasOwn(object, key) ? object[key] : undefined;
    if (value === undefined) delete object[key];
    else putMember(object, key, value);
    return { key, value: before, expiry: slot.replaceExpiry([...path, key], path.length + 1, expiry) };
  });
}

/** Whether an object shows all of `expected`, and perhaps more, at `time`. */
function hasFields(object: Container, expiry: Expiry | undefined, expected: Container, time: number): boolean {
  return Object.keys(expected).every((key) => {
    const child = expiry?.children?.get(key);
    return !child?.isPassed(time) && shows(memberOf(object, key), child, expected[key], time);
  });
}

/**
 * Whether a value shows exactly `expected` at `time`, in any order of keys. What is expired in it counts as swept, whether or
 * not it was: absent in an object, null in an array.
 */
export function shows(value: unknown, expiry: Expiry | undefined, expected: unknown, time: number): boolean {
  if (!isContainer(value) || !isContainer(expected)) return value === expected;
  if (Array.isArray(value)) {
    if (!Array.isArray(expected) || value.length !== expected.length) return false;
    return expected.every((element, index) => {
      const child = expiry?.children?.get(String(index));
      return child?.isPassed(time) ? element === null : shows(memberOf(value, String(index)), child, element, time);
    });
  }
  if (Array.isArray(expected) || !hasFields(value, expiry, expected, time)) return false;
  const isLive = (key: string) => !expiry?.children?.get(key)?.isPassed(time);
  return Object.keys(value).filter(isLive).length === Object.keys(expected).length;
}
