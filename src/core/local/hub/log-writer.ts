/** The writing end of the log: the newest segment, and the closed segments and the snapshot before it. */
import { basename } from "node:path";
import { seqOf } from "../../log/frame.js";
import { withFile } from "../disk/file-access.js";
import { segmentPath, snapshotPath, snapshotsIn } from "../disk/file-names.js";
import { readSegmentHead, Segment } from "../disk/segment.js";
import type {
  Files,
  Folded,
  FoldRequest,
  HubOptions,
  LogPosition,
  Place,
  Position,
  TimeNote,
} from "../machine/machine.js";
import { expectRoom } from "../upkeep/file-copy.js";
import type { Recovered } from "../upkeep/recovery.js";

/** The result of an append. */
export interface Appended {
  /** Bytes of whole frames that are in the log now, and on the disk as far as `fsync` asks for it at once. */
  readonly bytes: number;
  /** Why not everything was appended; null when it was. */
  readonly error: Error | null;
}

/**
 * Invariants:
 *
 * 1. `#confirmed` is the end of what passed the seat check. So a segment is closed with confirmed frames only, and every
 *    snapshot is a prefix of the true history.
 * 2. A segment whose fsync failed, or whose unfinished end cannot be cut off, is never written again.
 */
export class LogWriter {
  readonly #files: Files;
  readonly #place: Place;
  readonly #epoch: number;
  readonly #fsync: HubOptions["fsync"];
  readonly #history: string;
  readonly #clock: () => TimeNote | null;
  #segment: Segment;
  #confirmed: LogPosition;
  #closed: Position[];
  #snapshot: number;
  #snapshotBytes: number;
  /** The number of the newest segment that was tried. A segment that could not be created may keep its name. */
  #lastSegment = 1;
  #reservedBytes = 0;
  #isSyncing = false;
  #isDirty = false;
  #isClosed = false;

  /**
   * Begins the first segment of an epoch, after what was recovered.
   * @param clock What time it is.
   * @throws the error of a failed file operation; nothing of the segment is left then.
   */
  constructor(
    files: Files,
    place: Place,
    epoch: number,
    recovered: Recovered,
    fsync: HubOptions["fsync"],
    clock: () => TimeNote | null = () => null,
  ) {
    this.#clock = clock;
    this.#files = files;
    this.#place = place;
    this.#epoch = epoch;
    this.#fsync = fsync;
    this.#history = recovered.history;
    this.#closed = [...recovered.segments];
    this.#snapshot = recovered.snapshot;
    this.#snapshotBytes = recovered.snapshotBytes;
    this.#segment = this.#begin(1, recovered.seq, recovered.time, recovered.segments.at(-1) ?? null);
    this.#confirmed = this.#positionAt(1, recovered.seq, recovered.time);
  }

  /** The end of what is confirmed. */
  get confirmed(): LogPosition {
    return this.#confirmed;
  }

  /** The first frame of the newest segment. */
  get head(): Buffer {
    return this.#segment.head;
  }

  /** {@link StoredHead.history} */
  get history(): string {
    return this.#history;
  }

  /** Bytes of the files that a joining member reads. */
  get bytes(): number {
    return this.#snapshotBytes + this.segmentBytes;
  }

  /** Bytes of the segments after the snapshot. */
  get segmentBytes(): number {
    return this.#closed.reduce((sum, { offset }) => sum + offset, this.#confirmed.offset);
  }

  /** Segments after the snapshot. */
  get segmentCount(): number {
    return this.#closed.length + 1;
  }

  get snapshotBytes(): number {
    return this.#snapshotBytes;
  }

  /** Whether the newest segment cannot be written any more: a further append begins a new one. */
  get mustRotate(): boolean {
    return this.#segment.hasTornEnd || this.#segment.hasSyncFailed;
  }

  /**
   * What is wrong with the files, as far as a look at their names and at the newest segment shows; null: nothing. A newer snapshot is
   * of a compaction from before the fence, and covers what is missing.
   */
  get damage(): string | null {
    if (this.#segment.isDisturbed) return `${this.#segment.path} was changed, moved or removed`;
    const names = this.#files.list(this.#place.directory);
    if ((snapshotsIn(names)[0] ?? 0) > this.#snapshot) return null;
    const isMissing = (path: string): boolean => !names.includes(basename(path));
    const snapshot = snapshotPath(this.#place, this.#snapshot);
    if (this.#snapshot > 0 && isMissing(snapshot)) return `${snapshot} is missing`;
    const paths = this.#closed.map(({ epoch, segment }) => segmentPath(this.#place, epoch, segment));
    const last = paths.findLastIndex(isMissing);
    // A compaction that finds nothing after the snapshot leaves that, and removes segments all the same.
    if (last === -1 || this.#startOf(last + 1) <= this.#snapshot) return null;
    return `${paths[last]} is missing`;
  }

  /** The seq after which a closed segment begins, or the newest one after those. Infinity: its first frame is not intact. */
  #startOf(index: number): number {
    const files = this.#files;
    const closed = this.#closed[index];
    if (closed === undefined) return seqOf(this.#segment.head, 0);
    const path = segmentPath(this.#place, closed.epoch, closed.segment);
    const head = withFile(files, path, (file) => readSegmentHead(files, file, path, closed));
    return head?.start.seq ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the newest segment has no confirmed batch yet. */
  get isFresh(): boolean {
    return this.#confirmed.offset === this.#segment.head.length;
  }

  /** Whether the newest segment holds nothing after what is confirmed. */
  get isSettled(): boolean {
    return this.#segment.end === this.#confirmed.offset;
  }

  /**
   * Appends frames after what is confirmed. `done` is called once; the caller must check its seat then, and call `confirm`. Until
   * then nothing but `close` may be called.
   * @param mayBlock Whether it may block until the disk has written; `done` has been called on return then.
   */
  append(buffers: readonly Buffer[], done: (appended: Appended) => void, mayBlock = true): void {
    const append = (failed: Error | null): void => {
      if (failed) done({ bytes: 0, error: failed });
      else this.#append(buffers, done, mayBlock);
    };
    if (this.mustRotate) this.rotate(append, mayBlock);
    else append(null);
  }

  #append(buffers: readonly Buffer[], done: (appended: Appended) => void, mayBlock: boolean): void {
    const refusal = this.#reservedBytes > 0 ? this.#refusal(buffers) : null;
    if (refusal !== null) {
      done({ bytes: 0, error: refusal });
      return;
    }
    const error = this.#segment.append(buffers);
    const bytes = this.#segment.end - this.#confirmed.offset;
    this.#isDirty ||= bytes > 0;
    if (this.#fsync !== "always" || bytes === 0) done({ bytes, error });
    else this.#sync((failed) => done(failed ? { bytes: 0, error: failed } : { bytes, error }), mayBlock);
  }

  /** Keeps room on the disk for a fold: without it, writes would take what the fold needs to make room for them. 0: none. */
  reserve(bytes: number): void {
    this.#reservedBytes = bytes;
  }

  #refusal(buffers: readonly Buffer[]): Error | null {
    const bytes = buffers.reduce((sum, { length }) => sum + length, this.#reservedBytes);
    return errorIn(() => expectRoom(this.#files, this.#place, bytes));
  }

  #sync(done: (error: Error | null) => void, mayBlock: boolean): void {
    if (mayBlock) done(errorIn(() => this.#segment.sync()));
    else this.#segment.syncLater((error) => done(this.#isClosed ? new Error("the log was closed meanwhile") : error));
  }

  /** The seat was still ours after the last append: what that wrote is part of the history, up to `seq` at `time`. */
  confirm(seq: number, time: number): void {
    this.#confirmed = this.#positionAt(this.#confirmed.segment, seq, time);
  }

  /**
   * Closes the newest segment at its confirmed end and begins the next one. The closed one is on the disk before the next
   * one names its end, since a loss of power must not make it shorter than it is said to be.
   * @param done Called once: with the error of a failed file operation, after which the segment goes on, or with null.
   * @param mayBlock As for `append`.
   */
  rotate(done: (error: Error | null) => void, mayBlock = true): void {
    const begin = (failed: Error | null): void => done(failed ?? errorIn(() => this.#beginNext()));
    if (this.#segment.hasSyncFailed) begin(null);
    else this.#sync(begin, mayBlock);
  }

  #beginNext(): void {
    const { segment, seq, time, offset } = this.#confirmed;
    const closed: Position = { epoch: this.#epoch, segment, offset };
    const previous = this.#segment;
    const next = ++this.#lastSegment;
    this.#segment = this.#begin(next, seq, time, closed);
    this.#closed.push(closed);
    this.#confirmed = this.#positionAt(next, seq, time);
    previous.close();
  }

  /** Brings what was appended to the disk, unless that is under way; `done` is called with the error of a failed try only. */
  syncLater(failed: (error: Error) => void): void {
    if (!this.#isDirty || this.#isSyncing || this.mustRotate) return;
    this.#isDirty = false;
    this.#isSyncing = true;
    this.#segment.syncLater((error) => {
      this.#isSyncing = false;
      if (error) failed(error);
    });
  }

  /** All segments after the snapshot, the newest one up to its confirmed end. */
  get chain(): Position[] {
    const { epoch, segment, offset } = this.#confirmed;
    return [...this.#closed, { epoch, segment, offset }];
  }

  /** What a compaction would fold now: all closed segments. */
  compaction(): FoldRequest {
    const clock = this.#clock();
    return { place: this.#place, epoch: this.#epoch, snapshot: this.#snapshot, segments: [...this.#closed], clock };
  }

  /** What a compaction would fold once nothing more is written: all segments, the newest one up to its confirmed end. */
  get everything(): FoldRequest {
    return { ...this.compaction(), segments: this.chain };
  }

  /** A compaction of `request` is done; snapshot 0: there was nothing to fold. */
  compacted(request: FoldRequest, result: Folded): void {
    if (result.snapshot === 0) return;
    this.#closed = this.#closed.slice(request.segments.length);
    this.#snapshot = result.snapshot;
    this.#snapshotBytes = result.bytes;
  }

  /** A snapshot holds all that was before some of the closed segments. */
  beginsAfter(snapshot: number, bytes: number, closed: readonly Position[]): void {
    this.#closed = [...closed];
    this.#snapshot = snapshot;
    this.#snapshotBytes = bytes;
  }

  /** @param isLeaving Whether nobody may sync for a while from now on, since the next manager may come late. */
  close(isLeaving = false, mayBlock = true): void {
    if (isLeaving && this.#fsync === "everysec" && this.#isDirty) {
      if (mayBlock) errorIn(() => this.#segment.sync());
      else this.syncLater(() => {});
    }
    this.#isClosed = true;
    this.#segment.close();
  }

  #begin(segment: number, seq: number, time: number, previous: Position | null): Segment {
    const start = { epoch: this.#epoch, segment, seq, time };
    return Segment.create(this.#files, this.#place, start, previous, this.#history, this.#clock());
  }

  #positionAt(segment: number, seq: number, time: number): LogPosition {
    return { epoch: this.#epoch, segment, offset: this.#segment.end, seq, time };
  }
}

/** What a call throws; null when it returns. */
function errorIn(call: () => void): Error | null {
  try {
    call();
    return null;
  } catch (error) {
    return error as Error;
  }
}
