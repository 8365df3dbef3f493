/** How a log begins: with nothing, with a copy, or after the end of a storage that was removed. */
import { LEAST_LEVEL } from "../../log/levels.js";
import { CompactedFileError } from "../disk/file-errors.js";
import { snapshotsIn } from "../disk/file-names.js";
import { snapshotTime } from "../disk/snapshot.js";
import type { Steps } from "../disk/steps.js";
import type { Files, Machine, Place } from "../machine/machine.js";
import { publish } from "./compactor.js";
import { importCopy } from "./import-copy.js";
import { readTombstone } from "./tombstone.js";

/** Begins a log where none exists: with `app.db`, or with the tombstone of a storage that was removed; false: there is neither. */
export function* beginLog(machine: Machine, place: Place, epoch: number): Steps<boolean> {
  if (yield* importCopy(machine, place, epoch, readTombstone(machine, place))) return true;
  return yield* publishEnd(machine, place, epoch);
}

/** False when the storage was never removed. Nothing is left that could expire, so the log that begins there has a time of its own. */
export function* publishEnd(machine: Machine, place: Place, epoch: number): Steps<boolean> {
  const end = readTombstone(machine, place);
  if (end) yield* publish(machine, place, epoch, { ...end, time: 0, level: LEAST_LEVEL }, []);
  return end !== null;
}

/**
 * Where the last snapshot of a removed storage is left, the log goes on after the end of that storage: the process that
 * removes the snapshot may be frozen just before it does. Any other file belongs to another storage, and stays as it is.
 */
export function* passEnd(machine: Machine, place: Place, epoch: number): Steps<void> {
  const { files } = machine;
  const newest = snapshotsIn(files.list(place.directory))[0];
  const end = readTombstone(machine, place);
  if (end === null || newest !== end.seq - 1) return;
  const time = timeOfSnapshot(files, place, newest);
  if (time === end.time) yield* publishEnd(machine, place, epoch);
  else if (time === null) yield* passEnd(machine, place, epoch);
}

/** Null when it is gone. */
function timeOfSnapshot(files: Files, place: Place, seq: number): number | null {
  try {
    return snapshotTime(files, place, seq);
  } catch (error) {
    if (error instanceof CompactedFileError) return null;
    throw error;
  }
}
