/** Whether what a member holds is all that there is: then it may write it again, although the files before it cannot be read. */
import { BATCH, epochOf, seqOf } from "../../log/frame.js";
import { compareSegments } from "../disk/chain.js";
import { bestEffort, withFile } from "../disk/file-access.js";
import { CorruptFileError, MissingFileError } from "../disk/file-errors.js";
import { segmentPath, segmentsIn, snapshotsIn } from "../disk/file-names.js";
import { nextIntactFrame } from "../disk/resync.js";
import { readSegmentHead } from "../disk/segment.js";
import type { Files, LogPosition, Machine, Place, Position } from "../machine/machine.js";
import { tombstoneEpoch } from "./tombstone.js";

/**
 * Whether no file shows that the log goes on after a position. All managers before are fenced. A batch that is whole anywhere counts,
 * also one that was never confirmed: a member that has it may know that it was.
 */
export function isEndOfLog({ files }: Machine, place: Place, position: LogPosition): boolean {
  const names = files.list(place.directory);
  if ((snapshotsIn(names)[0] ?? 0) > position.seq) return false;
  for (const { epoch, segment } of segmentsIn(names)) {
    if (compareSegments({ epoch, segment }, position) < 0) continue;
    const isLater = (buffer: Buffer, at: number) => epochOf(buffer, at) === epoch && seqOf(buffer, at) > position.seq;
    const path = segmentPath(place, epoch, segment);
    // A segment that begins later shows that there was more, although that can be read nowhere.
    if (startOf(files, path, { epoch, segment }) > position.seq) return false;
    const next = withFile(files, path, (file) => nextIntactFrame(files, file, 0, BATCH, isLater));
    if (next !== null && next !== -1) return false;
  }
  return true;
}

/** Whether a member holds a log, which no other member has removed since. */
export function isHeld(
  machine: Machine,
  place: Place,
  { seq, epoch }: { readonly seq: number; readonly epoch: number },
): boolean {
  return seq > 0 && tombstoneEpoch(machine, place) < epoch;
}

/** Which segment of a chain begins after a seq; -1 when none does, or that cannot be read. */
export function placeAfter({ files }: Machine, place: Place, chain: readonly Position[], seq: number): number {
  return chain.findIndex((one) => startOf(files, segmentPath(place, one.epoch, one.segment), one) === seq);
}

/** The seq after which a segment begins; -1: that cannot be read. */
function startOf(files: Files, path: string, name: Omit<Position, "offset">): number {
  const head = bestEffort(() => withFile(files, path, (file) => readSegmentHead(files, file, path, name)));
  return head?.start.seq ?? -1;
}

/**
 * What is wrong with a directory in which nothing is left of a log that a member holds; null when it has files of a log, or the storage
 * was removed by a member.
 */
export function removedFrom(machine: Machine, place: Place, position: LogPosition): MissingFileError | null {
  const names = machine.files.list(place.directory);
  if (segmentsIn(names).length > 0 || snapshotsIn(names).length > 0 || !isHeld(machine, place, position)) return null;
  return new MissingFileError(place.directory, "it was removed, or all files in it were");
}

/**
 * A log of which a member holds more than the files do was cut: what follows looks like an unfinished write then. One without a batch was
 * begun by a contender that found nothing, whatever its history.
 * @throws StorageError `ERR_STORAGE_CORRUPT`.
 */
export function expectHeld(
  place: Place,
  { seq, history }: { readonly seq: number; readonly history: string },
  held: Pick<LogPosition, "seq" | "epoch" | "history"> & Partial<Position>,
): void {
  if (seq >= held.seq || (seq > 0 && history !== held.history)) return;
  const { epoch, segment = 1, offset = 0 } = held;
  throw new CorruptFileError(
    segmentPath(place, epoch, segment),
    offset,
    `expected a log up to seq ${held.seq}, got one that ends at ${seq}`,
  );
}
