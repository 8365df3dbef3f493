/** Creates the directory of a storage, and checks that the storage can use it. */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { codeOf, described, StorageError } from "../../errors.js";
import { makeShelter, NO_ACCESS } from "../machine/address.js";
import type { Files, Machine, Place } from "../machine/machine.js";
import { warnOnce } from "../machine/warnings.js";
import { bestEffort, linkAs } from "./file-access.js";
import { placeOf, seatsIn, temporaryPath } from "./file-names.js";

/**
 * Returns where the files of a storage are; the directory exists then, and is this user's alone.
 * @throws StorageError `ERR_STORAGE_DIRECTORY` when it cannot be created or written, or other users can enter it;
 *   `ERR_STORAGE_REMOTE` when it is on a network file system.
 */
export function preparePlace(machine: Machine, name: string, options: { path: string; persist: boolean }): Place {
  const { files } = machine;
  const wanted = resolve(options.path);
  try {
    const place = options.persist ? persistentPlace(files, wanted, name) : passingPlace(files, wanted, name);
    files.makeDirectory(place.directory);
    expectPrivate(files, place.directory);
    expectLocal(files, place.directory);
    expectWritable(machine, place);
    return place;
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const { message, path } = cause as NodeJS.ErrnoException;
    const got = codeOf(cause) === "EEXIST" ? `a file at ${path} (EEXIST)` : message;
    throw new StorageError(
      "ERR_STORAGE_DIRECTORY",
      `expected ${wanted} to be a directory where ${name}.db can be written, got ${got}`,
      { cause },
    );
  }
}

/** Codes of failures after which every other try would fail too; those of system calls say that this process may not do something. */
const FINAL_CODES = new Set([
  ...["CORRUPT", "FORMAT", "PROTOCOL", "DIRECTORY", "REMOTE"].map((name) => `ERR_STORAGE_${name}`),
  ...NO_ACCESS,
]);

/** Whether every other try would fail too, unless a person changes something. */
export const isFinal = (error: Error): boolean => FINAL_CODES.has(codeOf(error));

/** Whether the log has risen to a level that this version does not speak. */
export const isOutdated = (error: Error): boolean => codeOf(error) === "ERR_STORAGE_PROTOCOL";

/** An error of a system call that says that this process may not use a storage's directory, as what it is. */
export function accessError(cause: Error, place: Place): Error {
  if (cause instanceof StorageError) return cause;
  const message = `expected this process to read and write ${place.directory}, got ${described(cause)}`;
  return new StorageError("ERR_STORAGE_DIRECTORY", message, { cause });
}

/** By the path without links, so that all processes find the same files however they name them. */
function persistentPlace(files: Files, wanted: string, name: string): Place {
  files.makeDirectory(wanted);
  return placeOf(files.realPath(wanted), name);
}

/**
 * In a private directory for files that need not survive; the same for all processes that give the same path and name. The
 * directory must be private, since another user that created it could exchange the files in it.
 */
function passingPlace(files: Files, wanted: string, name: string): Place {
  // A path that does not exist has no links to resolve.
  const path = bestEffort(() => files.realPath(wanted)) ?? wanted;
  const id = createHash("sha256").update(path).digest("hex").slice(0, 16);
  return placeOf(join(makeShelter(files), id), name);
}

/** A seat stays as it is: by its mode it is known that others could read it, and a manager with another one takes its place. */
const isNoSeat = (name: string): boolean => seatsIn([name]).length === 0;

/** What was opened to others from outside, as Kubernetes does for `fsGroup`, is closed again. */
function expectPrivate(files: Files, directory: string): void {
  if (files.isPrivate(directory)) return;
  const found = files.narrow(directory, isNoSeat);
  if (found === null && files.isPrivate(directory)) {
    warnOnce(
      "CLUSTER_STORAGE_MODE",
      `expected ${directory} to be closed to other users, got a mode that something has widened, as fsGroup of Kubernetes or chmod -R does; it is closed again`,
    );
    return;
  }
  throw new StorageError(
    "ERR_STORAGE_DIRECTORY",
    `expected ${directory} to belong to this user, without access for other users, got ${found ?? "a mode that stays open: chmod 700 it, or choose another path"}`,
  );
}

function expectLocal(files: Files, directory: string): void {
  if (!files.isRemote(directory)) return;
  throw new StorageError(
    "ERR_STORAGE_REMOTE",
    `expected ${directory} to be on a disk of this machine, got a network file system: choose a directory on a local disk`,
  );
}

/** @throws the error that says that this process may not write there, or that there are no hard links; others may pass. */
function expectWritable({ files, random }: Machine, place: Place): void {
  const [probe, link] = [0, 1].map(() => temporaryPath(place, 0, random(8).toString("hex"))) as [string, string];
  try {
    files.close(files.open(probe, "create"));
    linkAs(files, probe, link);
    files.unlink(link);
    files.unlink(probe);
  } catch (error) {
    bestEffort(() => files.unlink(probe));
    if (NO_ACCESS.has(codeOf(error)) || error instanceof StorageError) throw error;
  }
}
