/** The ways to damage a file. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

/** Each with how often it is taken. */
export const WAYS = { flip: 4, zero: 2, swap: 2, truncate: 2, duplicate: 1, remove: 2 };
export type Way = keyof typeof WAYS;

/** Most bytes that are zeroed or swapped at once. */
const MAX_BYTES = 600;

/** Writes a file in place: processes that have it open see it. Only bytes that differ are written. */
export function rewrite(path: string, content: Buffer): void {
  const before = readFileSync(path);
  const file = openSync(path, "r+");
  const most = Math.min(before.length, content.length);
  let from = 0;
  while (from < most && before[from] === content[from]) from++;
  writeSync(file, content, from, content.length - from, from);
  ftruncateSync(file, content.length);
  closeSync(file);
}

/** @param first Where it is damaged: from 0 to below 1. @param second What swaps places with it, and how much of it. */
export function damaged(content: Buffer, way: Exclude<Way, "remove">, first: number, second: number): Buffer {
  const at = Math.floor(first * content.length);
  const copy = Buffer.from(content);
  const count = Math.min(1 + Math.floor(second * MAX_BYTES), content.length - at);
  switch (way) {
    case "flip":
      copy[at] = (copy[at] as number) ^ (1 << Math.floor(second * 8));
      return copy;
    case "zero":
      return copy.fill(0, at, at + count);
    case "truncate":
      return copy.subarray(0, at);
    case "duplicate":
      return Buffer.concat([copy, copy.subarray(at)]);
    default: {
      const other = Math.floor(second * (content.length - count));
      content.copy(copy, at, other, other + count);
      content.copy(copy, other, at, at + count);
      return copy;
    }
  }
}
