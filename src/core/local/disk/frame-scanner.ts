/**
 * Reads the frames of one file, in order, from one place to another.
 *
 * Invariant: `buffer` holds the bytes of the file from `#base` on, `#filled` of them; the current frame lies in it from
 * `start` to `end`, and is whole and has the right checksum.
 */

import { HEADER_BYTES, isFrameLength, isIntact, lengthOf } from "../../log/frame.js";
import { MalformedError } from "../../log/malformed.js";
import type { Files } from "../machine/machine.js";
import { CorruptFileError } from "./file-errors.js";

/** Bytes that are read at once, unless a frame is longer. */
export const BLOCK_BYTES = 1024 * 1024;

export class FrameScanner {
  readonly path: string;
  readonly #files: Files;
  readonly #file: number;
  readonly #to: number;
  #next: number;
  #buffer: Buffer;
  #base: number;
  #filled = 0;
  #start = 0;
  #end = 0;

  /**
   * @param file Stays open, and is the caller's to close.
   * @param from Where a frame begins, in bytes from the start of the file.
   * @param to Where a frame ends; what follows is never read.
   */
  constructor(files: Files, path: string, file: number, from: number, to: number) {
    this.path = path;
    this.#files = files;
    this.#file = file;
    this.#next = from;
    this.#base = from;
    this.#to = to;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, Math.max(to - from, HEADER_BYTES)));
  }

  /** Holds the current frame until `next` is called again. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** Where the current frame begins, in bytes from the start of the file. */
  get offset(): number {
    return this.#base + this.#start;
  }

  /** Where the current frame ends and the next one begins. */
  get endOffset(): number {
    return this.#next;
  }

  /**
   * Moves to the next frame; false when there is none up to `to`.
   * @throws CorruptFileError when the next bytes are no frame, or one with a wrong checksum.
   */
  next(): boolean {
    if (this.#next === this.#to) return false;
    this.#load(HEADER_BYTES);
    const length = lengthOf(this.#buffer, this.#next - this.#base);
    if (!isFrameLength(length)) this.fail(`expected the length of a frame, got ${length}`);
    this.#load(length);
    const start = this.#next - this.#base;
    if (!isIntact(this.#buffer, start, start + length))
      this.fail("expected a frame with its checksum, got another one");
    this.#start = start;
    this.#end = start + length;
    this.#next += length;
    return true;
  }

  /**
   * Refuses the frame that begins where the last good one ended.
   * @throws CorruptFileError always.
   */
  fail(detail: string): never {
    throw new CorruptFileError(this.path, this.#next, detail);
  }

  /**
   * Refuses the current frame, whose checksum is right.
   * @throws CorruptFileError always.
   */
  refuse(detail: string): never {
    throw new CorruptFileError(this.path, this.offset, detail, true);
  }

  /**
   * Gives the current frame to `read`.
   * @throws CorruptFileError when that finds the entries in it malformed.
   */
  give(read: (buffer: Buffer, start: number, end: number) => void): void {
    try {
      read(this.#buffer, this.#start, this.#end);
    } catch (error) {
      if (error instanceof MalformedError) this.refuse(error.message);
      throw error;
    }
  }

  /** Reads until `bytes` bytes from the next frame on are in the buffer. */
  #load(bytes: number): void {
    const left = this.#to - this.#next;
    if (bytes > left) this.fail(`expected ${bytes} bytes of a frame, got ${left}`);
    const at = this.#next - this.#base;
    if (at + bytes <= this.#filled) return;
    const rest = this.#buffer.subarray(at, this.#filled);
    const target = bytes > this.#buffer.length ? Buffer.allocUnsafeSlow(bytes) : this.#buffer;
    rest.copy(target);
    this.#buffer = target;
    this.#base = this.#next;
    this.#filled = rest.length;
    this.#fill(bytes, Math.min(target.length, left));
  }

  /** Reads until the buffer holds `most` bytes, or at least `least` and the file gives no more at once. */
  #fill(least: number, most: number): void {
    while (this.#filled < least) {
      const position = this.#base + this.#filled;
      const got = this.#files.read(this.#file, this.#buffer, this.#filled, most - this.#filled, position);
      if (got === 0) this.fail(`expected ${least} bytes of a frame, got ${this.#filled}`);
      this.#filled += got;
    }
  }
}

/**
 * Reads the first frame of a file: null when it is not whole, or its checksum is wrong.
 * @param mostBytes A longer frame counts as none.
 */
export function firstFrame(files: Files, file: number, mostBytes: number): Buffer | null {
  const header = readExactly(files, file, 0, HEADER_BYTES);
  if (header === null || !isFrameLength(lengthOf(header, 0), mostBytes)) return null;
  const frame = readExactly(files, file, 0, lengthOf(header, 0));
  return frame !== null && isIntact(frame, 0, frame.length) ? frame : null;
}

/** Reads `bytes` bytes at `position`; null when the file has fewer. */
export function readExactly(files: Files, file: number, position: number, bytes: number): Buffer | null {
  if (position < 0 || files.bytes(file) < position + bytes) return null;
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let filled = 0; filled < bytes; ) {
    const got = files.read(file, buffer, filled, bytes - filled, position + filled);
    if (got === 0) return null;
    filled += got;
  }
  return buffer;
}
