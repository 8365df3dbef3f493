/**
 * Removes files: what a snapshot covers, what crashes leave, or all.
 *
 * Invariant: nothing here but `removeFiles` removes what the newest snapshot and the chain after it need.
 */

import { dirname, join } from "node:path";
import { codeOf } from "../../errors.js";
import { compareSegments } from "../disk/chain.js";
import { bestEffort, withFile } from "../disk/file-access.js";
import {
  claimPath,
  claimsIn,
  seatPath,
  seatsIn,
  segmentPath,
  segmentsIn,
  snapshotPath,
  snapshotsIn,
} from "../disk/file-names.js";
import { readSegmentHead } from "../disk/segment.js";
import { isWholeSnapshot } from "../disk/snapshot.js";
import { tornPath } from "../disk/torn-ends.js";
import type { Files, Place, Position } from "../machine/machine.js";
import { removeCopy } from "./file-copy.js";

const TEMPORARY_NAME = /^tmp\.(\d+)\./;
const LEFTOVER_NAME = /^(?:tmp|torn|claim|corrupt|copy|hub)\./;

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
 * Removes a storage: `app.db`, if it is the storage's own, segments, snapshots, what crashes have left, seats, the directory; each only while the seat
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
  if (!isSeated()) return false;
  removeCopy(files, place);
  // A loss of power must not bring back the copy without the log: it would be imported.
  files.syncDirectory(dirname(place.filename));
  if (!unlinkAll(files, segments, isSeated)) return false;
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

/**
 * Removes the directory around that of a storage that does not persist, which holds nothing else. Best effort: a process that opens
 * the storage at this moment creates it again.
 */
export function removeSurroundings(files: Files, place: Place): void {
  bestEffort(() => files.removeDirectory(dirname(place.directory)));
}

/** Removes files, each only while the seat still stands; false when it does not. */
function unlinkAll(files: Files, paths: readonly string[], isSeated: () => boolean): boolean {
  for (const path of paths) {
    if (!isSeated()) return false;
    files.unlink(path);
  }
  return true;
}

/**
 * Removes what lower epochs have left: segments that the chain does not need, temporary files, claims. Does nothing
 * to segments when the chain does not reach back to a whole snapshot: each may then be the only one that holds something, or
 * a compaction from before the fence has just folded and removed what the chain begins with.
 * @param chain The segments of the log in order, as recovered.
 */
export function removeStrays(files: Files, place: Place, epoch: number, chain: readonly Position[]): void {
  const names = files.list(place.directory);
  for (const name of names) {
    const owner = TEMPORARY_NAME.exec(name)?.[1];
    if (owner !== undefined && Number(owner) < epoch) files.unlink(join(place.directory, name));
  }
  for (const claim of claimsIn(names)) if (claim < epoch) files.unlink(claimPath(place, claim));
  if (!isComplete(files, place, chain, snapshotsIn(names)[0] ?? 0)) return;
  for (const segment of segmentsIn(names)) {
    const isNeeded = chain.some((link) => compareSegments(link, segment) === 0);
    if (!isNeeded && segment.epoch < epoch) files.unlink(segmentPath(place, segment.epoch, segment.segment));
  }
}

function isComplete(files: Files, place: Place, chain: readonly Position[], snapshot: number): boolean {
  if (snapshot > 0) {
    const isWhole = withFile(files, snapshotPath(place, snapshot), (file) => isWholeSnapshot(files, file, snapshot));
    if (isWhole !== true) return false;
  }
  const first = chain[0];
  if (first === undefined) return true;
  const path = segmentPath(place, first.epoch, first.segment);
  const head = withFile(files, path, (file) => readSegmentHead(files, file, path, first));
  return head !== null && head.start.seq <= snapshot;
}
