/**
 * Entries to bytes and back: the body of `BATCH` and `STATE` frames. Pure. `FORMAT.md` shows the layout.
 */
import { depthOf } from "./depth.js";
import { ADD, type Batch, CLEAR, type Condition, type Entry, type EntryType, LEVEL, NEVER, PATCH } from "./entry.js";
import {
  BATCH_TYPES,
  bitsOf,
  CONDITION_MASK,
  CONDITION_SHIFT,
  EXPIRY_FLAG,
  hasJson,
  MAKING_TYPES,
  STAMP_FLAG,
  STATE_TYPES,
  typeBits,
  typeIn,
} from "./entry-head.js";
import {
  BATCH,
  bornOf,
  HEADER_BYTES,
  kindOf,
  numberOf,
  originOf,
  STATE,
  type Stamp,
  seqOf,
  timeOf,
  writeHeader,
} from "./frame.js";
import { expectSpoken } from "./levels.js";
import { MAX_DEPTH, MAX_KEY_BYTES } from "./limits.js";
import { BY_TEXT, bitBytesIn, countIn, kindsIn, type StepKinds, writeCount } from "./step-kinds.js";

/** Levels of nesting that the text of a patch has around a value more than the object that it changes. */
const PATCH_LEVELS = 1;
/** In the length of a key: its bytes are UTF-16, since it has a lone surrogate, which UTF-8 cannot carry. */
const UTF16_FLAG = 0x8000;
/** Longest key that is copied by a loop, which for short texts is faster than a native call. */
const LOOP_CHARS = 32;

/** What a body that cannot be decoded throws. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

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
  if (entry.type === ADD) at = scratch.writeDoubleLE(entry.amount, at);
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

/**
 * The level that a `LEVEL` entry names. Whoever meets one that it does not speak reads nothing after it.
 * @throws MalformedError when it names none; StorageError `ERR_STORAGE_PROTOCOL` when this version does not speak it.
 */
export function levelIn(name: string): number {
  const level = Number(name);
  if (!Number.isSafeInteger(level) || level < 1) throw new MalformedError(`expected a level, got ${name}`);
  expectSpoken("the log", level);
  return level;
}

/** The level that a batch of a hub's own gives the log; 0: none. Throws as {@link decodeEntries}. */
export function levelAfter(buffer: Buffer, start: number, end: number): number {
  const raising = decodeEntries(buffer, start, end).find(({ type }) => type === LEVEL);
  return raising === undefined ? 0 : Number(raising.path[0]);
}

/** Reads one body; every step is checked against its end. */
class EntryReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  readonly #types: number;
  #at: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start + HEADER_BYTES;
    this.#end = end;
    this.#types = kindOf(buffer, start) === STATE ? STATE_TYPES : BATCH_TYPES;
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  entry(index: number): Entry {
    const head = this.#head(index);
    const type = typeIn(head) as EntryType;
    const condition = ((head & CONDITION_MASK) >> CONDITION_SHIFT) as Condition;
    const counted = this.#uint16();
    const count = this.#pathLength(type, counted);
    const kinds = this.#kinds(type, counted);
    const path = new Array<string>(count);
    for (let depth = 0; depth < count; depth++) path[depth] = this.#key();
    if (type === LEVEL) levelIn(path[0] as string);
    const stamp = head & STAMP_FLAG ? this.#stamp() : "";
    const expiresAt = head & EXPIRY_FLAG ? this.#double() : NEVER;
    const amount = type === ADD ? this.#double() : 0;
    let json = "";
    if (hasJson(type)) {
      const bytes = this.#jsonLength();
      const from = this.#take(bytes);
      json = this.#buffer.toString("utf8", from, from + bytes);
    }
    return { type, path, kinds, json, expiresAt, condition, amount, stamp };
  }

  skipEntry(index: number): void {
    const head = this.#head(index);
    const type = typeIn(head);
    const counted = this.#uint16();
    const count = this.#pathLength(type, counted);
    this.#kinds(type, counted);
    if (type === LEVEL) levelIn(this.#key());
    for (let depth = type === LEVEL ? 1 : 0; depth < count; depth++) this.#take(this.#uint16() & ~UTF16_FLAG);
    if (head & STAMP_FLAG) this.#stamp();
    if (head & EXPIRY_FLAG) this.#double();
    if (type === ADD) this.#double();
    if (hasJson(type)) this.#skipJson(type === PATCH ? count - 1 - PATCH_LEVELS : count - 1);
  }

  expectEnd(): void {
    if (this.#at !== this.#end) {
      throw new MalformedError(`expected entries of ${this.#end} bytes, got ${this.#at}`);
    }
  }

  #take(bytes: number): number {
    const from = this.#at;
    if (bytes > this.#end - from) {
      throw new MalformedError(`expected ${bytes} more bytes of an entry, got ${this.#end - from}`);
    }
    this.#at = from + bytes;
    return from;
  }

  #head(index: number): number {
    const head = this.#buffer[this.#take(1)] as number;
    const type = typeIn(head);
    const knownBits = bitsOf(type, index, this.#types === BATCH_TYPES);
    if (((this.#types >> type) & 1) === 0 || (head & ~knownBits) !== 0)
      throw new MalformedError(`expected an entry of such a frame, got byte ${head}`);
    return head;
  }

  #pathLength(type: number, counted: number): number {
    const count = countIn(counted);
    if ((count === 0) !== (type === CLEAR) || count > MAX_DEPTH) {
      throw new MalformedError(`expected a path of 1 to ${MAX_DEPTH} keys, got ${count}`);
    }
    return count;
  }

  #kinds(type: number, counted: number): StepKinds {
    if (counted === countIn(counted)) return BY_TEXT;
    const bytes = bitBytesIn(counted);
    const from = this.#take(bytes);
    const kinds = kindsIn(counted, this.#buffer.subarray(from, from + bytes));
    if (kinds === null || ((MAKING_TYPES >> type) & 1) === 0)
      throw new MalformedError(`expected the kinds of steps that make containers, got ${counted} keys and flags`);
    return kinds;
  }

  #uint16(): number {
    return this.#buffer.readUInt16LE(this.#take(2));
  }

  #key(): string {
    const length = this.#uint16();
    const bytes = length & ~UTF16_FLAG;
    const from = this.#take(bytes);
    return this.#buffer.toString(length === bytes ? "utf8" : "utf16le", from, from + bytes);
  }

  #stamp(): string {
    const field = this.#key();
    if (field === "") throw new MalformedError("expected the field of a stamp, got none");
    return field;
  }

  #double(): number {
    const value = this.#buffer.readDoubleLE(this.#take(8));
    if (!Number.isFinite(value)) throw new MalformedError(`expected a finite number, got ${value}`);
    return value;
  }

  #jsonLength(): number {
    const bytes = this.uint32();
    if (bytes === 0) throw new MalformedError("expected the text of a value, got none");
    return bytes;
  }

  /** @param above Levels of nesting that the path adds to those of the text. */
  #skipJson(above: number): void {
    const bytes = this.#jsonLength();
    const from = this.#take(bytes);
    const depth = above + depthOf(this.#buffer, from, from + bytes, MAX_DEPTH - above);
    if (depth > MAX_DEPTH) throw new MalformedError(`expected a value nested at most ${MAX_DEPTH} deep, got ${depth}`);
  }
}
