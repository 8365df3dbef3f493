/**
 * Where a storage ended whose files were removed: the snapshot that would have been its last, under a name of its own outside
 * of its directory.
 *
 * A process that opens the storage again goes on after it, so epochs and seqs rise over the life of several storages under one
 * name. A process that was frozen before the removal and wakes up after it then meets no name that is in use again.
 *
 * Invariants: the state at its seq is empty and part of the history of the storage that was removed; no name with that seq
 * was ever in the directory before; an older one is removed only when a newer one is whole. Files that
 * exist count, whatever has ended before them. A tombstone is a precaution: where it cannot be written or is not found, as by
 * a process with another temporary directory, numbers begin again.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { codeOf } from "../../errors.js";
import type { StoredHead } from "../../log/log.js";
import { withFile } from "../disk/file-access.js";
import { CorruptFileError } from "../disk/file-errors.js";
import { readOrigins, writeSnapshot } from "../disk/snapshot.js";
import { runToEnd } from "../disk/steps.js";
import { makeShelter, NO_ACCESS, shelterDirectory } from "../machine/address.js";
import type { Machine, Place } from "../machine/machine.js";

/** ms after which no process that was frozen before the removal is expected to wake up. */
const END_RETENTION_MS = 86_400_000;

/** Codes of a place that holds something else, or nothing. */
const ELSEWHERE: ReadonlySet<string> = new Set(["ENOENT", "EEXIST", "ERR_STORAGE_DIRECTORY"]);

const END_NAME = /^tombstone\.[0-9a-f]{32}\.(?:0|[1-9][0-9]{0,15})$/;

/** What names of one storage's ends begin with; the epoch of the manager that removed it follows. */
function prefixOf(place: Place): string {
  return `tombstone.${createHash("sha256").update(place.directory).digest("hex").slice(0, 32)}.`;
}

const endPath = (place: Place, epoch: number): string => join(shelterDirectory(), prefixOf(place) + epoch);

/** What a call returns; `otherwise` when there is no shelter, or this process may not enter it. Other errors may pass, and are thrown. */
function ifSheltered<T>(call: () => T, otherwise: T): T {
  try {
    return call();
  } catch (error) {
    const code = codeOf(error);
    if (ELSEWHERE.has(code) || NO_ACCESS.has(code)) return otherwise;
    throw error;
  }
}

/** The names of all ends. What other users may have put there counts for nothing. */
function endNames({ files }: Machine): string[] {
  const shelter = shelterDirectory();
  return ifSheltered(
    () => (files.isPrivate(shelter) ? files.list(shelter).filter((name) => END_NAME.test(name)) : []),
    [],
  );
}

/** The epochs of the managers that removed the storage, highest first; only the last one's is kept. */
function endsIn(machine: Machine, place: Place): number[] {
  const prefix = prefixOf(place);
  return endNames(machine)
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a);
}

/**
 * The epoch in which the storage was last removed; 0 when it never was. Look at the directory before: a process that
 * removes a file there has written the tombstone first.
 */
export function tombstoneEpoch(machine: Machine, place: Place): number {
  return endsIn(machine, place)[0] ?? 0;
}

/** The head of the snapshot with which the storage ended; its time is that of the snapshot before. Null when it never did. */
export function readTombstone(machine: Machine, place: Place): StoredHead | null {
  for (const epoch of endsIn(machine, place)) {
    const head = ifSheltered(() => readHead(machine, endPath(place, epoch)), null);
    if (head) return head;
  }
  return null;
}

/** Null when it is damaged or not whole, since then nothing was removed, or when it is gone, since then a newer one exists. */
function readHead({ files }: Machine, path: string): StoredHead | null {
  return withFile(files, path, (file) => {
    try {
      return readOrigins(files, path, file, null);
    } catch (error) {
      if (error instanceof CorruptFileError) return null;
      throw error;
    }
  });
}

/**
 * Writes the tombstone of a storage, and removes old ones. On return the files of the storage can be removed.
 * @param epoch The epoch of the manager that removes it.
 * @throws the error of a failed file operation; nothing where no shelter is possible.
 */
export function writeTombstone(machine: Machine, place: Place, epoch: number, head: StoredHead): void {
  const { files } = machine;
  ifSheltered(() => {
    makeShelter(files);
    runToEnd(writeSnapshot(files, endPath(place, epoch), head, []));
    for (const older of endsIn(machine, place)) if (older < epoch) files.unlink(endPath(place, older));
    const own = prefixOf(place);
    for (const name of endNames(machine))
      if (!name.startsWith(own)) forgetIfOld(machine, join(shelterDirectory(), name));
  }, undefined);
}

function forgetIfOld({ files, clock }: Machine, path: string): void {
  if (clock.now() - (files.modifiedAt(path) ?? clock.now()) > END_RETENTION_MS) files.unlink(path);
}
