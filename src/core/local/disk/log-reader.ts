/**
 * Reads the log from its files up to an exact position, in bounded steps: everything, or what follows a position.
 *
 * Invariants: all files are opened before the first frame is visited, so a compaction takes nothing away meanwhile; what
 * was visited is a prefix of the history that ends at `position`; no segment is read beyond the end that its successor
 * names.
 */

import { HEADER_BYTES } from "../../log/frame.js";
import { LEAST_LEVEL } from "../../log/levels.js";
import type { StateHead } from "../../log/log.js";
import type { Files, LogPosition, Place, Position } from "../machine/machine.js";
import {
  closeAllButLast,
  expectHistory,
  headError,
  type Link,
  openAfter,
  openAfterSnapshot,
  openLink,
} from "./chain.js";
import { ChainScanner } from "./chain-scanner.js";
import { openUnlessCompacted } from "./file-access.js";
import { CompactedFileError, MissingFileError } from "./file-errors.js";
import { snapshotPath, snapshotsIn } from "./file-names.js";
import { SnapshotScanner } from "./snapshot.js";

/** Bytes after which a step ends: they keep a member busy for some 2 ms. */
const STEP_BYTES = 256 * 1024;
/** Bytes after which the first step ends, each further one after twice as many: in a young process code is slow at first. */
const FIRST_STEP_BYTES = 64 * 1024;
/** Frames after which it ends, however small they are. */
const STEP_FRAMES = 2048;

/** What a reader gives, in this order; the frames are valid until the call returns. */
export interface LogVisitor {
  /** A whole state follows, and replaces what was visited before. Also called for an empty state, with seq 0. */
  snapshot(head: StateHead): void;
  /** The next frame of the snapshot, with origins or entries, lies in `buffer` from `start` to `end`. */
  state(buffer: Buffer, start: number, end: number): void;
  /** The next batch lies in `buffer` from `start` to `end`. */
  batch(buffer: Buffer, start: number, end: number): void;
}

const EMPTY: StateHead = { seq: 0, time: 0, level: LEAST_LEVEL };

const NOWHERE: LogPosition = { epoch: 0, segment: 0, offset: 0, seq: 0, time: 0 };

export class LogReader {
  readonly #files: Files;
  readonly #place: Place;
  readonly #to: Position;
  readonly #from: LogPosition | null;
  readonly #visit: LogVisitor;
  readonly #checksEntries: boolean;
  #links: readonly Link[] = [];
  #snapshotFile: number | null = null;
  #snapshot: SnapshotScanner | null = null;
  #batches: ChainScanner | null = null;
  #position: LogPosition;
  /** Batches up to here are in the state already; those after it are not older than it. */
  #baseSeq = 0;
  #baseTime = 0;
  #history = "";
  #isFinished = false;
  #stepBytes = FIRST_STEP_BYTES;

  /**
   * Opens nothing yet.
   * @param to Where to stop: where a frame ends.
   * @param from Where the consumer's state is; null when it has none.
   * @param checksEntries Whether the bodies of frames are checked too; `decodeEntries` does that anyway.
   */
  constructor(
    files: Files,
    place: Place,
    to: Position,
    from: LogPosition | null,
    visit: LogVisitor,
    checksEntries = false,
  ) {
    this.#files = files;
    this.#place = place;
    this.#to = to;
    this.#from = from;
    this.#visit = visit;
    this.#checksEntries = checksEntries;
    this.#position = from ?? NOWHERE;
  }

  /** The end of the last frame that was visited, or of the first frame of the segment after it; final once `step` returned true. */
  get position(): LogPosition {
    return this.#position;
  }

  /** The history that the log belongs to; known after the first step. */
  get history(): string {
    return this.#history;
  }

  /**
   * Visits some frames: at first few, later about `STEP_BYTES`, at most `STEP_FRAMES`. True when everything up to `to` has been
   * visited. Closed then, and after any error.
   * @throws CompactedFileError when a compaction took a file away: the position is out of date.
   * @throws StorageError `ERR_STORAGE_CORRUPT` or `ERR_STORAGE_FORMAT`.
   */
  step(): boolean {
    if (this.#isFinished) return true;
    try {
      this.#batches ??= this.#open();
      if (this.#visitSome(this.#batches)) this.close();
      return this.#isFinished;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Closes all files; nothing more is visited. May be called again. */
  close(): void {
    this.#isFinished = true;
    for (const { file } of this.#links) this.#files.close(file);
    this.#links = [];
    if (this.#snapshotFile !== null) this.#files.close(this.#snapshotFile);
    this.#snapshotFile = null;
  }

  #open(): ChainScanner {
    const from = this.#from;
    const last = openLink(this.#files, this.#place, this.#to, from);
    this.#history = last.history;
    this.#links = [last];
    const tail = from && openAfter(this.#files, this.#place, last, from);
    if (tail === null && last.isKnown) throw headError(last.path);
    if (tail) this.#baseSeq = from.seq;
    this.#links = tail ?? this.#openAll(last);
    this.#position = tail ? from : (this.#links[0] as Link).start;
    const options = { checksEntries: this.#checksEntries, mayBeTorn: false };
    return new ChainScanner(this.#files, this.#links, this.#position, options);
  }

  #openAll(last: Link): Link[] {
    const listed = snapshotsIn(this.#files.list(this.#place.directory));
    const base = listed.find((seq) => seq <= last.start.seq) ?? 0;
    let links = [last];
    try {
      links = openAfterSnapshot(this.#files, this.#place, last, base);
      this.#openSnapshot(base, last.history);
      this.#baseSeq = base;
      return links;
    } catch (error) {
      closeAllButLast(this.#files, links);
      throw error instanceof CompactedFileError ? this.#explain(error, listed, last) : error;
    }
  }

  #openSnapshot(seq: number, history: string): void {
    if (seq === 0) {
      this.#visit.snapshot(EMPTY);
      return;
    }
    const path = snapshotPath(this.#place, seq);
    this.#snapshotFile = openUnlessCompacted(this.#files, path);
    this.#snapshot = new SnapshotScanner(this.#files, path, this.#snapshotFile, seq, this.#checksEntries);
    expectHistory(path, this.#snapshot.head.history, history);
    this.#baseTime = this.#snapshot.head.time;
    this.#visit.snapshot(this.#snapshot.head);
  }

  /** A file is gone. Nothing is deleted before a newer snapshot exists; without one, it was not a compaction. */
  #explain(error: CompactedFileError, listed: readonly number[], last: Link): Error {
    const now = snapshotsIn(this.#files.list(this.#place.directory));
    const isCompacted = now[0] !== listed[0] || (now[0] ?? 0) > last.start.seq;
    return isCompacted ? error : new MissingFileError(error.path, "the log names it", { cause: error });
  }

  /** True when nothing is left. */
  #visitSome(batches: ChainScanner): boolean {
    let bytes = 0;
    const most = this.#stepBytes;
    this.#stepBytes = Math.min(STEP_BYTES, 2 * most);
    for (let count = 0; count < STEP_FRAMES && bytes < most; count++) {
      const visited = this.#snapshot ? this.#visitState(this.#snapshot) : this.#visitBatch(batches);
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
    const { frames } = snapshot;
    frames.give((buffer, start, end) => this.#visit.state(buffer, start, end));
    return frames.end - frames.start;
  }

  /** Returns the bytes of the frame that was visited; 0 when there is none left. */
  #visitBatch(batches: ChainScanner): number {
    if (!batches.next()) {
      this.#position = batches.position;
      return 0;
    }
    const { frames, position } = batches;
    const { seq, time } = position;
    if (seq > this.#baseSeq) {
      if (!(time >= this.#baseTime)) frames.refuse(`expected a time from ${this.#baseTime} on, got ${time}`);
      frames.give((buffer, start, end) => this.#visit.batch(buffer, start, end));
    }
    this.#position = position;
    return frames.end - frames.start;
  }
}
