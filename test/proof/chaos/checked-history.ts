/** A history of two members in which nothing is wrong, for the tests of the checker. */
import { addEntry, type Entry, IF_ABSENT, setEntry } from "../../../dist/core/log/entry.js";
import { check, type Evidence } from "./checker.js";
import { historyOf, type Line } from "./records.js";
import { textOf } from "./texts.js";
import type { Ordered } from "./witness.js";

export const T = 1_700_000_000_000;
const ORIGINS: Readonly<Record<string, number>> = { "1-a": 11, "2-b": 22 };

export const set = (path: string, tag: string, expiresAt = 0): Entry =>
  setEntry(path.split("."), JSON.stringify(tag), expiresAt);
export const add = (path: string, tag: string): Entry => setEntry([path], JSON.stringify(tag), 0, IF_ABSENT);

/** A log of batches: who wrote each, and what. */
export function logOf(...batches: readonly [label: string, ...entries: Entry[]][]): Ordered[] {
  const numbers = new Map<string, number>();
  return batches.map(([label, ...entries], index) => {
    const number = (numbers.get(label) ?? 0) + 1;
    numbers.set(label, number);
    const batch = { seq: index + 1, time: T + index, origin: ORIGINS[label] as number, born: T, number, entries };
    return { epoch: 1, batch };
  });
}

/** What two members do: `a` writes numbers 1 to 5, `b` 1 and 2. */
export const LOG = logOf(
  ["1-a", set("own-1-a", "1-a:1")],
  ["2-b", set("own-2-b", "2-b:1")],
  ["1-a", set("left0", "1-a:2"), set("right0", "1-a:2")],
  ["2-b", set("shared1", "2-b:2")],
  ["1-a", addEntry(["sum1"], 2), set("shared1", "1-a:5"), add("once1", "1-a:6")],
);
export const STATE = {
  "own-1-a": "1-a:1",
  "own-2-b": "2-b:1",
  left0: "1-a:2",
  right0: "1-a:2",
  shared1: "1-a:5",
  sum1: 2,
  once1: "1-a:6",
};
export const write = (at: number, ...entries: Entry[]): Line => ["write", at, entries.map(textOf)];
export const read = (at: number, ...seen: [string, string | null][]): Line => ["read", at, at, seen];

export const A: readonly Line[] = [
  write(10, set("own-1-a", "1-a:1")),
  read(11, ["own-1-a", "1-a:1"], ["shared1", null]),
  ["ack", 12, 1],
  write(30, set("left0", "1-a:2"), set("right0", "1-a:2")),
  ["ack", 33, 3],
  write(50, addEntry(["sum1"], 2), set("shared1", "1-a:5"), add("once1", "1-a:6")),
  read(51, ["shared1", "1-a:5"]),
  ["result", 4, 2],
  ["result", 6, true],
  ["ack", 55, 6],
];
export const B: readonly Line[] = [
  write(20, set("own-2-b", "2-b:1")),
  ["ack", 22, 1],
  read(31, ["own-1-a", "1-a:1"], ["left0", null], ["right0", null]),
  read(35, ["left0", "1-a:2"], ["right0", "1-a:2"], ["shared1", null]),
  write(40, set("shared1", "2-b:2")),
  ["ack", 42, 2],
  read(52, ["shared1", "2-b:2"]),
  ["sync", 56],
  read(60, ["shared1", "1-a:5"], ["left0", "1-a:2"]),
];

interface Changes extends Partial<Evidence> {
  readonly a?: readonly Line[];
  readonly b?: readonly Line[];
}

export function problemsOf({ a = A, b = B, ...changes }: Changes = {}): string {
  const histories = [historyOf("1-a", a), historyOf("2-b", b)];
  const states = [{ by: "1-a", time: T + 1000, state: STATE }];
  return check({ log: LOG, histories, snapshots: [], states, ...changes }).join("\n");
}
