/**
 * The frames of which a snapshot consists: a head, frames of entries up to a bound, and an end that counts them. Pure. FORMAT.md
 * shows the layout.
 */
import { boundOf, encodeEntries, MalformedError } from "./codec.js";
import type { Entry } from "./entry.js";
import {
  END,
  encodeFrame,
  encodeJson,
  HEADER_BYTES,
  kindOf,
  numberOf,
  originOf,
  SNAPSHOT,
  STATE,
  seqOf,
  timeOf,
} from "./frame.js";
import type { SnapshotHead } from "./log.js";

/** The version of the files that this code writes and reads. */
export const FORMAT = 2;

/**
 * Most bytes of entries that a frame of a snapshot can have, unless one entry alone can be longer: about 64 KiB when most is
 * ASCII. A process that reads one does nothing else meanwhile.
 */
const STATE_FRAME_BOUND = 3 * 64 * 1024;

/** Gives the frames of a snapshot, one after the other. */
export function* snapshotFrames(head: SnapshotHead, entries: Iterable<Entry>): Generator<Buffer> {
  const { seq, time, origins } = head;
  yield encodeJson(SNAPSHOT, { seq, time }, { format: FORMAT, origins });
  let part: Entry[] = [];
  let partBound = 0;
  let entryCount = 0;
  let frameCount = 0;
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
  yield encodeFrame(END, { seq, time, number: frameCount, origin: entryCount });
}

/**
 * The head of a snapshot, from its first frame.
 * @param body The JSON in that frame.
 * @throws MalformedError when its origins are none.
 */
export function snapshotHeadOf(frame: Buffer, { origins }: Record<string, unknown>): SnapshotHead {
  if (!areOrigins(origins)) throw new MalformedError("expected origins of three numbers each, got something else");
  return { seq: seqOf(frame, 0), time: timeOf(frame, 0), origins };
}

function areOrigins(origins: unknown): origins is SnapshotHead["origins"] {
  const isNumber = (value: unknown) => typeof value === "number";
  const isOrigin = (origin: unknown) => Array.isArray(origin) && origin.length === 3 && origin.every(isNumber);
  return Array.isArray(origins) && origins.every(isOrigin);
}

/**
 * Checks, frame by frame, that what follows the head of a snapshot is what was written.
 *
 * Invariant: the first `#frameCount` frames had `#entryCount` entries.
 */
export class SnapshotCheck {
  readonly #seq: number;
  #frameCount = 0;
  #entryCount = 0;

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
      this.#expectAll(number, originOf(buffer, start));
      return false;
    }
    if (kind !== STATE) throw new MalformedError(`expected a frame of a snapshot, got one of kind ${kind}`);
    if (number !== this.#frameCount + 1)
      throw new MalformedError(`expected frame ${this.#frameCount + 1} of a snapshot, got ${number}`);
    this.#frameCount++;
    this.#entryCount += end - start >= HEADER_BYTES + 4 ? buffer.readUInt32LE(start + HEADER_BYTES) : 0;
    return true;
  }

  #expectAll(frameCount: number, entryCount: number): void {
    const counted = `${frameCount} frames of ${entryCount} entries`;
    const read = `${this.#frameCount} frames of ${this.#entryCount} entries`;
    if (counted !== read) throw new MalformedError(`expected ${counted} before the end of a snapshot, got ${read}`);
  }
}
