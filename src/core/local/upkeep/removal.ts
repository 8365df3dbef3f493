/**
 * The files around the log: `app.db`, the copy for people and backups, and what crashes leave.
 *
 * Invariant: nothing here removes what the newest snapshot and the chain after it need.
 */

import { dirname, join } from "node:path";
import { codeOf } from "../../errors.js";
import { seatPath, seatsIn, segmentPath, segmentsIn, snapshotPath, snapshotsIn } from "../disk/file-names.js";
import { tornPath } from "../disk/torn-ends.js";
import type { Files, Place, Position } from "../machine/machine.js";

const LEFTOVER_NAME = /^(?:tmp|torn|claim|corrupt|hub)\./;

/** Gives a snapshot the further name `app.db`, in one step: a process that opens it finds the old one or the new one. */
export function renewCopy(files: Files, place: Place, snapshot: number, temporary: string): void {
  files.link(snapshotPath(place, snapshot), temporary);
  files.rename(temporary, place.filename);
  // Renaming one of two names of the same file to the other does nothing, says rename(2).
  files.unlink(temporary);
  files.syncDirectory(dirname(place.filename));
}

/**
 * Removes what a snapshot covers, once it is on the disk under its name: older snapshots, the folded segments and their
 * unfinished ends.
 */
export function removeCovered(files: Files, place: Place, snapshot: number, folded: readonly Position[]): void {
  for (const seq of snapshotsIn(files.list(place.directory))) {
    if (seq < snapshot) files.unlink(snapshotPath(place, seq));
  }
  for (const { epoch, segment } of folded) {
    files.unlink(segmentPath(place, epoch, segment));
    files.unlink(tornPath(place, epoch, segment));
  }
}

/**
 * Removes a storage: `app.db`, segments, snapshots, what crashes have left, seats, the directory; each only while the seat
 * still stands.
 * @param end The seq with which the storage ends. The snapshot of that seq stays if another process has published it to go on from there.
 * @param sockets Paths of sockets of members that are not there any more. The others' stay, and so does the directory.
 * @returns false when another process took the seat before everything was gone, or the directory holds other files.
 */
export function removeFiles(
  files: Files,
  place: Place,
  end: number,
  isSeated: () => boolean,
  sockets: readonly string[] = [],
): boolean {
  const names = files.list(place.directory);
  const segments = segmentsIn(names).map(({ epoch, segment }) => segmentPath(place, epoch, segment));
  if (!unlinkAll(files, [place.filename, ...segments], isSeated)) return false;
  // A loss of power must not bring back segments, or older snapshots, without the newest snapshot.
  files.syncDirectory(place.directory);
  const rest = [
    ...snapshotsIn(names)
      .filter((seq) => seq < end)
      .map((seq) => snapshotPath(place, seq)),
    ...names.filter((name) => LEFTOVER_NAME.test(name)).map((name) => join(place.directory, name)),
    ...sockets,
    ...seatsIn(names)
      .reverse()
      .map((epoch) => seatPath(place, epoch)),
  ];
  if (!unlinkAll(files, rest, isSeated)) return false;
  try {
    files.removeDirectory(place.directory);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST", "ENOENT"].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Removes files, each only while the seat still stands; false when it does not. */
function unlinkAll(files: Files, paths: readonly string[], isSeated: () => boolean): boolean {
  for (const path of paths) {
    if (!isSeated()) return false;
    files.unlink(path);
  }
  return true;
}
