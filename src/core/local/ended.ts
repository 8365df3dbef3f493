/**
 * Where a storage ended whose files were removed: the snapshot that would have been its last, under a name of its own outside
 * of its directory.
 *
 * Whoever opens the storage anew goes on behind it, so epochs and seqs rise over the life of several storages under one
 * name. A process that was frozen before the removal and wakes up behind it then meets no name that is in use again.
 *
 * Invariants: the state at its seq is empty and part of the history, so it is true for whoever finds it, however late it was
 * noted; no name with that seq was ever in the directory before; an older one is removed only when a newer one is whole. It
 * need not survive a loss of power, which ends all who could come late.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { SnapshotHead } from "../log/log.js";
import { makeShelter, shelterDirectory } from "./address.js";
import { openIfThere } from "./damage.js";
import type { Files, Place } from "./machine.js";
import { isWholeSnapshot, readSnapshotHead, writeSnapshot } from "./snapshot.js";

const EPOCH = /^(?:0|[1-9][0-9]{0,15})$/;

/** What names of one storage's ends begin with; the epoch of the manager that removed it follows. */
function prefixOf(place: Place): string {
  return `ended.${createHash("sha256").update(place.directory).digest("hex").slice(0, 32)}.`;
}

/** The epochs of the managers that removed the storage, highest first; only the last one's is kept. */
function endsIn(files: Files, place: Place): number[] {
  const shelter = shelterDirectory();
  const prefix = prefixOf(place);
  const epochs = files
    .list(shelter)
    .filter((name) => name.startsWith(prefix) && EPOCH.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
  // What other users may have put there counts for nothing.
  return epochs.length > 0 && files.isPrivate(shelter) ? epochs.sort((a, b) => b - a) : [];
}

const endPath = (place: Place, epoch: number): string => join(shelterDirectory(), prefixOf(place) + epoch);

/**
 * The epoch in which the storage was last removed; 0 when it never was. Look at the directory before: whoever removes a
 * file there has noted the end first.
 */
export function endEpoch(files: Files, place: Place): number {
  return endsIn(files, place)[0] ?? 0;
}

/** The head of the snapshot with which the storage ended; null when it was never removed. */
export function endOf(files: Files, place: Place): SnapshotHead | null {
  for (const epoch of endsIn(files, place)) {
    const head = readHead(files, endPath(place, epoch));
    if (head) return head;
  }
  return null;
}

/** Null when it is not whole, since nothing was removed then, or gone, since there is a newer one. */
function readHead(files: Files, path: string): SnapshotHead | null {
  const file = openIfThere(files, path);
  if (file === null) return null;
  try {
    const first = readSnapshotHead(files, file, path);
    return first && isWholeSnapshot(files, file, first.head.seq) ? first.head : null;
  } finally {
    files.close(file);
  }
}

/**
 * Notes the end of a storage. On return its files can be removed.
 * @param epoch The epoch of the manager that removes it.
 * @throws StorageError `ERR_STORAGE_DIRECTORY`, or the error of a failed file operation.
 */
export function noteEnd(files: Files, place: Place, epoch: number, head: SnapshotHead): void {
  makeShelter(files);
  writeSnapshot(files, endPath(place, epoch), head, []);
  for (const older of endsIn(files, place)) if (older < epoch) files.unlink(endPath(place, older));
}
