/** Reads the batches of one segment, each of which must be the next one of the log. */
import { checkEntries, MalformedError } from "../../log/codec.js";
import { BATCH, crcOf, epochOf, kindOf, seqOf, timeOf } from "../../log/frame.js";
import type { Files } from "../machine/machine.js";
import { FrameScanner } from "./frame-scanner.js";

/** An open segment and the part of it that is to be read. */
export interface SegmentPart {
  readonly path: string;
  readonly file: number;
  readonly epoch: number;
  /** Where a frame begins. */
  readonly from: number;
  /** Where a frame ends. */
  readonly to: number;
  /** The seq and time of the last batch before `from`. */
  readonly seq: number;
  readonly time: number;
}

/** Invariant: `seq` and `time` are those of the current batch; before the first one, those before it. */
export class BatchScanner {
  readonly #frames: FrameScanner;
  readonly #epoch: number;
  readonly #checksEntries: boolean;
  #seq: number;
  #time: number;

  /** @param checksEntries Whether the bodies are checked too; `decodeEntries` does it anyway. */
  constructor(files: Files, part: SegmentPart, checksEntries: boolean) {
    this.#frames = new FrameScanner(files, part.path, part.file, part.from, part.to);
    this.#epoch = part.epoch;
    this.#seq = part.seq;
    this.#time = part.time;
    this.#checksEntries = checksEntries;
  }

  get frames(): FrameScanner {
    return this.#frames;
  }

  get seq(): number {
    return this.#seq;
  }

  get time(): number {
    return this.#time;
  }

  /** The checksum of the current frame. */
  get crc(): number {
    return crcOf(this.#frames.buffer, this.#frames.start);
  }

  /**
   * Goes to the next batch; false when there is none.
   * @throws DamageError when what follows is no frame, or not the next batch.
   */
  next(): boolean {
    const frames = this.#frames;
    if (!frames.next()) return false;
    const { buffer, start } = frames;
    const [kind, epoch, seq, time] = [
      kindOf(buffer, start),
      epochOf(buffer, start),
      seqOf(buffer, start),
      timeOf(buffer, start),
    ];
    if (kind !== BATCH) frames.refuse(`expected a batch, got a frame of kind ${kind}`);
    if (epoch !== this.#epoch) frames.refuse(`expected a batch of epoch ${this.#epoch}, got one of ${epoch}`);
    if (seq !== this.#seq + 1) frames.refuse(`expected batch ${this.#seq + 1}, got ${seq}`);
    if (!(time >= this.#time)) frames.refuse(`expected a time from ${this.#time} on, got ${time}`);
    if (this.#checksEntries) expectEntries(frames);
    this.#seq = seq;
    this.#time = time;
    return true;
  }
}

/**
 * Checks the entries of the current frame.
 * @throws DamageError when they are malformed.
 */
export function expectEntries(frames: FrameScanner): void {
  try {
    checkEntries(frames.buffer, frames.start, frames.end);
  } catch (error) {
    if (error instanceof MalformedError) frames.refuse(error.message);
    throw error;
  }
}
