/** Reads the entries of a frame. Pure. `FORMAT.md` shows the layout. */
import { depthOf } from "./depth.js";
import { CLEAR, type Condition, type Entry, type EntryType, LEVEL, NEVER, PATCH, SWAP } from "./entry.js";
import {
  BATCH_TYPES,
  bitsOf,
  CONDITION_MASK,
  CONDITION_SHIFT,
  EXPIRY_FLAG,
  hasAmount,
  hasJson,
  MAKING_TYPES,
  STAMP_FLAG,
  STATE_TYPES,
  typeIn,
} from "./entry-head.js";
import { HEADER_BYTES, kindOf, STATE } from "./frame.js";
import { levelIn } from "./levels.js";
import { MAX_DEPTH } from "./limits.js";
import { MalformedError } from "./malformed.js";
import { BY_TEXT, bitBytesIn, countIn, kindsIn, type StepKinds } from "./step-kinds.js";

/** Levels of nesting that the text of a patch has around a value more than the object that it changes, and that of a swap more than its path. */
const TEXT_LEVELS = 1;
/** In the length of a key: its bytes are UTF-16, since it has a lone surrogate, which UTF-8 cannot carry. */
export const UTF16_FLAG = 0x8000;

/** Reads one body; every step is checked against its end. */
export class EntryReader {
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
    const amount = hasAmount(type) ? this.#double() : 0;
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
    if (hasAmount(type)) this.#double();
    if (hasJson(type)) this.#skipJson(type === PATCH || type === SWAP ? count - 1 - TEXT_LEVELS : count - 1);
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
