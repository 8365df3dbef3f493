/** Imports `app.db` when no log exists yet: a backup that a person put there, or a file of version 1. */

import { isRangeError, StorageError } from "../../errors.js";
import { kindOf, SNAPSHOT } from "../../log/frame.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import type { StoredHead } from "../../log/log.js";
import { snapshotHeadFrame } from "../../log/snapshot-frames.js";
import { Fold } from "../../state/fold.js";
import { linkOnce, openIfThere } from "../disk/file-access.js";
import { CorruptFileError, formatError } from "../disk/file-errors.js";
import { snapshotPath, temporaryPath } from "../disk/file-names.js";
import { firstFrame, readExactly } from "../disk/frame-scanner.js";
import { newHistory } from "../disk/head.js";
import { checkSnapshot, readSnapshotHead, SnapshotScanner } from "../disk/snapshot.js";
import { namesSynced, type Steps, synced } from "../disk/steps.js";
import { writeAll } from "../disk/write-all.js";
import type { Files, Machine, Place } from "../machine/machine.js";
import { publish } from "./compactor.js";
import { copyBytes, noteImport, removeNotes } from "./file-copy.js";
import { entriesOfVersion1 } from "./version1.js";

/**
 * Publishes what `app.db` holds as a snapshot, with which another history begins: others may go on from the same copy elsewhere.
 * Returns when that is on the disk; `app.db` stays as it is, and is not shared.
 * @param end The tombstone of a storage that was removed here: the snapshot comes after it. An older file that holds nothing does
 *   not count.
 * @returns false when there is no such file.
 * @throws StorageError `ERR_STORAGE_FORMAT` when it is neither a snapshot nor a file of version 1; `ERR_STORAGE_CORRUPT` when
 *   it is a corrupt snapshot; `ERR_STORAGE_DIRECTORY` when it belongs to another user: in a directory that others can write, any
 *   user could have put it there.
 */
export function* importCopy(
  machine: Machine,
  place: Place,
  epoch: number,
  end: StoredHead | null = null,
): Steps<boolean> {
  const { files } = machine;
  const file = openIfThere(files, place.filename);
  if (file === null) return false;
  try {
    if (!files.isOwn(file)) throw strangerError(place.filename);
    const frame = firstFrame(files, file, MAX_FRAME_BYTES);
    if (frame !== null && kindOf(frame, 0) === SNAPSHOT) return yield* adoptSnapshot(machine, place, epoch, file, end);
    yield* adoptVersion1(machine, place, epoch, file, (end?.seq ?? 0) + 1);
    return true;
  } finally {
    files.close(file);
  }
}

function strangerError(path: string): StorageError {
  const message = `expected ${path} to belong to this user or to root, got a file of another user: move it away, or chown it if you know what it holds`;
  return new StorageError("ERR_STORAGE_DIRECTORY", message);
}

function* adoptSnapshot(
  machine: Machine,
  place: Place,
  epoch: number,
  source: number,
  end: StoredHead | null,
): Steps<boolean> {
  const { files } = machine;
  const { head, clock } = yield* checkSnapshot(files, place.filename, null);
  const { seq } = head;
  const history = newHistory(machine);
  yield* noteImport(files, place, source);
  if (end !== null && seq <= end.seq) {
    const fold = yield* foldSnapshot(files, place.filename, source);
    if (fold.keyCount === 0) return false;
    fold.skip(end.seq + 1, end.origins);
    yield* publish(machine, place, epoch, { ...fold.head, history, clock }, fold.entries());
    return true;
  }
  const temporary = temporaryPath(place, epoch, machine.random(8).toString("hex"));
  const copy = files.open(temporary, "create");
  try {
    yield* copyWithHead(files, { path: place.filename, file: source }, copy, { ...head, history, clock });
    yield* synced(files, copy);
    yield* checkSnapshot(files, temporary, seq);
    linkOnce(files, temporary, snapshotPath(place, seq));
  } finally {
    files.close(copy);
    files.unlink(temporary);
  }
  yield* namesSynced(files, place.directory);
  return true;
}

function* foldSnapshot(files: Files, path: string, file: number): Steps<Fold> {
  const scanner = new SnapshotScanner(files, path, file, null, true);
  const fold = new Fold();
  fold.snapshot(scanner.head);
  while (scanner.next()) {
    fold.state(scanner.frames.buffer, scanner.frames.start, scanner.frames.end);
    yield;
  }
  return fold;
}

/** Copies an open snapshot to an empty file, with another first frame. */
function* copyWithHead(
  files: Files,
  { path, file }: { path: string; file: number },
  target: number,
  head: Omit<StoredHead, "origins">,
): Steps<void> {
  const from = readSnapshotHead(files, file, path)?.bytes;
  const { error } = writeAll(files, target, [snapshotHeadFrame(head)], 0);
  if (error) throw error;
  yield* copyBytes(files, { path, file, from }, target);
}

/** The imported state has a seq, so that it exists. */
function* adoptVersion1(machine: Machine, place: Place, epoch: number, source: number, seq: number): Steps<void> {
  const now = Math.floor(machine.clock.now());
  try {
    const entries = entriesOfVersion1(place.filename, readText(machine.files, source, place.filename), now);
    const fold = new Fold();
    fold.skip(seq - 1);
    fold.apply({ seq, time: now, origin: 0, born: 0, number: 0, entries });
    yield* noteImport(machine.files, place, source);
    yield* publish(machine, place, epoch, { ...fold.head, history: newHistory(machine) }, fold.entries());
  } catch (cause) {
    if (!isRangeError(cause) && !(cause instanceof CorruptFileError)) throw cause;
    removeNotes(machine.files, place);
    throw formatError(place.filename, `expected values within the limits, got one that is not: ${cause.message}`, {
      cause,
    });
  }
}

function readText(files: Files, file: number, path: string): string {
  const bytes = readExactly(files, file, 0, files.bytes(file));
  if (bytes === null) throw formatError(path, "expected a file that stays as it is, got one that shrinks");
  return bytes.toString("utf8");
}
