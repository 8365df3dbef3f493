/**
 * Stamps: an entry may ask that a field of its value gets the place of the entry in the log, which its member cannot know when it
 * encodes it. So of two values of any keys and members, the field says which was written later.
 *
 * A stamp is one number, `seq * 4096 + index`, where `index` counts the entries of the batch: it rises through the whole log, and is a
 * safe integer up to batch 2^41 - 1. While a write is pending it has a larger one than everything in the log, so it counts as the
 * latest; the pending writes of one member are in the order in which they were made. The log replaces it.
 */
import { type Entry, PATCH } from "./entry.js";

/** Only so many entries of a batch, the first ones, may have a stamp. */
export const MAX_STAMPED_COUNT = 4096;

/** No stamp of a place in the log is larger. */
const MAX_PLACED = Number.MAX_SAFE_INTEGER;

/** The stamp of a place in the log. */
export function stampAt(seq: number, index: number): number {
  return seq * MAX_STAMPED_COUNT + index;
}

/** The stamp of the `count`-th pending write of a member that has one: above 2^53 every second integer is a number. */
export function pendingStamp(count: number): number {
  return MAX_PLACED + 1 + 2 * count;
}

/** Whether a stamp is that of a place in the log. */
export function isPlaced(stamp: number): boolean {
  return stamp <= MAX_PLACED;
}

/**
 * The entry as it is executed with a stamp: one that asks for none. What asks for none already stays as it is. A value that is no
 * object gets no stamp.
 */
export function withStamp(entry: Entry, stamp: number): Entry {
  if (entry.stamp === "") return entry;
  const member = `${JSON.stringify(entry.stamp)}:${stamp}`;
  return { ...entry, stamp: "", json: withMember(entry.json, entry.type === PATCH ? `"stamp":{${member}}` : member) };
}

/** The entries of a batch of the log as they are executed. */
export function atPlace(entries: readonly Entry[], seq: number): readonly Entry[] {
  if (!entries.some(({ stamp }) => stamp !== "")) return entries;
  return entries.map((entry, index) => withStamp(entry, stampAt(seq, index)));
}

/** The JSON text of an object with one more member, its last one, which counts if there is another one with its name. */
function withMember(json: string, member: string): string {
  if (!json.startsWith("{") || !json.endsWith("}")) return json;
  const isEmpty = /^\{\s*\}$/.test(json);
  return `${json.slice(0, -1)}${isEmpty ? "" : ","}${member}}`;
}
