/**
 * Compaction: folds a snapshot and the closed segments after it into a new snapshot. From files alone; FORMAT.md and
 * ARCHITECTURE.md say why it may be frozen and go on at any later time.
 *
 * The order is what makes it harmless: written whole and synced under a temporary name; read back; linked to a name of its
 * own, which is the commit point; the names synced; and only then is anything deleted, and only what that snapshot covers.
 */

import { codeOf, StorageError, sent } from "../../errors.js";
import type { Entry } from "../../log/entry.js";
import type { StoredHead } from "../../log/log.js";
import { Fold } from "../../state/fold.js";
import { openLink } from "../disk/chain.js";
import { bestEffort, linkAs, withFile } from "../disk/file-access.js";
import { CompactedFileError } from "../disk/file-errors.js";
import { snapshotPath, temporaryPath } from "../disk/file-names.js";
import { LogReader } from "../disk/log-reader.js";
import { checkSnapshot, writeSnapshot } from "../disk/snapshot.js";
import { namesSynced, runToEnd, type Steps } from "../disk/steps.js";
import type {
  CompactRequest,
  CompactResult,
  Files,
  Folded,
  FoldRequest,
  Machine,
  Place,
  Position,
} from "../machine/machine.js";
import { MovedError } from "../machine/pinned-files.js";
import { expectRoom, removeCopy, renewCopy } from "./file-copy.js";
import { removeCovered } from "./removal.js";

/** Codes of a disk that has no room left. */
export const NO_ROOM: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Folds the segments of a request into a new snapshot and removes what that covers. Returns when all is on the disk. Writes no
 * snapshot when nothing follows the newest one, which is read and checked then. Nothing is removed when anything fails before.
 * @param makeRoom Called when the disk has no room for the next snapshot; returns whether another try is worth it.
 * @throws StorageError `ERR_STORAGE_CORRUPT` when a file that must be folded is corrupt.
 * @throws CompactedFileError when another compaction has folded it.
 */
export function* compact(machine: Machine, request: FoldRequest, makeRoom = (): boolean => false): Steps<Folded> {
  const { files } = machine;
  const { place, segments } = request;
  const folded = (yield* newestIfWhole(machine, request)) ?? (yield* foldInRoom(machine, request, makeRoom));
  if (folded.snapshot > 0) removeCovered(files, place, folded.snapshot, segments);
  return folded;
}

/**
 * As `compact`, and renews the copy, if there is one. Where the disk has no room for the next snapshot, the copy makes room: it is
 * written again from that snapshot.
 */
export function* compactAndCopy(machine: Machine, request: FoldRequest, copies: boolean): Steps<CompactResult> {
  const makeRoom = (): boolean => copies && bestEffort(() => removeCopy(machine.files, request.place)) === true;
  return yield* copied(machine, request, yield* compact(machine, request, makeRoom), copies);
}

/** Removes what a snapshot covers that holds all of the segments of a request, and renews the copy, if there is one. */
export function* tidy(machine: Machine, request: FoldRequest, folded: Folded, copies: boolean): Steps<CompactResult> {
  removeCovered(machine.files, request.place, folded.snapshot, request.segments);
  return yield* copied(machine, request, folded, copies);
}

/** That the copy cannot be renewed takes nothing back. */
function* copied(machine: Machine, request: FoldRequest, folded: Folded, copies: boolean): Steps<CompactResult> {
  if (!copies || folded.snapshot === 0) return { ...folded, copyFailure: null };
  try {
    yield* renewCopy(machine, request.place, request.epoch, folded.snapshot);
  } catch (error) {
    // Anything else is a mistake.
    if (codeOf(error) === "") throw error;
    return { ...folded, copyFailure: sent(error) };
  }
  return { ...folded, copyFailure: null };
}

function* foldInRoom(machine: Machine, request: FoldRequest, makeRoom: () => boolean): Steps<Folded> {
  try {
    return yield* foldAndPublish(machine, request);
  } catch (error) {
    if (!NO_ROOM.has(codeOf(error)) || !makeRoom()) throw error;
  }
  return yield* foldAndPublish(machine, request);
}

/**
 * Compacts beside the hub that asks for it, in a thread: in the very directory that the hub holds. Blocks until it is done.
 * @throws MovedError when that is not at its path any more.
 */
export function compactBeside(machine: Machine, request: CompactRequest): CompactResult {
  const pin = machine.files.pin(request.place.directory);
  try {
    if (pin.id !== request.directoryId) throw new MovedError(request.place.directory);
    return runToEnd(compactAndCopy({ ...machine, files: pin.files }, request, request.copies));
  } finally {
    pin.close();
  }
}

function* foldAndPublish(machine: Machine, request: FoldRequest): Steps<Folded> {
  const { place, epoch, snapshot, segments, clock } = request;
  const { files } = machine;
  // The next snapshot is as large as the one before, more or less.
  const before = withFile(files, snapshotPath(place, snapshot), (file) => files.bytes(file));
  expectRoom(files, place, before ?? 0);
  const { fold, history } = yield* foldChain(machine, place, segments);
  const { seq } = fold.head;
  while (fold.sweep()) yield;
  if (seq === 0) return { snapshot: 0, bytes: 0 };
  const bytes = yield* publish(machine, place, epoch, { ...fold.head, history, clock }, fold.entries());
  return { snapshot: seq, bytes };
}

function* foldChain(
  machine: Machine,
  place: Place,
  segments: readonly Position[],
): Steps<{ fold: Fold; history: string }> {
  const fold = new Fold();
  const reader = new LogReader(machine.files, place, lastOf(segments), null, fold, true);
  try {
    while (!reader.step()) yield;
  } finally {
    reader.close();
  }
  return { fold, history: reader.history };
}

function lastOf(segments: readonly Position[]): Position {
  const last = segments.at(-1);
  if (last === undefined) throw new RangeError("expected segments to fold, got none");
  return last;
}

/** The newest snapshot, read and checked, if the last segment begins after it and holds nothing; else null. */
function* newestIfWhole({ files }: Machine, { place, snapshot, segments }: FoldRequest): Steps<Folded | null> {
  const last = openLink(files, place, lastOf(segments));
  files.close(last.file);
  if (snapshot === 0 || last.start.seq > snapshot || last.end > last.start.offset) return null;
  const { bytes } = yield* checkSnapshot(files, snapshotPath(place, snapshot), snapshot);
  return { snapshot, bytes };
}

/**
 * Publishes a state as `snapshot.<seq>`. Returns when that file is whole and on the disk. Another process may have published
 * the same state before: its file stays if it is whole, and is replaced if it was damaged since.
 * @returns the bytes of the snapshot.
 */
export function* publish(
  machine: Machine,
  place: Place,
  epoch: number,
  head: StoredHead,
  entries: Iterable<Entry>,
): Steps<number> {
  const { files } = machine;
  const temporary = temporaryPath(place, epoch, machine.random(8).toString("hex"));
  const bytes = yield* writeSnapshot(files, temporary, head, entries);
  try {
    yield* checkSnapshot(files, temporary, head.seq);
    yield* nameSnapshot(files, temporary, snapshotPath(place, head.seq), head.seq);
  } finally {
    files.unlink(temporary);
  }
  yield* namesSynced(files, place.directory);
  return bytes;
}

/** Gives a snapshot its name, unless a whole one has it: two snapshots of one seq hold the same state. */
function* nameSnapshot(files: Files, temporary: string, path: string, seq: number): Steps<void> {
  try {
    linkAs(files, temporary, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (!(yield* isWhole(files, path, seq))) files.rename(temporary, path);
  }
}

function* isWhole(files: Files, path: string, seq: number): Steps<boolean> {
  try {
    yield* checkSnapshot(files, path, seq);
    return true;
  } catch (error) {
    if (error instanceof StorageError || error instanceof CompactedFileError) return false;
    throw error;
  }
}
