/**
 * Backups: whole copies of a state in files that belong to nobody, and the way back.
 *
 * A restore is prepared beside the storage, and its commit point is one rename: that of the storage's directory, which is put aside. Until
 * then a process that opens the storage finds the old data; from then on it finds nothing but the backup at the place of the copy, and
 * imports that.
 */
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, described, StorageError } from "../../errors.js";
import type { StateView } from "../../log/log.js";
import { bestEffort, linkAs, openIfThere } from "../disk/file-access.js";
import { newHistory } from "../disk/head.js";
import { checkSnapshot, writeSnapshot } from "../disk/snapshot.js";
import { namesSynced, type Steps, synced } from "../disk/steps.js";
import type { Files, Machine, Place } from "../machine/machine.js";
import { copyBytes, copyState, expectRoom } from "./file-copy.js";

/**
 * Writes a state to a file, which is replaced in one step if it exists. On return all of it is on the disk; after an error the file is
 * what it was before. The backup begins a history of its own.
 * @throws RangeError when the file is one of the storage's own; StorageError `ERR_STORAGE_BACKUP` when it cannot be written.
 */
export function* writeBackup(machine: Machine, place: Place, file: string, view: StateView): Steps<void> {
  const { files } = machine;
  const path = foreignPath(files, place, file);
  const temporary = besides(machine, path);
  try {
    // A state without a batch has a seq all the same, so that the file is one.
    const head = { ...view.head, seq: Math.max(1, view.head.seq), history: newHistory(machine) };
    yield* writeSnapshot(files, temporary, head, view.entries());
    yield* checkSnapshot(files, temporary, head.seq);
    files.rename(temporary, path);
    yield* namesSynced(files, dirname(path));
  } catch (cause) {
    if (codeOf(cause) === "") throw cause;
    throw backupError(`the backup ${path} could not be written`, cause as Error);
  } finally {
    bestEffort(() => files.unlink(temporary));
  }
}

/** A name in the directory of a file that nobody else uses. */
function besides({ random }: Machine, path: string): string {
  return join(dirname(path), `.${basename(path)}.${random(8).toString("hex")}.tmp`);
}

/** The path of a file that is not the storage's. */
function foreignPath(files: Files, place: Place, file: string): string {
  const wanted = resolve(file);
  let path: string;
  try {
    path = join(files.realPath(dirname(wanted)), basename(wanted));
  } catch (cause) {
    throw backupError(`the backup ${wanted} could not be written`, cause as Error);
  }
  if (path !== place.filename && path !== place.directory && !path.startsWith(`${place.directory}/`)) return path;
  throw new RangeError(`expected a backup to be none of the storage's own files, got ${path}`);
}

function backupError(what: string, cause: Error): StorageError {
  return new StorageError("ERR_STORAGE_BACKUP", `${what}: ${described(cause)}`, { cause });
}

/**
 * Puts a backup into the place of a storage that no process has open. On return the next process that opens it finds what the
 * backup holds; after an error it finds what was there before.
 * @throws StorageError `ERR_STORAGE_BACKUP` when the file is no whole backup, or something else than the copy is at its place.
 */
export function* restoreBackup(machine: Machine, place: Place, file: string): Steps<void> {
  const { files } = machine;
  const path = resolve(file);
  const temporary = besides(machine, place.filename);
  const aside = `${place.directory}.${machine.random(8).toString("hex")}.old`;
  try {
    yield* copyBackup(files, place, path, temporary);
    replaceOwn(files, place, path, temporary);
    yield* namesSynced(files, dirname(place.filename));
    files.rename(place.directory, aside);
    yield* namesSynced(files, dirname(place.directory));
  } catch (cause) {
    if (codeOf(cause) === "") throw cause;
    throw backupError(`the backup ${path} could not be restored`, cause as Error);
  } finally {
    bestEffort(() => files.unlink(temporary));
  }
  bestEffort(() => removeAll(files, aside));
}

/** On return the copy of a backup is whole and on the disk. */
function* copyBackup(files: Files, place: Place, path: string, to: string): Steps<void> {
  const source = openIfThere(files, path);
  if (source === null) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
  try {
    expectRoom(files, place, files.bytes(source));
    const target = files.open(to, "create");
    try {
      yield* copyBytes(files, { path, file: source }, target);
      yield* synced(files, target);
    } finally {
      files.close(target);
    }
  } finally {
    files.close(source);
  }
  yield* checkSnapshot(files, to, null);
}

/** Puts the new copy into its place, in one step, over the storage's own copy, over the backup itself, or into a free place. */
function replaceOwn(files: Files, place: Place, path: string, temporary: string): void {
  const { kind } = copyState(files, place, null);
  if (kind === "none") linkAs(files, temporary, place.filename);
  else if (kind === "own" || path === place.filename) files.rename(temporary, place.filename);
  else
    throw new StorageError(
      "ERR_STORAGE_BACKUP",
      `expected ${place.filename} to be the copy, got something else; move it away`,
    );
}

function removeAll(files: Files, directory: string): void {
  for (const name of files.list(directory)) files.unlink(join(directory, name));
  files.removeDirectory(directory);
}
