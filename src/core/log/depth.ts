import { MAX_DEPTH } from "./limits.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * How deep the containers of a JSON text are nested: 0 for a primitive, 1 for `[]`. A text too short to be nested deeper
 * than `limit` counts as 0, since every level takes two bytes: the check then costs nothing.
 * @param utf8 Holds the text from `start` to `end`.
 */
export function depthOf(utf8: Uint8Array, start: number, end: number, limit: number = MAX_DEPTH): number {
  if (end - start < 2 * (limit + 1)) return 0;
  let depth = 0;
  let deepest = 0;
  for (let at = start; at < end; at++) {
    const byte = utf8[at] as number;
    if (byte === QUOTE) at = endOfString(utf8, at, end);
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

/** The place of the quote that closes the string which begins at `at`. */
function endOfString(utf8: Uint8Array, at: number, end: number): number {
  for (let index = at + 1; index < end; index++) {
    const byte = utf8[index];
    if (byte === QUOTE) return index;
    if (byte === BACKSLASH) index++;
  }
  return end;
}
