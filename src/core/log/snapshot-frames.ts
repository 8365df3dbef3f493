/**
 * The frames of which a snapshot consists: a head, frames of origins and then of entries, each up to a bound, and an end that
 * counts them. Pure. FORMAT.md shows the layout.
 */
import { boundOf, checkEntries, encodeEntries } from "./codec.js";
import type { Entry } from "./entry.js";
import {
  bornOf,
  END,
  encodeFrame,
  encodeJson,
  HEADER_BYTES,
  kindOf,
  numberOf,
  ORIGINS,
  originOf,
  SNAPSHOT,
  STATE,
  seqOf,
  timeOf,
} from "./frame.js";
import type { KnownOrigin, SnapshotHead, StateHead, StoredHead } from "./log.js";
import { MalformedError } from "./malformed.js";

/** The version of the files that this code writes and reads. */
export const FORMAT = 2;

/**
 * Most bytes of entries that a frame of a snapshot can have, unless one entry alone can be longer: about 64 KiB when most is
 * ASCII. A process that reads one does nothing else meanwhile.
 */
const STATE_FRAME_BOUND = 3 * 64 * 1024;

/** Three numbers of 8 bytes. */
const ORIGIN_BYTES = 24;
/** Origins of one frame: about 64 KiB. */
const FRAME_ORIGINS = 2730;

/** Gives the frames of a snapshot, one after the other. */
export function* snapshotFrames(head: StoredHead, entries: Iterable<Entry>): Generator<Buffer> {
  const { seq, time, origins } = head;
  yield snapshotHeadFrame(head);
  yield* originFrames(head);
  let part: Entry[] = [];
  let partBound = 0;
  let entryCount = 0;
  let frameCount = Math.ceil(origins.length / FRAME_ORIGINS);
  for (const entry of entries) {
    part.push(entry);
    partBound += boundOf(entry);
    entryCount++;
    if (partBound < STATE_FRAME_BOUND) continue;
    yield encodeEntries(part, STATE, { seq, time, number: ++frameCount });
    part = [];
    partBound = 0;
  }
  if (part.length > 0) yield encodeEntries(part, STATE, { seq, time, number: ++frameCount });
  yield encodeFrame(END, { seq, time, number: frameCount, origin: entryCount, born: origins.length });
}

/** The first frame of a snapshot. */
export function snapshotHeadFrame({ seq, time, level, history, clock }: Omit<StoredHead, "origins">): Buffer {
  return encodeJson(SNAPSHOT, { seq, time }, { format: FORMAT, history, level, clock });
}

/** Gives the frames of the origins of a snapshot, which come before those of its entries. */
export function* originFrames({ seq, time, origins }: Omit<SnapshotHead, "level">): Generator<Buffer> {
  for (let from = 0, number = 1; from < origins.length; from += FRAME_ORIGINS, number++) {
    const part = origins.slice(from, from + FRAME_ORIGINS);
    const body = Buffer.allocUnsafeSlow(part.length * ORIGIN_BYTES);
    let at = 0;
    for (const origin of part) for (const field of origin) at = body.writeDoubleLE(field, at);
    yield encodeFrame(ORIGINS, { seq, time, number }, body);
  }
}

/**
 * The origins in a frame that lies in `buffer` from `start` to `end`.
 * @throws MalformedError when its body is not some origins of three numbers each.
 */
export function decodeOrigins(buffer: Buffer, start: number, end: number): KnownOrigin[] {
  const origins: KnownOrigin[] = [];
  const from = start + HEADER_BYTES;
  const count = originCountOf(start, end);
  for (let index = 0; index < count; index++) {
    const at = from + index * ORIGIN_BYTES;
    const origin = [buffer.readDoubleLE(at), buffer.readDoubleLE(at + 8), buffer.readDoubleLE(at + 16)] as const;
    if (!origin.every(Number.isFinite)) throw new MalformedError(`expected finite numbers of an origin, got ${origin}`);
    origins.push(origin);
  }
  return origins;
}

function originCountOf(start: number, end: number): number {
  const count = (end - start - HEADER_BYTES) / ORIGIN_BYTES;
  if (Number.isInteger(count) && count > 0) return count;
  throw new MalformedError(`expected origins of ${ORIGIN_BYTES} bytes each, got ${end - start - HEADER_BYTES} bytes`);
}

/** The seq and time of a snapshot, from its first frame. */
export function stateHeadOf(frame: Buffer): Omit<StateHead, "level"> {
  return { seq: seqOf(frame, 0), time: timeOf(frame, 0) };
}

/**
 * Checks, frame by frame, that what follows the head of a snapshot is what was written.
 *
 * Invariant: the first `#frameCount` frames had `#originCount` origins and after them `#entryCount` entries.
 */
export class SnapshotCheck {
  readonly #seq: number;
  #frameCount = 0;
  #originCount = 0;
  #entryCount = 0;
  #hasState = false;

  constructor(seq: number) {
    this.#seq = seq;
  }

  /**
   * Takes the next frame, which lies in `buffer` from `start` to `end`. False when it is the last one, and nothing is missing.
   * @throws MalformedError when another frame was written there.
   */
  take(buffer: Buffer, start: number, end: number): boolean {
    const [kind, seq, number] = [kindOf(buffer, start), seqOf(buffer, start), numberOf(buffer, start)];
    if (seq !== this.#seq) throw new MalformedError(`expected a frame of seq ${this.#seq}, got ${seq}`);
    if (kind === END) {
      this.#expectAll(number, bornOf(buffer, start), originOf(buffer, start));
      return false;
    }
    if (kind !== STATE && (kind !== ORIGINS || this.#hasState))
      throw new MalformedError(`expected a frame of a snapshot in its place, got one of kind ${kind}`);
    if (number !== this.#frameCount + 1)
      throw new MalformedError(`expected frame ${this.#frameCount + 1} of a snapshot, got ${number}`);
    this.#frameCount++;
    if (kind === ORIGINS) this.#originCount += originCountOf(start, end);
    else {
      this.#hasState = true;
      this.#entryCount += end - start >= HEADER_BYTES + 4 ? buffer.readUInt32LE(start + HEADER_BYTES) : 0;
    }
    return true;
  }

  #expectAll(frameCount: number, originCount: number, entryCount: number): void {
    const counted = `${frameCount} frames of ${originCount} origins and ${entryCount} entries`;
    const read = `${this.#frameCount} frames of ${this.#originCount} origins and ${this.#entryCount} entries`;
    if (counted !== read) throw new MalformedError(`expected ${counted} before the end of a snapshot, got ${read}`);
  }
}

/**
 * Checks the body of a frame of a snapshot.
 * @throws MalformedError as `decodeOrigins` and `decodeEntries`.
 */
export function checkSnapshotFrame(buffer: Buffer, start: number, end: number): void {
  if (kindOf(buffer, start) === ORIGINS) decodeOrigins(buffer, start, end);
  else checkEntries(buffer, start, end);
}
