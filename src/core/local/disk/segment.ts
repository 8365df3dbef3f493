/**
 * Segments: the files of the log. FORMAT.md shows the format.
 *
 * Invariants of a segment that is written: the file holds whole frames up to `end`; nothing before `end` ever changes or
 * is cut off; a failed fsync is never tried again, since the pages that it could not write may be gone (ATC'20, "Can
 * Applications Recover from fsync Failures?").
 */

import { crcOf, encodeJson, epochOf, isCount, lengthOf, numberOf, SEGMENT, seqOf, timeOf } from "../../log/frame.js";
import { FORMAT } from "../../log/snapshot-frames.js";
import { timeNoteIn } from "../machine/clock.js";
import type { Files, LogPosition, Place, Position, TimeNote } from "../machine/machine.js";
import { bestEffort } from "./file-access.js";
import { CorruptFileError, formatError } from "./file-errors.js";
import { segmentPath } from "./file-names.js";
import { headFrame, readHead } from "./head.js";
import { rewrite, writeAll } from "./write-all.js";

/** Most bytes of the first frame of a segment, of this version and of later ones. */
const MAX_HEAD_BYTES = 64 * 1024;

/** What the first frame of a segment says. */
export interface SegmentHead {
  /** The end of that frame, where the first batch begins. */
  readonly start: LogPosition;
  /** The end of the segment before it; null when the chain begins here, after `snapshot.<seq>`. */
  readonly previous: Position | null;
  /** {@link StoredHead.history} */
  readonly history: string;
  /** What time it was when the segment began; null when it does not say. */
  readonly clock: TimeNote | null;
}

/**
 * Reads the first frame of an open segment; null when it is not intact.
 * @throws CorruptFileError when it is not the first frame of that segment.
 * @throws StorageError `ERR_STORAGE_FORMAT` when it does not follow the format of this version.
 */
export function readSegmentHead(
  files: Files,
  file: number,
  path: string,
  name: Omit<Position, "offset">,
): SegmentHead | null {
  const frame = headFrame(files, file, path, { kind: SEGMENT, mostBytes: MAX_HEAD_BYTES, of: "segment" });
  if (frame === null) return null;
  const head = readHead(path, frame);
  const previous = previousIn(path, head);
  const [epoch, segment] = [epochOf(frame, 0), numberOf(frame, 0)];
  if (epoch !== name.epoch || segment !== name.segment) {
    throw new CorruptFileError(
      path,
      0,
      `expected segment ${name.epoch}.${name.segment}, got ${epoch}.${segment}`,
      true,
    );
  }
  const { length } = frame;
  const [seq, time, crc] = [seqOf(frame, 0), timeOf(frame, 0), crcOf(frame, 0)];
  const start = { epoch, segment, offset: length, seq, time, bytes: length, crc };
  return { start, previous, history: head.history, clock: timeNoteIn(head.clock) };
}

/**
 * The end of the segment before, or null, as the first frame of a segment says.
 * @throws StorageError `ERR_STORAGE_FORMAT` when it says neither: text that is made of it is part of a path.
 */
function previousIn(path: string, head: Record<string, unknown>): Position | null {
  if (head.previous === null) return null;
  const { epoch, segment, end } = (head.previous ?? {}) as Record<string, unknown>;
  if (isCount(epoch) && isCount(segment) && isCount(end)) return { epoch, segment, offset: end };
  throw formatError(path, "expected the place of a segment before it, or none, got something else");
}

/** The writing end of one segment. One caller at a time. */
export class Segment {
  /** The first frame, as it is in the file. */
  readonly head: Buffer;
  readonly path: string;
  readonly #files: Files;
  readonly #directory: string;
  readonly #file: number;
  #end: number;
  #hasTornEnd = false;
  #syncError: Error | null = null;
  #isNameSynced = false;
  #syncsUnderWay = 0;
  #isClosed = false;

  private constructor(files: Files, directory: string, path: string, file: number, head: Buffer) {
    this.head = head;
    this.path = path;
    this.#files = files;
    this.#directory = directory;
    this.#file = file;
    this.#end = head.length;
  }

  /**
   * Creates the file of a new segment, with its whole first frame.
   * @param start The number of the segment, and the seq and time of the last batch before it.
   * @param previous The end of the segment before it; null when there is none.
   * @param history {@link StoredHead.history}
   * @param clock What time it is; null when that is not known.
   * @throws the error of a failed file operation; what may be left of the segment then has no whole first frame. `EEXIST`: a
   *   file of that name exists.
   */
  static create(
    files: Files,
    place: Place,
    start: Omit<LogPosition, "offset">,
    previous: Position | null,
    history: string,
    clock: TimeNote | null = null,
  ): Segment {
    const { epoch, segment, seq, time } = start;
    const path = segmentPath(place, epoch, segment);
    const before = previous && { epoch: previous.epoch, segment: previous.segment, end: previous.offset };
    const content = { format: FORMAT, history, previous: before, clock };
    const head = encodeJson(SEGMENT, { epoch, seq, time, number: segment }, content);
    const file = files.open(path, "create");
    const { error } = writeAll(files, file, [head], 0);
    if (error === null) return new Segment(files, place.directory, path, file, head);
    files.close(file);
    bestEffort(() => files.unlink(path));
    throw error;
  }

  /** Bytes of whole frames in the file. */
  get end(): number {
    return this.#end;
  }

  /** Whether something else has changed the file, as far as a look at it shows. */
  get isDisturbed(): boolean {
    const view = bestEffort(() => this.#files.lookAt(this.#file, this.path));
    if (view === undefined || this.#isClosed) return false;
    return view.links === 0 || !view.isAtPath || (view.bytes !== this.#end && !this.#hasTornEnd);
  }

  /** Whether an unfinished frame follows `end` and could not be cut off: nothing more can be appended. */
  get hasTornEnd(): boolean {
    return this.#hasTornEnd;
  }

  /** Whether an fsync failed: what was appended since the last good one may never reach the disk. */
  get hasSyncFailed(): boolean {
    return this.#syncError !== null;
  }

  /**
   * Appends whole frames. On return `end` counts those that are in the file; of the others nothing is left in it, unless
   * `hasTornEnd`.
   * @param buffers Each holds one frame or several, none of them cut.
   * @returns why not everything was appended; null when it was.
   */
  append(buffers: readonly Buffer[]): Error | null {
    if (this.#hasTornEnd) return new Error("expected a segment that ends with a whole frame, got one with a torn end");
    const { bytes, error } = writeAll(this.#files, this.#file, buffers, this.#end);
    if (error === null) {
      this.#end += bytes;
      return null;
    }
    this.#end += wholeFrameBytes(buffers, bytes);
    this.#cut();
    return error;
  }

  /**
   * Returns when everything up to `end`, and the name of the file, is on the disk.
   * @throws the error of the first fsync that failed, now or before.
   */
  sync(): void {
    if (this.#syncError) throw this.#syncError;
    try {
      this.#files.sync(this.#file);
      this.#syncName();
    } catch (error) {
      this.#syncFailed(error as Error);
      throw error;
    }
  }

  /** As `sync`, without blocking. Calls back once: at once when an fsync has failed before. */
  syncLater(done: (error: Error | null) => void): void {
    if (this.#syncError) {
      done(this.#syncError);
      return;
    }
    this.#syncsUnderWay++;
    const finish = (failed: Error | null): void => {
      if (failed) this.#syncFailed(failed);
      if (--this.#syncsUnderWay === 0 && this.#isClosed) this.#files.close(this.#file);
      done(this.#syncError);
    };
    this.#files.syncLater(this.#file, (error) => {
      if (error || this.#isNameSynced) finish(error);
      else this.#syncNameLater(finish);
    });
  }

  /** Closes the file, once no fsync is under way. May be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#syncsUnderWay === 0) this.#files.close(this.#file);
  }

  /**
   * Writes again what the file system may have given up: a successor, which cannot know of that, syncs the segment once more.
   */
  #syncFailed(error: Error): void {
    if (this.#syncError) return;
    this.#syncError = error;
    rewrite(this.#files, this.#file, this.#end);
  }

  #syncName(): void {
    if (this.#isNameSynced) return;
    this.#files.syncDirectory(this.#directory);
    this.#isNameSynced = true;
  }

  #syncNameLater(done: (error: Error | null) => void): void {
    this.#files.syncDirectoryLater(this.#directory, (error) => {
      this.#isNameSynced ||= error === null;
      done(error);
    });
  }

  #cut(): void {
    try {
      this.#files.truncate(this.#file, this.#end);
    } catch {
      // The write's own error is what the caller gets; that the cut failed too is a state of the segment.
      this.#hasTornEnd = true;
    }
  }
}

/** Bytes of the frames that are whole when only the first `written` bytes of the buffers were taken. */
function wholeFrameBytes(buffers: readonly Buffer[], written: number): number {
  let whole = 0;
  for (const buffer of buffers) {
    for (let at = 0; at < buffer.length; ) {
      const length = lengthOf(buffer, at);
      if (whole + length > written) return whole;
      whole += length;
      at += length;
    }
  }
  return whole;
}
