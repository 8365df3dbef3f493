/**
 * Entries to bytes and back: the body of `BATCH` and `STATE` frames. Pure. `FORMAT.md` shows the layout.
 */
import { type Batch, type Entry, NEVER } from "./entry.js";
import { CONDITION_SHIFT, EXPIRY_FLAG, hasAmount, hasJson, STAMP_FLAG, typeBits } from "./entry-head.js";
import { EntryReader, UTF16_FLAG } from "./entry-reader.js";
import { BATCH, bornOf, HEADER_BYTES, numberOf, originOf, type Stamp, seqOf, timeOf, writeHeader } from "./frame.js";
import { MAX_DEPTH, MAX_KEY_BYTES } from "./limits.js";
import { writeCount } from "./step-kinds.js";

/** Longest key that is copied by a loop, which for short texts is faster than a native call. */
const LOOP_CHARS = 32;

let scratch = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Most bytes that an entry can take in a frame: three per UTF-16 unit, and the fixed fields.
 * @throws RangeError as {@link encodeEntries}.
 */
export function boundOf(entry: Entry): number {
  if (entry.path.length > MAX_DEPTH) {
    throw new RangeError(`expected a path of at most ${MAX_DEPTH} keys, got ${entry.path.length}`);
  }
  let units = entry.json.length;
  for (const key of entry.path) units += unitsOf(key);
  return (units + unitsOf(entry.stamp)) * 3 + 32;
}

function unitsOf(key: string): number {
  if (key.length <= MAX_KEY_BYTES) return key.length + 2;
  throw new RangeError(`expected a key of at most ${MAX_KEY_BYTES} bytes, got ${key.length}`);
}

function writeKey(key: string, at: number): number {
  const length = key.length;
  if (length <= LOOP_CHARS) {
    let index = 0;
    for (; index < length; index++) {
      const unit = key.charCodeAt(index);
      if (unit > 127) break;
      scratch[at + 2 + index] = unit;
    }
    if (index === length) {
      scratch.writeUInt16LE(length, at);
      return at + 2 + length;
    }
  }
  const isUtf8 = key.isWellFormed();
  const bytes = scratch.write(key, at + 2, isUtf8 ? "utf8" : "utf16le");
  if (bytes > MAX_KEY_BYTES) throw new RangeError(`expected a key of at most ${MAX_KEY_BYTES} bytes, got ${bytes}`);
  scratch.writeUInt16LE(isUtf8 ? bytes : bytes | UTF16_FLAG, at);
  return at + 2 + bytes;
}

function writeEntry(entry: Entry, start: number): number {
  const hasExpiry = entry.expiresAt !== NEVER;
  const hasStamp = entry.stamp !== "";
  const flags = (hasExpiry ? EXPIRY_FLAG : 0) | (hasStamp ? STAMP_FLAG : 0);
  scratch[start] = typeBits(entry.type) | (entry.condition << CONDITION_SHIFT) | flags;
  let at = writeCount(scratch, entry.path.length, entry.kinds, start + 1);
  for (const key of entry.path) at = writeKey(key, at);
  if (hasStamp) at = writeKey(entry.stamp, at);
  if (hasExpiry) at = scratch.writeDoubleLE(entry.expiresAt, at);
  if (hasAmount(entry.type)) at = scratch.writeDoubleLE(entry.amount, at);
  if (hasJson(entry.type)) {
    const bytes = scratch.write(entry.json, at + 4, "utf8");
    scratch.writeUInt32LE(bytes, at);
    at += 4 + bytes;
  }
  return at;
}

/**
 * Encodes entries as one frame, its place in the log still blank.
 * @param kind `BATCH` or `STATE`.
 * @throws RangeError when a path has more than `MAX_DEPTH` keys, a key more than `MAX_KEY_BYTES` or the frame more than
 *   `MAX_FRAME_BYTES`.
 */
export function encodeEntries(entries: readonly Entry[], kind: number = BATCH, stamp: Stamp = {}): Buffer {
  let bound = HEADER_BYTES + 4;
  for (const entry of entries) bound += boundOf(entry);
  if (scratch.length < bound) scratch = Buffer.allocUnsafeSlow(bound);
  let at = scratch.writeUInt32LE(entries.length, HEADER_BYTES);
  for (const entry of entries) at = writeEntry(entry, at);
  writeHeader(scratch, 0, at, kind, stamp);
  const frame = Buffer.allocUnsafeSlow(at);
  scratch.copy(frame, 0, 0, at);
  if (scratch.length > 1024 * 1024) scratch = Buffer.allocUnsafeSlow(64 * 1024);
  return frame;
}

/**
 * Decodes the entries of a frame that lies in `buffer` from `start` to `end`. Values stay JSON text.
 * @throws MalformedError when the bytes are not exactly the entries that they announce, or one does not belong into a
 *   frame of that kind; StorageError `ERR_STORAGE_PROTOCOL` when the log has a level that this version does not speak.
 */
export function decodeEntries(buffer: Buffer, start: number, end: number): Entry[] {
  const reader = new EntryReader(buffer, start, end);
  const count = reader.uint32();
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) entries.push(reader.entry(index));
  reader.expectEnd();
  return entries;
}

/**
 * Decodes the batch in a frame that lies in `buffer` from `start` to `end`.
 * @throws MalformedError as {@link decodeEntries}.
 */
export function decodeBatch(buffer: Buffer, start: number, end: number): Batch {
  return {
    seq: seqOf(buffer, start),
    time: timeOf(buffer, start),
    origin: originOf(buffer, start),
    born: bornOf(buffer, start),
    number: numberOf(buffer, start),
    entries: decodeEntries(buffer, start, end),
  };
}

/**
 * Checks that {@link decodeEntries} would succeed and that no value is nested deeper than `MAX_DEPTH`, without making
 * an object per entry.
 * @throws MalformedError as `decodeEntries`.
 */
export function checkEntries(buffer: Buffer, start: number, end: number): void {
  const reader = new EntryReader(buffer, start, end);
  const count = reader.uint32();
  for (let index = 0; index < count; index++) reader.skipEntry(index);
  reader.expectEnd();
}
