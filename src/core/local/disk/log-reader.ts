/**
 * Reads the log from its files up to an exact position, in bounded steps: everything, or what follows a position.
 *
 * Invariants: all files are opened before the first frame is visited, so a compaction meanwhile takes nothing away; what
 * was visited is a prefix of the history that ends at `position`; segments are never read behind where their successor says
 * that they end.
 */

import { MalformedError } from "../../log/codec.js";
import { crcOf, HEADER_BYTES, lengthOf, seqOf, timeOf } from "../../log/frame.js";
import type { SnapshotHead } from "../../log/log.js";
import type { Files, LogPosition, Place, Position } from "../machine/machine.js";
import { BatchScanner } from "./batch-scanner.js";
import { closeLinks, compareSegments, expectStart, type Link, openChain, openLink } from "./chain.js";
import { openUnlessCompacted } from "./file-access.js";
import { CompactedFileError, MissingFileError } from "./file-errors.js";
import { snapshotPath, snapshotsIn } from "./file-names.js";
import { type FrameScanner, readExactly } from "./frame-scanner.js";
import { SnapshotScanner } from "./snapshot.js";

export { CompactedFileError as StaleFilesError };

/** Bytes after which a step ends: they keep a member busy for some 2 ms. */
const STEP_BYTES = 256 * 1024;
/** Bytes after which the first step ends, each further one after twice as many: in a young process code is slow at first. */
const FIRST_STEP_BYTES = 64 * 1024;
/** Frames after which it ends, however small they are. */
const STEP_FRAMES = 2048;

/** The frame that ends at a position: a batch, or the first frame of a segment. It tells one history from another. */
export interface LastFrame {
  readonly bytes: number;
  readonly crc: number;
}

/** A position and, where known, the frame that ends there. */
export type Applied = LogPosition & Partial<LastFrame>;

/** What a reader gives, in this order; the frames are valid until the call returns. */
export interface ChainVisitor {
  /** A whole state follows: what was visited before is void. Also called for an empty state, with seq 0. */
  snapshot(head: SnapshotHead): void;
  /** The next frame of the snapshot lies in `buffer` from `start` to `end`. */
  state(buffer: Buffer, start: number, end: number): void;
  /** The next batch lies in `buffer` from `start` to `end`. */
  batch(buffer: Buffer, start: number, end: number): void;
}

const EMPTY: SnapshotHead = { seq: 0, time: 0, origins: [] };

export class ChainReader {
  readonly #files: Files;
  readonly #place: Place;
  readonly #to: Position;
  readonly #from: Applied | null;
  readonly #visit: ChainVisitor;
  readonly #checksEntries: boolean;
  #links: Link[] | null = null;
  #snapshotFile: number | null = null;
  #snapshot: SnapshotScanner | null = null;
  #batches: BatchScanner | null = null;
  /** Batches up to here are in the state already; those behind are not older than it. */
  #baseSeq = 0;
  #baseTime = 0;
  #position: LogPosition & LastFrame;
  #isFinished = false;
  #stepBytes = FIRST_STEP_BYTES;

  /**
   * Opens nothing yet.
   * @param to Where to stop: where a frame ends.
   * @param from Where the consumer's state is; null when it has none.
   * @param checksEntries Whether the bodies of frames are checked too; `decodeEntries` does it anyway.
   */
  constructor(
    files: Files,
    place: Place,
    to: Position,
    from: Applied | null,
    visit: ChainVisitor,
    checksEntries = false,
  ) {
    this.#files = files;
    this.#place = place;
    this.#to = to;
    this.#from = from;
    this.#visit = visit;
    this.#checksEntries = checksEntries;
    this.#position = { epoch: 0, segment: 0, offset: 0, seq: 0, time: 0, bytes: 0, crc: 0, ...from };
  }

  /** The end of the last frame that was visited, or of the first frame of the segment behind it; final once `step` returned true. */
  get position(): LogPosition & LastFrame {
    return this.#position;
  }

  /**
   * Visits some frames: at first few, later about `STEP_BYTES`, at most `STEP_FRAMES`. True when everything up to `to` has been
   * visited. Closed then, and after any error.
   * @throws StaleFilesError when a compaction took a file away: the position is out of date.
   * @throws StorageError `ERR_STORAGE_CORRUPT` or `ERR_STORAGE_FORMAT`.
   */
  step(): boolean {
    if (this.#isFinished) return true;
    try {
      this.#links ??= this.#open();
      if (this.#visitSome()) this.close();
      return this.#isFinished;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Closes all files; nothing more is visited. May be called again. */
  close(): void {
    this.#isFinished = true;
    closeLinks(this.#files, this.#links ?? []);
    this.#links = [];
    if (this.#snapshotFile !== null) this.#files.close(this.#snapshotFile);
    this.#snapshotFile = null;
  }

  #open(): Link[] {
    const { epoch, segment, offset } = this.#to;
    const last = openLink(this.#files, this.#place, { epoch, segment, end: offset });
    try {
      return this.#openTail(last) ?? this.#openAll(last);
    } catch (error) {
      this.#files.close(last.file);
      throw error;
    }
  }

  /** Opens what follows `from`; null when that is not known to be part of this history any more. */
  #openTail(last: Link): Link[] | null {
    const from = this.#from;
    if (from === null) return null;
    let links = [last];
    let isKnown = false;
    try {
      links = openChain(this.#files, this.#place, last, (link) => compareSegments(link, from) <= 0);
      isKnown = isInHistory(this.#files, links, from);
    } catch (error) {
      if (!(error instanceof CompactedFileError)) throw error;
    } finally {
      if (!isKnown) closeLinks(this.#files, links.slice(0, -1));
    }
    if (!isKnown) return null;
    this.#baseSeq = from.seq;
    this.#begin(links[0] as Link, from);
    return links;
  }

  #openAll(last: Link): Link[] {
    const listed = snapshotsIn(this.#files.list(this.#place.directory));
    const base = listed.find((seq) => seq <= last.head.seq) ?? 0;
    let links: Link[] = [];
    try {
      links = openChain(this.#files, this.#place, last, (link) => link.head.seq <= base);
      const first = links[0] as Link;
      if (first.head.seq > base) throw new CompactedFileError(snapshotPath(this.#place, first.head.seq));
      this.#openSnapshot(base);
      this.#baseSeq = base;
      this.#begin(first, { ...first.head, offset: first.head.bytes });
      return links;
    } catch (error) {
      closeLinks(this.#files, links.slice(0, -1));
      throw error instanceof CompactedFileError ? this.#explain(error, listed, last) : error;
    }
  }

  #openSnapshot(seq: number): void {
    if (seq === 0) {
      this.#visit.snapshot(EMPTY);
      return;
    }
    const path = snapshotPath(this.#place, seq);
    this.#snapshotFile = openUnlessCompacted(this.#files, path);
    this.#snapshot = new SnapshotScanner(this.#files, path, this.#snapshotFile, seq, this.#checksEntries);
    this.#baseTime = this.#snapshot.head.time;
    this.#visit.snapshot(this.#snapshot.head);
  }

  /** A file is gone. Nothing is deleted before a newer snapshot is there; without one, it was not a compaction. */
  #explain(error: CompactedFileError, listed: readonly number[], last: Link): Error {
    const now = snapshotsIn(this.#files.list(this.#place.directory));
    const isCompacted = now[0] !== listed[0] || (now[0] ?? 0) > last.head.seq;
    return isCompacted ? error : new MissingFileError(error.path, "the log names it", { cause: error });
  }

  #begin(link: Link, at: Applied): void {
    const { epoch, segment } = link;
    const { offset, seq, time, bytes = 0, crc = 0 } = at;
    this.#position = { epoch, segment, offset, seq, time, bytes, crc };
    const part = { path: link.path, file: link.file, epoch, from: offset, to: link.end, seq, time };
    this.#batches = new BatchScanner(this.#files, part, this.#checksEntries);
  }

  /** True when nothing is left. */
  #visitSome(): boolean {
    let bytes = 0;
    const most = this.#stepBytes;
    this.#stepBytes = Math.min(STEP_BYTES, 2 * most);
    for (let count = 0; count < STEP_FRAMES && bytes < most; count++) {
      const visited = this.#snapshot ? this.#visitState(this.#snapshot) : this.#visitBatch();
      if (visited === 0) return true;
      bytes += visited;
    }
    return false;
  }

  /** Returns the bytes of the frame that was visited. */
  #visitState(snapshot: SnapshotScanner): number {
    if (!snapshot.next()) {
      this.#snapshot = null;
      return HEADER_BYTES;
    }
    const { buffer, start, end } = snapshot.frames;
    refusing(snapshot.frames, () => this.#visit.state(buffer, start, end));
    return end - start;
  }

  /** Returns the bytes of the frame that was visited; 0 when there is none left. */
  #visitBatch(): number {
    const batches = this.#batches as BatchScanner;
    if (!batches.next()) return this.#nextLink(batches) ? HEADER_BYTES : 0;
    const { seq, time, crc, frames } = batches;
    const bytes = frames.end - frames.start;
    if (seq > this.#baseSeq) {
      if (!(time >= this.#baseTime)) frames.refuse(`expected a time from ${this.#baseTime} on, got ${time}`);
      refusing(frames, () => this.#visit.batch(frames.buffer, frames.start, frames.end));
    }
    this.#position = { ...this.#position, offset: frames.endOffset, seq, time, bytes, crc };
    return bytes;
  }

  #nextLink(ended: BatchScanner): boolean {
    const links = this.#links as Link[];
    if (links.length === 1) return false;
    this.#files.close((links.shift() as Link).file);
    const link = links[0] as Link;
    expectStart(link, ended.seq, ended.time);
    this.#begin(link, { ...link.head, offset: link.head.bytes });
    return true;
  }
}

/**
 * Gives the current frame to a visitor.
 * @throws DamageError when it finds the entries in it malformed.
 */
function refusing(frames: FrameScanner, visit: () => void): void {
  try {
    visit();
  } catch (error) {
    if (error instanceof MalformedError) frames.refuse(error.message);
    throw error;
  }
}

/** Whether a position lies in the first link, with the frame that it names before it and the next seq behind it. */
export function isInHistory(files: Files, links: readonly Link[], position: Applied): boolean {
  const [first, second] = links as [Link, Link?];
  if (compareSegments(first, position) !== 0 || position.offset > first.end || position.offset < first.head.bytes)
    return false;
  if (position.bytes && !isFrameBefore(files, first, position, position.bytes)) return false;
  if (position.offset === first.head.bytes && (position.seq !== first.head.seq || position.time !== first.head.time))
    return false;
  if (position.offset === first.end) return second === undefined || second.head.seq === position.seq;
  const next = readExactly(files, first.file, position.offset, HEADER_BYTES);
  return next !== null && seqOf(next, 0) === position.seq + 1;
}

/** Whether the frame before a position has the same place and time. The seq alone may be that of a storage that was removed. */
function isFrameBefore(files: Files, link: Link, { offset, seq, time, crc }: Applied, bytes: number): boolean {
  const header = readExactly(files, link.file, offset - bytes, HEADER_BYTES);
  if (header === null || lengthOf(header, 0) !== bytes || (crc && crcOf(header, 0) !== crc)) return false;
  return seqOf(header, 0) === seq && timeOf(header, 0) === time;
}
