/** The files of version 1: `{"data": {...}, "lives": {"<lodash path>": <ms since 1970>}}`. */
import toPath from "lodash/toPath.js";
import { deleteEntry, type Entry, expireEntry, type Path, setEntry } from "../../log/entry.js";
import { formatError } from "../disk/file-errors.js";

const PROTOTYPE_KEY = "__proto__";

/**
 * The entries that build the state of a file of version 1, without what has expired.
 * @param path Where the file is, for messages.
 * @param now ms since 1970.
 * @throws StorageError `ERR_STORAGE_FORMAT` when it is no such file.
 */
export function entriesOfVersion1(path: string, text: string, now: number): Entry[] {
  const { data, lives } = parse(path, text);
  const entries = Object.keys(data).map((key) => setEntry([key], JSON.stringify(data[key])));
  for (const [place, expiresAt] of Object.entries(lives)) {
    if (typeof expiresAt !== "number")
      throw formatError(path, `expected an expiry in ms at ${place}, got ${expiresAt}`);
    const keys = keysOf(data, place);
    if (expiresAt === 0 || keys.includes(PROTOTYPE_KEY, 1)) continue;
    entries.push(expiresAt <= now ? deleteEntry(keys) : expireEntry(keys, expiresAt));
  }
  return entries;
}

/** As lodash reads a path: a key that equals all of it wins. */
function keysOf(data: object, place: string): Path {
  return Object.hasOwn(data, place) || place === "" ? [place] : toPath(place);
}

function parse(path: string, text: string): { data: Record<string, unknown>; lives: Record<string, unknown> } {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw formatError(path, "expected a snapshot or a file of version 1, got something else", { cause });
  }
  const { data, lives = {} } = (content ?? {}) as { data?: unknown; lives?: unknown };
  if (!isObject(data) || !isObject(lives)) {
    throw formatError(path, 'expected a snapshot or a file of version 1 with "data" and "lives", got other JSON');
  }
  return { data, lives };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
