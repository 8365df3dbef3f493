/**
 * `app.db`, the copy for people and backups: a file of its own, so that nothing that is done to it touches the storage.
 *
 * Invariants:
 *
 * 1. No file is replaced or removed that is not known to be this storage's: `copy.<seq>.<history>` in the directory notes each file
 *    that it may have written as `app.db`, or has imported. The note is on the disk before the file is at its place, so a crash at any
 *    point leaves a file that is known.
 * 2. It is replaced by one rename, by a file that is whole and on the disk: a process that opens it finds the old copy or the new one.
 * 3. A manager that was replaced, and goes on later, does not put an older copy into the place of a newer one.
 */

import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { codeOf, StorageError } from "../../errors.js";
import { kindOf, SNAPSHOT, seqOf } from "../../log/frame.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import { bestEffort, linkAs, openIfThere } from "../disk/file-access.js";
import { CorruptFileError } from "../disk/file-errors.js";
import { type CopyNote, copyNotePath, copyNotesIn, snapshotPath, temporaryPath } from "../disk/file-names.js";
import { BLOCK_BYTES, firstFrame, readExactly } from "../disk/frame-scanner.js";
import { historyIn } from "../disk/head.js";
import { isWholeSnapshot } from "../disk/snapshot.js";
import { namesSynced, type Steps, synced } from "../disk/steps.js";
import { writeAll } from "../disk/write-all.js";
import { NO_ACCESS } from "../machine/address.js";
import type { Files, Machine, Place } from "../machine/machine.js";

/** What is at the place of the copy. */
export type CopyState =
  | { readonly kind: "none" }
  /** A file that this storage has written or imported. */
  | { readonly kind: "own"; readonly seq: number; readonly isNoted: boolean }
  /** Something else, which stays as it is. `refusal`: what it is cannot be known, since this process may not open it. */
  | { readonly kind: "foreign"; readonly refusal?: unknown };

/**
 * What is at the place of the copy now.
 * @param history Of this storage. A copy of it is known also where there is no note at all: the directory was written anew.
 */
export function copyState(files: Files, place: Place, history: string | null): CopyState {
  return withCopy(files, place, history, (_, state) => state);
}

/** Calls with the open file, or null, and what it is. A link, a directory, or a file that cannot be read is foreign. */
function withCopy<T>(
  files: Files,
  place: Place,
  history: string | null,
  use: (file: number | null, state: CopyState) => T,
): T {
  let file: number | null;
  try {
    file = openIfThere(files, place.filename);
  } catch (error) {
    if (error instanceof StorageError) return use(null, { kind: "foreign" });
    if (!NO_ACCESS.has(codeOf(error))) throw error;
    return use(null, { kind: "foreign", refusal: error });
  }
  if (file === null) return use(null, { kind: "none" });
  try {
    return use(file, stateOf(files, place, file, history));
  } finally {
    files.close(file);
  }
}

function stateOf(files: Files, place: Place, file: number, history: string | null): CopyState {
  const notes = copyNotesIn(files.list(place.directory));
  const note = noteOf(files, file, place.filename, notes);
  if (note === null) return { kind: "foreign" };
  const isNoted = notes.some(({ seq, mark }) => seq === note.seq && mark === note.mark);
  const isKnown = isNoted || (notes.length === 0 && note.mark === history);
  return isKnown ? { kind: "own", seq: note.seq, isNoted } : { kind: "foreign" };
}

/**
 * What names a file: the seq and the history of a whole snapshot; of anything else 0 and a hash of its bytes, if a note may be about
 * such a file.
 */
function noteOf(files: Files, file: number, path: string, notes: readonly CopyNote[]): CopyNote | null {
  const frame = firstFrame(files, file, MAX_FRAME_BYTES);
  if (frame !== null && kindOf(frame, 0) === SNAPSHOT) {
    const seq = seqOf(frame, 0);
    const mark = isWholeSnapshot(files, file, seq) ? markIn(files, file, path) : null;
    return mark ? { seq, mark } : null;
  }
  return notes.some(({ seq }) => seq === 0) ? { seq: 0, mark: hashOf(files, file) } : null;
}

/** The history of a file; null when it names none. That it cannot be read says nothing of it, and is thrown. */
function markIn(files: Files, file: number, path: string): string | null {
  try {
    return historyIn(files, file, path);
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}

function hashOf(files: Files, file: number): string {
  const hash = createHash("sha256");
  const total = files.bytes(file);
  for (let at = 0; at < total; at += BLOCK_BYTES) {
    hash.update(readExactly(files, file, at, Math.min(BLOCK_BYTES, total - at)) ?? "");
  }
  return hash.digest("hex").slice(0, 32);
}

/**
 * Notes that an open file, which is imported, may be replaced later. Called before anything is published, so that the file is known
 * whenever there is a log. On return the note is on the disk.
 */
export function* noteImport(files: Files, place: Place, file: number): Steps<void> {
  const note = noteOf(files, file, place.filename, [{ seq: 0, mark: "" }]);
  if (note !== null) yield* writeNote(files, place, note);
}

function* writeNote(files: Files, place: Place, note: CopyNote): Steps<void> {
  const path = copyNotePath(place, note);
  try {
    files.close(files.open(path, "create"));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  yield* namesSynced(files, place.directory);
}

/**
 * Renews the copy from a snapshot, unless it is as new already. On return it is on the disk.
 * @throws StorageError `ERR_STORAGE_COPY` when something else is at its place, which stays; else the error of a failed file
 *   operation: the old copy stays.
 */
export function* renewCopy(machine: Machine, place: Place, epoch: number, snapshot: number): Steps<void> {
  const { files } = machine;
  const path = snapshotPath(place, snapshot);
  const source = openIfThere(files, path);
  // A newer compaction has removed the snapshot: it renews the copy.
  if (source === null) return;
  const temporary = temporaryPath(place, epoch, machine.random(8).toString("hex"));
  try {
    const note = noteOf(files, source, path, []);
    if (note === null) throw new CorruptFileError(path, 0, "expected a whole snapshot, got something else");
    const state = copyState(files, place, note.mark);
    if (state.kind === "foreign") throw foreignError(place);
    if (state.kind !== "own" || state.seq < snapshot) {
      yield* copyFile(files, place, path, source, temporary);
      // One that is known without a note would be unknown beside the new note.
      if (state.kind === "own" && !state.isNoted) yield* writeNote(files, place, { seq: state.seq, mark: note.mark });
      yield* writeNote(files, place, note);
      replaceCopy(files, place, note, temporary);
    }
    // A loss of power could bring back the file before, also when the name was given before now, and this sync failed.
    yield* namesSynced(files, dirname(place.filename));
    removeNotes(files, place, snapshot);
  } finally {
    files.close(source);
    bestEffort(() => files.unlink(temporary));
  }
}

/** Removes the notes of files below a seq; none: all. */
export function removeNotes(files: Files, place: Place, below = Number.POSITIVE_INFINITY): void {
  for (const note of copyNotesIn(files.list(place.directory))) {
    if (note.seq < below) files.unlink(copyNotePath(place, note));
  }
}

/** On return the copy of an open file is whole and on the disk. */
function* copyFile(files: Files, place: Place, path: string, file: number, to: string): Steps<void> {
  const isCloned = files.clone(path, to);
  if (!isCloned) expectRoom(files, place, files.bytes(file));
  const target = files.open(to, isCloned ? "write" : "create");
  try {
    if (!isCloned) yield* copyBytes(files, { path, file }, target);
    yield* synced(files, target);
  } finally {
    files.close(target);
  }
}

/**
 * Copies the bytes of an open file from a position on to the end of another one.
 * @throws CorruptFileError when it has become shorter meanwhile.
 */
export function* copyBytes(
  files: Files,
  source: { readonly path: string; readonly file: number; readonly from?: number | undefined },
  target: number,
): Steps<void> {
  const { path, file, from = 0 } = source;
  const total = files.bytes(file);
  let to = files.bytes(target);
  for (let at = from; at < total; at += BLOCK_BYTES) {
    const block = readExactly(files, file, at, Math.min(BLOCK_BYTES, total - at));
    if (block === null) throw new CorruptFileError(path, at, `expected ${total} bytes, got fewer`);
    const { bytes, error } = writeAll(files, target, [block], to);
    if (error) throw error;
    to += bytes;
    yield;
  }
}

/** Puts a file into the place of the copy, in one step: directly after a look at what is there, and into a free place exclusively. */
function replaceCopy(files: Files, place: Place, { seq, mark }: CopyNote, temporary: string): void {
  withCopy(files, place, mark, (file, state) => {
    if (state.kind === "none") linkCopy(files, place, temporary);
    else if (state.kind === "own" && state.seq >= seq) return;
    else if (state.kind === "own" && file !== null && files.lookAt(file, place.filename).isAtPath)
      files.rename(temporary, place.filename);
    else throw foreignError(place);
  });
}

function linkCopy(files: Files, place: Place, temporary: string): void {
  try {
    linkAs(files, temporary, place.filename);
  } catch (error) {
    throw codeOf(error) === "EEXIST" ? foreignError(place) : error;
  }
}

/**
 * Removes the copy; another file stays.
 * @returns whether it was there.
 * @throws the error of a file that this process may not open: were it the copy, what is removed would be imported again.
 */
export function removeCopy(files: Files, place: Place): boolean {
  return withCopy(files, place, null, (file, state) => {
    if (state.kind === "foreign" && state.refusal) throw state.refusal;
    const isOwn = state.kind === "own" && file !== null && files.lookAt(file, place.filename).isAtPath;
    return isOwn && files.unlink(place.filename);
  });
}

/** @throws the error of a full disk when a file of so many bytes does not fit: nothing is begun that would leave no room for others. */
export function expectRoom(files: Files, { directory }: Place, bytes: number): void {
  const room = files.room(directory);
  if (room >= bytes) return;
  const message = `ENOSPC: no space left on device, write; expected room for ${bytes} bytes in ${directory}, got ${room}`;
  throw Object.assign(new Error(message), { code: "ENOSPC", syscall: "write" });
}

/** What is reported of something else at the place of the copy. */
export function foreignError({ filename, directory }: Place): StorageError {
  const message = `expected ${filename} to be the copy that this storage has written, got something else, which stays as it is: move it away, and the copy is written again; if it is a backup to be restored, close the storage in all processes and remove ${basename(directory)} first`;
  return new StorageError("ERR_STORAGE_COPY", message);
}
