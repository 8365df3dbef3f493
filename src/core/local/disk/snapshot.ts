/**
 * Snapshots: the files with the whole state at one seq. FORMAT.md shows the format.
 *
 * Invariant: a file named `snapshot.<seq>` was whole and on the disk before it got that name, and never changes.
 */

import type { Entry } from "../../log/entry.js";
import { END, HEADER_BYTES, isIntact, kindOf, lengthOf, ORIGINS, SNAPSHOT, seqOf } from "../../log/frame.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import type { KnownOrigin, StoredHead } from "../../log/log.js";
import {
  checkSnapshotFrame,
  decodeOrigins,
  SnapshotCheck,
  snapshotFrames,
  stateHeadOf,
} from "../../log/snapshot-frames.js";
import { timeNoteIn } from "../machine/clock.js";
import type { Files, Place, TimeNote } from "../machine/machine.js";
import { bestEffort, openUnlessCompacted, thenClose } from "./file-access.js";
import { CorruptFileError } from "./file-errors.js";
import { snapshotPath } from "./file-names.js";
import { FrameScanner, readExactly } from "./frame-scanner.js";
import { headFrame, readHead } from "./head.js";
import { type Steps, synced } from "./steps.js";
import { writeAll } from "./write-all.js";

/** What the first frame of a snapshot says. */
type Head = Omit<StoredHead, "origins">;

/**
 * Writes a snapshot to a new file. On return all of it is on the disk, except its name.
 * @returns its bytes.
 * @throws the error of a failed file operation; nothing of the file is left then.
 */
export function* writeSnapshot(files: Files, path: string, head: StoredHead, entries: Iterable<Entry>): Steps<number> {
  const file = files.open(path, "create");
  let isWhole = false;
  try {
    const bytes = yield* writeFrames(files, file, snapshotFrames(head, entries));
    isWhole = true;
    return bytes;
  } finally {
    files.close(file);
    if (!isWhole) bestEffort(() => files.unlink(path));
  }
}

function* writeFrames(files: Files, file: number, frames: Iterable<Buffer>): Steps<number> {
  let bytes = 0;
  for (const frame of frames) {
    const { error } = writeAll(files, file, [frame], bytes);
    if (error) throw error;
    bytes += frame.length;
    yield;
  }
  yield* synced(files, file);
  return bytes;
}

/**
 * Whether a file ends as the snapshot of `seq` does; one that was cut off does not. Reads its last 56 bytes.
 * @param seq null: of any seq.
 */
export function isWholeSnapshot(files: Files, file: number, seq: number | null): boolean {
  const end = readExactly(files, file, files.bytes(file) - HEADER_BYTES, HEADER_BYTES);
  if (end === null || lengthOf(end, 0) !== HEADER_BYTES || !isIntact(end, 0, HEADER_BYTES)) return false;
  return kindOf(end, 0) === END && (seq === null || seqOf(end, 0) === seq);
}

/**
 * Reads the first frame of an open snapshot; null when it is not intact.
 * @throws CorruptFileError when it is that of something else.
 * @throws StorageError `ERR_STORAGE_FORMAT` when it does not follow the format of this version; `ERR_STORAGE_PROTOCOL` when it has a level that
 *   this version does not speak.
 */
export function readSnapshotHead(
  files: Files,
  file: number,
  path: string,
): { head: Head; clock: TimeNote | null; bytes: number } | null {
  const frame = headFrame(files, file, path, { kind: SNAPSHOT, mostBytes: MAX_FRAME_BYTES, of: "snapshot" });
  if (frame === null) return null;
  const { history, clock, level } = readHead(path, frame);
  return { head: { ...stateHeadOf(frame), level, history }, clock: timeNoteIn(clock), bytes: frame.length };
}

/**
 * The log time of a snapshot, in ms since 1970.
 * @throws CorruptFileError when it is not whole.
 * @throws CompactedFileError when there is no such file.
 */
export function snapshotTime(files: Files, place: Place, seq: number): number {
  const path = snapshotPath(place, seq);
  const file = openUnlessCompacted(files, path);
  return thenClose(files, file, () => new SnapshotScanner(files, path, file, seq, false).head.time);
}

/** The head of a snapshot. Throws as {@link snapshotTime}. */
export function snapshotHead(files: Files, place: Place, seq: number): StoredHead {
  const path = snapshotPath(place, seq);
  return thenClose(files, openUnlessCompacted(files, path), (file) => readOrigins(files, path, file, seq));
}

/**
 * Reads the head of an open snapshot.
 * @param seq The seq that it must have; null: any.
 * @throws CorruptFileError when it is not whole.
 */
export function readOrigins(files: Files, path: string, file: number, seq: number | null): StoredHead {
  const scanner = new SnapshotScanner(files, path, file, seq, false);
  const origins: KnownOrigin[] = [];
  const { frames } = scanner;
  while (scanner.next() && kindOf(frames.buffer, frames.start) === ORIGINS) {
    frames.give((buffer, start, end) => {
      for (const origin of decodeOrigins(buffer, start, end)) origins.push(origin);
    });
  }
  return { ...scanner.head, origins };
}

/**
 * Reads and checks a whole snapshot.
 * @param seq The seq that it must have; null: any.
 * @throws CompactedFileError when there is no such file.
 * @throws CorruptFileError when anything in it is not what was written.
 */
export function* checkSnapshot(
  files: Files,
  path: string,
  seq: number | null,
): Steps<{ head: Head; clock: TimeNote | null; bytes: number }> {
  const file = openUnlessCompacted(files, path);
  try {
    const scanner = new SnapshotScanner(files, path, file, seq, true);
    while (scanner.next()) yield;
    return { head: scanner.head, clock: scanner.clock, bytes: files.bytes(file) };
  } finally {
    files.close(file);
  }
}

/** Reads a snapshot frame by frame. */
export class SnapshotScanner {
  readonly head: Head;
  /** What time it was at its end; null when it does not say. */
  readonly clock: TimeNote | null;
  readonly #frames: FrameScanner;
  readonly #checksEntries: boolean;
  readonly #check: SnapshotCheck;

  /**
   * @param file Stays open, and is the caller's to close.
   * @param seq The seq that the snapshot must have; null: any.
   * @throws CorruptFileError when its first frame is corrupt, or it ends too soon.
   * @throws StorageError `ERR_STORAGE_FORMAT` when another version wrote it.
   */
  constructor(files: Files, path: string, file: number, seq: number | null, checksEntries: boolean) {
    const first = readSnapshotHead(files, file, path);
    if (first === null)
      throw new CorruptFileError(path, 0, "expected the first frame of a snapshot, got a corrupt one");
    this.head = first.head;
    this.clock = first.clock;
    if (seq !== null && seq !== first.head.seq) {
      throw new CorruptFileError(path, 0, `expected a snapshot of seq ${seq}, got one of ${first.head.seq}`, true);
    }
    const bytes = files.bytes(file);
    if (!isWholeSnapshot(files, file, first.head.seq)) {
      throw new CorruptFileError(path, bytes, "expected the last frame of a snapshot, got something else");
    }
    this.#frames = new FrameScanner(files, path, file, first.bytes, bytes);
    this.#checksEntries = checksEntries;
    this.#check = new SnapshotCheck(first.head.seq);
  }

  get frames(): FrameScanner {
    return this.#frames;
  }

  /**
   * Moves to the next frame with origins or entries; false once the last frame has confirmed that nothing is missing.
   * @throws CorruptFileError when what follows is not what was written.
   */
  next(): boolean {
    const frames = this.#frames;
    if (!frames.next()) frames.fail("expected the last frame of a snapshot, got the end of the file");
    let isLast = false;
    frames.give((buffer, start, end) => {
      isLast = !this.#check.take(buffer, start, end);
    });
    if (isLast && frames.next()) frames.refuse("expected nothing after the end of a snapshot, got a frame");
    if (isLast) return false;
    if (this.#checksEntries) frames.give(checkSnapshotFrame);
    return true;
  }
}
