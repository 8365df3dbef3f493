/**
 * Frames: a header of fixed size and a body. FORMAT.md shows the layout and what it costs. Pure; every read is bounded by
 * the frame.
 *
 * Invariant: the checksum covers every byte after itself, first the body and then the rest of the header. So a hub that
 * stamps a frame with epoch, seq and time continues from the checksum of the body, and any change of a byte between the
 * member that encoded a frame and the one that decodes it is found.
 */
import { crc32 } from "node:zlib";
import { MAX_FRAME_BYTES } from "./limits.js";

const LENGTH = 0;
const CRC = 4;
const KIND = 8;
const EPOCH = 12;
const SEQ = 16;
const TIME = 24;
const ORIGIN = 32;
const BORN = 40;
const NUMBER = 48;

/** Bytes of a header. */
export const HEADER_BYTES = 56;

/** What a frame is. In files: the first six; on sockets: `BATCH`, `SEGMENT` and those from `HELLO` on. */
export const BATCH = 1;
/** First frame of a segment: names its predecessor and where that one ends. Its seq is the last one before it. */
export const SEGMENT = 2;
/** First frame of a snapshot: its seq and time. */
export const SNAPSHOT = 3;
/** Slots of a snapshot. */
export const STATE = 4;
/** Last frame of a snapshot: how many frames, origins and entries it has. */
export const END = 5;
/** Origins of a snapshot. */
export const ORIGINS = 6;
/** From a member: who it is and what it has. */
export const HELLO = 16;
/** From the hub: where the live frames begin. */
export const WELCOME = 17;
/** From the hub: why it refuses the member. */
export const REFUSE = 18;
/** From the hub: which of the member's batches got which seqs. */
export const CONFIRM = 19;
/** From a member, and back with the same number once all that was confirmed before has been sent. */
export const BARRIER = 20;
/** From the hub: it is alive. */
export const PING = 21;
/** From the hub: its disk refuses writes, or takes them again. */
export const DISK_TROUBLE = 22;
/** From the hub: how many members there are. */
export const MEMBER_COUNT = 23;
/** From a member that leaves, and back once the hub does not count on it any more. */
export const LEAVE = 24;
/** From the hub: what time it is, after the wall clock was set or the machine was suspended. */
export const CLOCK = 25;
/** From the hub: the member writes the state that it holds now to the files. */
export const HEAL = 26;
/** From a member: how that goes, or that the files which it reads are damaged. */
export const FILE_REPORT = 27;
/** From a member, to whoever connects to its own socket: what it holds of the log. */
export const HELD = 28;
/** A member needs a level of the log: its number. */
export const NEED_LEVEL = 29;
/** Why the log is not raised yet, as JSON. */
export const LEVEL_HELD = 30;

/** The fields of a header that are not derived from the bytes. */
export interface Stamp {
  readonly epoch?: number;
  readonly seq?: number;
  readonly time?: number;
  readonly origin?: number;
  readonly born?: number;
  readonly number?: number;
}

export const lengthOf = (buffer: Buffer, at: number): number => buffer.readUInt32LE(at + LENGTH);
export const crcOf = (buffer: Buffer, at: number): number => buffer.readUInt32LE(at + CRC);
export const kindOf = (buffer: Buffer, at: number): number => buffer[at + KIND] as number;
export const epochOf = (buffer: Buffer, at: number): number => buffer.readUInt32LE(at + EPOCH);
export const seqOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + SEQ);
export const timeOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + TIME);
export const originOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + ORIGIN);
export const bornOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + BORN);
export const numberOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + NUMBER);

/** The checksum of the body of the frame from `start` to `end`. */
function bodyCrc(buffer: Buffer, start: number, end: number): number {
  return end === start + HEADER_BYTES ? 0 : crc32(buffer.subarray(start + HEADER_BYTES, end));
}

/** Writes the checksum of a frame whose body has the checksum `body`. */
function seal(buffer: Buffer, start: number, body: number): void {
  buffer.writeUInt32LE(crc32(buffer.subarray(start + KIND, start + HEADER_BYTES), body), start + CRC);
}

/**
 * Writes the header of a frame whose body is already in place after it, from `start` to `end`.
 * @throws RangeError when the frame is longer than `MAX_FRAME_BYTES`.
 */
export function writeHeader(buffer: Buffer, start: number, end: number, kind: number, stamp: Stamp): void {
  if (end - start > MAX_FRAME_BYTES) {
    throw new RangeError(`expected a frame of at most ${MAX_FRAME_BYTES} bytes, got ${end - start}`);
  }
  buffer.writeUInt32LE(end - start, start + LENGTH);
  buffer.writeUInt32LE(kind, start + KIND);
  buffer.writeUInt32LE(stamp.epoch ?? 0, start + EPOCH);
  buffer.writeDoubleLE(stamp.seq ?? 0, start + SEQ);
  buffer.writeDoubleLE(stamp.time ?? 0, start + TIME);
  buffer.writeDoubleLE(stamp.origin ?? 0, start + ORIGIN);
  buffer.writeDoubleLE(stamp.born ?? 0, start + BORN);
  buffer.writeDoubleLE(stamp.number ?? 0, start + NUMBER);
  seal(buffer, start, bodyCrc(buffer, start, end));
}

/** Creates a frame of a header and a body. */
export function encodeFrame(kind: number, stamp: Stamp, body?: Buffer): Buffer {
  const frame = Buffer.allocUnsafeSlow(HEADER_BYTES + (body?.length ?? 0));
  if (body) frame.set(body, HEADER_BYTES);
  writeHeader(frame, 0, frame.length, kind, stamp);
  return frame;
}

/** Creates a frame whose body is a JSON value. */
export function encodeJson(kind: number, stamp: Stamp, value: unknown): Buffer {
  return encodeFrame(kind, stamp, Buffer.from(JSON.stringify(value)));
}

/**
 * Reads the JSON value in the body of a whole frame.
 * @throws SyntaxError when the body is no JSON.
 */
export function decodeJson(buffer: Buffer, start: number, end: number): unknown {
  return JSON.parse(buffer.toString("utf8", start + HEADER_BYTES, end));
}

/** Gives a whole frame another origin, birth and number, before it is sent. */
export function address(frame: Buffer, origin: number, born: number, number: number): void {
  frame.writeDoubleLE(origin, ORIGIN);
  frame.writeDoubleLE(born, BORN);
  frame.writeDoubleLE(number, NUMBER);
  seal(frame, 0, bodyCrc(frame, 0, frame.length));
}

/**
 * Checks the frame from `start` to `end` and stamps it with its place in the log. The body is read once.
 * @returns false, and nothing is changed, when the checksum is wrong.
 */
export function checkAndStamp(
  buffer: Buffer,
  start: number,
  end: number,
  epoch: number,
  seq: number,
  time: number,
): boolean {
  const body = bodyCrc(buffer, start, end);
  if (crc32(buffer.subarray(start + KIND, start + HEADER_BYTES), body) !== crcOf(buffer, start)) return false;
  buffer.writeUInt32LE(epoch, start + EPOCH);
  buffer.writeDoubleLE(seq, start + SEQ);
  buffer.writeDoubleLE(time, start + TIME);
  seal(buffer, start, body);
  return true;
}

/** Whether the checksum of the frame from `start` to `end` is right. */
export function isIntact(buffer: Buffer, start: number, end: number): boolean {
  const header = buffer.subarray(start + KIND, start + HEADER_BYTES);
  return crc32(header, bodyCrc(buffer, start, end)) === crcOf(buffer, start);
}

/** Whether a length field can be that of a frame. */
export function isFrameLength(length: number, maxBytes: number = MAX_FRAME_BYTES): boolean {
  return length >= HEADER_BYTES && length <= maxBytes;
}

/** What {@link FrameSplitter} throws on a length that no frame has. */
export class FrameLengthError extends Error {
  override readonly name = "FrameLengthError";
}

/**
 * Cuts a stream of bytes into frames, wherever the chunks begin and end.
 *
 * Invariant: `#parts` are the bytes of one unfinished frame, `#partBytes` in all, of `#needBytes` (0: not known yet).
 */
export class FrameSplitter {
  /** Longest frame that is accepted; may be raised once the other side has proved itself. */
  maxBytes: number;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #needBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /**
   * Takes the next chunk and passes on each frame that is complete. Only lengths are checked, not checksums.
   * @param visit Called with the buffer and the place of one frame; false stops, and the rest is dropped.
   * @throws FrameLengthError when a length is below that of a header or above `maxBytes`.
   */
  push(chunk: Buffer, visit: (buffer: Buffer, start: number, end: number) => boolean): void {
    const buffer = this.#partBytes === 0 ? chunk : this.#join(chunk);
    if (buffer === null) return;
    let at = 0;
    while (buffer.length - at >= 4) {
      const length = this.#checked(lengthOf(buffer, at));
      if (buffer.length - at < length) {
        this.#needBytes = length;
        break;
      }
      if (!visit(buffer, at, at + length)) return;
      at += length;
    }
    if (at < buffer.length) {
      this.#parts.push(buffer.subarray(at));
      this.#partBytes = buffer.length - at;
    }
  }

  /** Adds a chunk to the unfinished frame; returns all bytes once that frame is complete. */
  #join(chunk: Buffer): Buffer | null {
    this.#parts.push(chunk);
    this.#partBytes += chunk.length;
    if (this.#needBytes === 0 && this.#partBytes >= 4) {
      this.#parts = [Buffer.concat(this.#parts)];
      this.#needBytes = this.#checked(lengthOf(this.#parts[0] as Buffer, 0));
    }
    if (this.#needBytes === 0 || this.#partBytes < this.#needBytes) return null;
    const whole = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partBytes = 0;
    this.#needBytes = 0;
    return whole;
  }

  #checked(length: number): number {
    if (isFrameLength(length, this.maxBytes)) return length;
    throw new FrameLengthError(`expected a frame of ${HEADER_BYTES} to ${this.maxBytes} bytes, got ${length}`);
  }
}

/** Whether a value is a whole number of 0 or more. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
