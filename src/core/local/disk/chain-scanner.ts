/** Reads the batches of a chain of segments, each of which must be the next one of the log. */
import { checkEntries } from "../../log/codec.js";
import { BATCH, crcOf, epochOf, kindOf, seqOf, timeOf } from "../../log/frame.js";
import type { Files, LogPosition } from "../machine/machine.js";
import type { Link } from "./chain.js";
import { CorruptFileError } from "./file-errors.js";
import { FrameScanner } from "./frame-scanner.js";
import { expectTorn } from "./torn-ends.js";

/** How strictly a chain is read. */
export interface ScanOptions {
  /** Whether the bodies of frames are checked too; `decodeEntries` does that anyway. */
  readonly checksEntries: boolean;
  /** Whether the last link may have a torn end; otherwise that is an error as any other one. */
  readonly mayBeTorn: boolean;
}

/** Invariant: `position` is the end of the current batch; before the first one it is where the reading began. */
export class ChainScanner {
  readonly #files: Files;
  readonly #links: readonly Link[];
  readonly #options: ScanOptions;
  #index = 0;
  #frames: FrameScanner;
  #position: LogPosition;
  #isTorn = false;

  /**
   * @param links Stay open, and are the caller's to close.
   * @param from A position in the first link.
   */
  constructor(files: Files, links: readonly Link[], from: LogPosition, options: ScanOptions) {
    this.#files = files;
    this.#links = links;
    this.#options = options;
    this.#position = from;
    this.#frames = this.#framesOf(from);
  }

  /** Holds the current batch until `next` is called again. */
  get frames(): FrameScanner {
    return this.#frames;
  }

  /** The end of the current batch or, when an empty segment follows it, of the first frame of that. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Whether an unfinished frame follows the last batch. */
  get isTorn(): boolean {
    return this.#isTorn;
  }

  /**
   * Moves to the next batch; false when there is none.
   * @throws CorruptFileError when what follows is not the next batch.
   */
  next(): boolean {
    if (this.#isTorn) return false;
    try {
      while (!this.#frames.next()) if (!this.#nextLink()) return false;
      this.#expectNext();
      return true;
    } catch (error) {
      this.#isTorn = this.#isTornEnd(error);
      if (this.#isTorn) return false;
      throw error;
    }
  }

  get #link(): Link {
    return this.#links[this.#index] as Link;
  }

  #framesOf({ offset }: LogPosition): FrameScanner {
    return new FrameScanner(this.#files, this.#link.path, this.#link.file, offset, this.#link.end);
  }

  /** A segment begins with the seq and time with which the one before it ended. */
  #nextLink(): boolean {
    if (this.#index === this.#links.length - 1) return false;
    const { seq, time } = this.#position;
    this.#index++;
    const { start, path } = this.#link;
    if (start.seq !== seq || start.time < time) {
      const got = `seq ${start.seq} at ${start.time}`;
      throw new CorruptFileError(
        path,
        0,
        `expected a segment that begins after seq ${seq} at ${time}, got ${got}`,
        true,
      );
    }
    this.#position = start;
    this.#frames = this.#framesOf(start);
    return true;
  }

  #expectNext(): void {
    const frames = this.#frames;
    const { buffer, start, end } = frames;
    const { epoch, segment, seq: last, time: lastTime } = this.#position;
    const [seq, time] = [seqOf(buffer, start), timeOf(buffer, start)];
    const kind = kindOf(buffer, start);
    if (kind !== BATCH) frames.refuse(`expected a batch, got a frame of kind ${kind}`);
    if (epochOf(buffer, start) !== epoch)
      frames.refuse(`expected a batch of epoch ${epoch}, got one of ${epochOf(buffer, start)}`);
    if (seq !== last + 1) frames.refuse(`expected batch ${last + 1}, got ${seq}`);
    if (!(time >= lastTime)) frames.refuse(`expected a time from ${lastTime} on, got ${time}`);
    if (this.#options.checksEntries) frames.give(checkEntries);
    const crc = crcOf(buffer, start);
    this.#position = { epoch, segment, offset: frames.endOffset, seq, time, bytes: end - start, crc };
  }

  /** @throws CorruptFileError when a batch follows what looks like a torn end. */
  #isTornEnd(error: unknown): boolean {
    const isLast = this.#index === this.#links.length - 1;
    if (!this.#options.mayBeTorn || !isLast || !(error instanceof CorruptFileError) || error.isFrameIntact)
      return false;
    expectTorn(this.#files, this.#link, this.#position, error);
    return true;
  }
}
