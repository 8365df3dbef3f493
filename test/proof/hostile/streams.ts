/**
 * Hostile bytes, determined by a seed: random ones, streams of frames that were changed, and frames whose checksum is right
 * over a body that breaks FORMAT.md.
 */
import { PROTOCOL } from "../../../dist/core/local/wire/messages.js";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import {
  ALWAYS,
  addEntry,
  clearEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  KEEP,
  patchEntry,
  publishEntry,
  setEntry,
  swapEntry,
} from "../../../dist/core/log/entry.js";
import { BATCH, encodeFrame, HEADER_BYTES, lengthOf, type Stamp, writeHeader } from "../../../dist/core/log/frame.js";
import { MAX_DEPTH, MAX_FRAME_BYTES } from "../../../dist/core/log/limits.js";
import { AS_KEYS, BY_TEXT, kindBits, type StepKinds } from "../../../dist/core/log/step-kinds.js";

/** The last kind that FORMAT.md knows is 24. */
const KINDS = [0, 1, 2, 3, 4, 5, 6, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 255];
const LENGTHS = [0, 1, 4, 55, 56, 57, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 2 ** 31, 2 ** 32 - 1];
const COUNTS = [0, 1, 2, 255, 0xffff, 2 ** 31, 2 ** 32 - 1];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 53 + 2,
  Number.MAX_VALUE,
  5e-324,
  1.7e12,
];
const TEXTS = ["", "{", "]", "nul", '"', "{}x", "01", "\u0000", "[1,]", '"\\', "undefined", "NaN", "1e999", "-0"];
/** An empty text is malformed; all others are passed on to the members. */
const NO_VALUES = TEXTS.filter((text) => text !== "");
const VALUES = [
  "1",
  "null",
  "[]",
  "{}",
  '"text"',
  '{"__proto__":{"p":1}}',
  '{"a":[1,{"b":2}]}',
  '{"constructor":null}',
];
const PATCHES = ["[]", "1", "null", '{"set":1}', '{"remove":5}', '{"remove":[{}]}', '{"match":[1]}', '{"set":{"a":1}}'];
const SWAPS = ['{"to":1}', '{"from":1,"to":[]}', '{"from":1}', "[]", "1", '{"to":{"__proto__":{"p":1}}}'];
const KEYS = [
  "a",
  "b",
  "key1",
  "count",
  "value",
  "0",
  "65536",
  "4294967295",
  "__proto__",
  "constructor",
  "length",
  "",
  "\u0000",
  "\ud800",
];

/** Bytes and choices that a seed determines. */
export class Hostility {
  readonly random: () => number;

  constructor(random: () => number) {
    this.random = random;
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.below(256);
    return bytes;
  }

  /** A batch that a member might send, and its entries. */
  batch(number: number, stamp: Stamp = {}): Buffer {
    const entries: Entry[] = [];
    for (let count = this.below(4); count >= 0; count--) entries.push(this.#entry());
    return encodeEntries(entries, BATCH, { origin: 815, born: 1.7e12, number, ...stamp });
  }

  #entry(): Entry {
    const path = Array.from({ length: 1 + this.below(3) }, () => this.pick(KEYS));
    const text = this.pick(this.chance(0.8) ? VALUES : NO_VALUES);
    switch (this.below(10)) {
      case 0:
        return deleteEntry(path);
      case 1:
        return expireEntry(path, 1.8e12);
      case 2:
        return addEntry(path, this.below(100), 0, this.#kinds(path.length));
      case 3:
        return clearEntry();
      case 4:
        return patchEntry(path.slice(0, 1), this.pick(PATCHES));
      case 6:
        return publishEntry(this.pick(KEYS), text, this.pick([0, 2 ** 52]));
      case 5:
        return swapEntry(path, this.pick(SWAPS), this.pick([KEEP, 0]), this.#kinds(path.length));
      default:
        return setEntry(path, text, this.chance(0.2) ? 1.8e12 : 0, ALWAYS, this.#kinds(path.length));
    }
  }

  #kinds(stepCount: number): StepKinds {
    return this.pick([BY_TEXT, AS_KEYS, kindBits(stepCount, () => this.chance(0.5))]);
  }

  /** A frame with the right checksum, whatever it says. */
  frame(kind = this.pick(KINDS), stamp: Stamp = this.stamp()): Buffer {
    return encodeFrame(kind, stamp, this.body());
  }

  stamp(): Stamp {
    const number = () => (this.chance(0.5) ? this.below(5) : this.pick(NUMBERS));
    const epoch = this.pick([0, 0, 0, 1, 2 ** 32 - 1]);
    return { epoch, seq: number(), time: number(), origin: number(), born: number(), number: number() };
  }

  /** A body for any kind of frame: entries that are none, JSON, text that is no JSON, bytes. */
  body(): Buffer {
    switch (this.below(5)) {
      case 0:
        return this.bytes(this.below(80));
      case 1:
        return Buffer.from(this.text());
      case 2:
        return this.#mutated(this.batch(1).subarray(HEADER_BYTES));
      default:
        return this.entries();
    }
  }

  /** Entries byte by byte, most of them intact, so that a reader comes far before it meets the one that is not. */
  entries(): Buffer {
    const real = this.below(4);
    const count = this.chance(0.8) ? real : this.pick(COUNTS);
    const parts = [u32(count)];
    for (let index = 0; index < real; index++) parts.push(this.#rawEntry());
    if (this.chance(0.1)) parts.push(this.bytes(this.below(9)));
    return Buffer.concat(parts);
  }

  #rawEntry(): Buffer {
    const op = this.chance(0.95) ? 1 + this.below(7) : 0;
    const condition = this.chance(0.7) ? 0 : this.below(4);
    const hasExpiry = this.chance(0.3);
    const head = op | (condition << 3) | (hasExpiry ? 32 : 0) | (this.chance(0.02) ? 64 << this.below(2) : 0);
    const real = op === 5 ? 0 : 1 + this.below(3);
    const keyCount = this.chance(0.95) ? real : this.pick([0, 1, MAX_DEPTH, MAX_DEPTH + 1, 0xffff]);
    const parts = [Buffer.from([head]), u16(keyCount)];
    for (let index = 0; index < real; index++) parts.push(this.#rawKey());
    if (hasExpiry) parts.push(this.#double());
    if (condition === 3 || op === 6) parts.push(this.#double());
    if (op === 4) parts.push(this.#double());
    if (op === 1 || op === 6 || op === 7) parts.push(this.#rawText(op === 7));
    return Buffer.concat(parts);
  }

  #rawKey(): Buffer {
    const key = this.chance(0.8) ? Buffer.from(this.pick(KEYS)) : this.bytes(this.below(6));
    const length = this.chance(0.95) ? key.length : this.pick([0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]);
    return Buffer.concat([u16(length | (this.chance(0.1) ? 0x8000 : 0)), key]);
  }

  #rawText(isPatch: boolean): Buffer {
    const text = isPatch && this.chance(0.5) ? Buffer.from(this.pick(PATCHES)) : Buffer.from(this.text());
    if (this.chance(0.1)) this.bytes(1).copy(text, this.below(text.length));
    const length = this.chance(0.95) ? text.length : this.pick(LENGTHS);
    return Buffer.concat([u32(length), text]);
  }

  /** Text of a value: JSON, none, too deep. */
  text(): string {
    switch (this.below(8)) {
      case 0:
        return this.pick(TEXTS);
      case 1:
        return nested(this.pick([1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 2000]));
      case 2:
        return this.pick(PATCHES);
      case 3:
        return JSON.stringify({ protocol: this.pick([PROTOCOL, 0, NaN, "2"]), token: this.pick(["", null, "00"]) });
      default:
        return this.pick(VALUES);
    }
  }

  #double(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(this.chance(0.8) ? this.below(2e12) : this.pick(NUMBERS));
    return bytes;
  }

  /** Flips, inserts, deletes, doubles or overwrites some bytes, mostly those that steer a reader. */
  mutated(stream: Buffer): Buffer {
    const changed = this.#mutated(stream);
    if (this.chance(0.4)) reseal(changed);
    return changed;
  }

  #mutated(bytes: Buffer): Buffer {
    let changed: Buffer = Buffer.from(bytes);
    for (let count = 1 + this.below(3); count > 0; count--) changed = this.#mutation(changed);
    return changed;
  }

  #mutation(bytes: Buffer): Buffer {
    const at = this.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + this.below(16));
    switch (this.below(6)) {
      case 0:
        return Buffer.concat([bytes.subarray(0, at), this.bytes(1 + this.below(8)), bytes.subarray(at)]);
      case 1:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
      case 2:
        return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
      case 3:
        return Buffer.concat([bytes.subarray(0, at), this.batch(2).subarray(this.below(60))]);
      case 4:
        if (bytes.length >= 12) bytes.writeUInt32LE(this.pick([...LENGTHS, ...COUNTS]), 4 * this.below(3));
        return bytes;
      default:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << this.below(8));
        return bytes;
    }
  }

  /** Cuts bytes into chunks at random places. */
  chunksOf(bytes: Buffer): Buffer[] {
    const chunks: Buffer[] = [];
    const most = this.pick([1, 3, 60, 1000, bytes.length]);
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + this.below(most);
      chunks.push(bytes.subarray(at, at + size));
      at += size;
    }
    return chunks;
  }
}

/** A text of so many arrays in each other. */
export const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

/** Makes the checksums of all frames of a stream right, as far as its lengths lead from one to the next. */
export function reseal(stream: Buffer): void {
  for (let at = 0; at + HEADER_BYTES <= stream.length; ) {
    const end = at + lengthOf(stream, at);
    if (end < at + HEADER_BYTES || end > stream.length) return;
    const stamp = {
      epoch: stream.readUInt32LE(at + 12),
      seq: stream.readDoubleLE(at + 16),
      time: stream.readDoubleLE(at + 24),
      origin: stream.readDoubleLE(at + 32),
      born: stream.readDoubleLE(at + 40),
      number: stream.readDoubleLE(at + 48),
    };
    writeHeader(stream, at, end, stream.readUInt32LE(at + 8), stamp);
    at = end;
  }
}

function u16(value: number): Buffer {
  return Buffer.from([value & 0xff, value >> 8]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
