/**
 * A slot as the entries of a snapshot, and back.
 */

import { type Entry, EXPIRE, expireEntry, NEVER, type Path, SET, setEntry, slotEntry } from "../log/entry.js";
import { MAX_DEPTH, MAX_KEY_BYTES } from "../log/limits.js";
import { MalformedError } from "../log/malformed.js";
import { write } from "./edit.js";
import { Expiry } from "./expiry.js";
import { type Held, Slot } from "./slot.js";
import { type Container, isContainer, Unread, unread, weigh } from "./tree.js";

/** About the longest JSON text that is made in one piece. Longer ones are cut into entries for their members. */
const MAX_PIECE_CHARS = 4 * 1024 * 1024;

/** One `SLOT` entry, `SET` entries for what is too long for one piece, and `EXPIRE` entries for what is below. */
export function* contentsOf(key: string, slot: Held): Generator<Entry> {
  if (typeof slot === "string") {
    yield slotEntry(key, slot, NEVER);
    return;
  }
  const expiresAt = slot.expiries?.at ?? NEVER;
  const text = slot.text;
  if (text !== undefined) yield slotEntry(key, text, expiresAt);
  else {
    const pieces = piecesOf([key], slot.value);
    yield slotEntry(key, (pieces.next().value as Piece).json, expiresAt);
    for (const piece of pieces) yield setEntry(piece.path, piece.json);
  }
  if (slot.expiries) for (const [path, at] of slot.expiries.list([key])) yield expireEntry(path, at);
}

interface Piece {
  readonly path: Path;
  readonly json: string;
}

/** The first piece is that of the value itself: all of it, or an empty container that the following ones fill. */
function* piecesOf(path: Path, value: unknown): Generator<Piece, undefined> {
  if (value instanceof Unread) {
    yield { path, json: value.json };
    return;
  }
  if (!isContainer(value) || weigh(value, MAX_PIECE_CHARS) <= MAX_PIECE_CHARS || !isDivisible(path, value)) {
    yield { path, json: JSON.stringify(value) };
    return;
  }
  yield { path, json: Array.isArray(value) ? "[]" : "{}" };
  for (const key of Object.keys(value)) yield* piecesOf([...path, key], value[key]);
}

/** Whether each member can be named by a path. */
function isDivisible(path: Path, value: Container): boolean {
  return path.length < MAX_DEPTH && !Object.keys(value).some((key) => key.length * 3 > MAX_KEY_BYTES);
}

/** The slot of a `SLOT` entry. */
export function slotOf(entry: Entry): Held {
  return entry.expiresAt === NEVER ? entry.json : new Slot(entry.json, new Expiry(entry.expiresAt));
}

/**
 * Applies another entry of a snapshot to the slot that it names. Nothing counts as expired.
 * @throws MalformedError when the entry is neither a `SET` nor an `EXPIRE`.
 */
export function restoreEntry(slot: Slot, entry: Entry): void {
  if (entry.type === EXPIRE) {
    slot.setExpiry(entry.path, entry.expiresAt);
    return;
  }
  if (entry.type !== SET) throw new MalformedError(`expected an entry of a snapshot, got one of type ${entry.type}`);
  write(slot, entry, unread(entry.json), -Infinity, Infinity);
}
