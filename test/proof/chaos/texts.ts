/**
 * Writes as short texts: the member that writes makes one, the entry in the log gives another; the two must be equal.
 *
 * A value is text that begins with its tag, `<label>:<number>`: which write of which member made it.
 */
import {
  ADD,
  CLEAR,
  DELETE,
  type Entry,
  EXPIRE,
  IF_ABSENT,
  PATCH,
  type Patch,
  PUBLISH,
} from "../../../dist/core/log/entry.js";

export const tagFor = (label: string, number: number): string => `${label}:${number}`;

/** The tag of a value; null: nothing is there. */
export function tagOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return String(value).split(":", 2).join(":");
}

export const setText = (path: string, tag: string): string => `set ${path} ${tag}`;
export const addText = (path: string, tag: string): string => `add ${path} ${tag}`;
export const publishText = (channel: string, tag: string): string => `publish ${channel} ${tag}`;
export const deleteText = (path: string): string => `delete ${path}`;
export const touchText = (path: string): string => `touch ${path}`;
export const incrementText = (path: string, by: number): string => `increment ${path} ${by}`;
export const CLEAR_TEXT = "clear";

/** The fields that are set, then those that are removed, then those that must match. */
export function patchText(path: string, { set = {}, remove = [], match = {} }: Patch): string {
  const fields = Object.entries(set).map(([field, value]) => `${field}=${tagOf(value)}`);
  const matches = Object.entries(match).map(([field, value]) => `?${field}=${tagOf(value)}`);
  return ["patch", path, ...fields, ...remove.map((field) => `-${field}`), ...matches].join(" ");
}

/** What an entry of the log does. */
export function textOf({ type, path, json, condition, amount }: Entry): string {
  const joined = path.join(".");
  if (type === CLEAR) return CLEAR_TEXT;
  if (type === DELETE) return deleteText(joined);
  if (type === EXPIRE) return touchText(joined);
  if (type === ADD) return incrementText(joined, amount);
  if (type === PATCH) return patchText(joined, JSON.parse(json) as Patch);
  const tag = String(tagOf(JSON.parse(json)));
  if (type === PUBLISH) return publishText(joined, tag);
  return condition === IF_ABSENT ? addText(joined, tag) : setText(joined, tag);
}

/** How a write changes what is read at a path of its own; undefined: it changes none whose reads are checked. */
export interface Effect {
  /** null: every path. */
  readonly path: string | null;
  readonly tag: string | null;
}

/** Only what takes effect in whatever state: unconditional sets and deletes, and `clear`. */
export function effectOf(text: string): Effect | undefined {
  const [op, path = "", tag = ""] = text.split(" ");
  if (op === "clear") return { path: null, tag: null };
  if (op === "set") return { path, tag };
  return op === "delete" ? { path, tag: null } : undefined;
}
