/** What the manager does as the last member that leaves: one file holds everything then, or nothing is left. */
import { StorageError } from "../../errors.js";
import { encodeEntries } from "../../log/codec.js";
import { clearEntry } from "../../log/entry.js";
import { snapshotHead } from "../disk/snapshot.js";
import { answerTo, type Steps } from "../disk/steps.js";
import { type Lives, memberPath } from "../election/member-socket.js";
import type { Seat } from "../election/seat.js";
import type { Folded, HubReport, HubRequest, Machine, Place } from "../machine/machine.js";
import { compact, compactAndCopy, tidy } from "../upkeep/compactor.js";
import { removeFiles, removeSurroundings } from "../upkeep/removal.js";
import { writeTombstone } from "../upkeep/tombstone.js";
import type { Compactions } from "./compactions.js";
import type { Hub } from "./hub.js";

/** Whether files that do not persist are void: they belong to no member that may be alive. */
export function isVoid(lives: Lives): boolean {
  return lives !== null && [...lives.values()].every((life) => life === "ended" || life === "missing");
}

/** The members whose processes have ended. */
export function endedOf(lives: Lives): string[] {
  return [...(lives ?? [])].flatMap(([member, life]) => (life === "ended" ? [member] : []));
}

/**
 * Ends the log with a clear and, in a segment after it, another one, so that no name of a file has the last seq. Batches of the
 * hub's own member may come between them.
 * @returns false when the disk refuses, or another process has the seat.
 */
export function* emptyLog(hub: Hub): Steps<boolean> {
  const clear = () => answerTo<boolean>((done) => hub.order(encodeEntries([clearEntry()]), done));
  if (!(yield* clear()) || !(yield* answerTo((done) => hub.rotate(done)))) return false;
  return yield* clear();
}

/** Empties the log of files that do not persist and belong to nobody; nothing of what they hold is kept in the files. */
export function* clearVoid(hub: Hub, compactions: Compactions): Steps<void> {
  compactions.owe();
  const isClear = yield* answerTo((done) => hub.order(encodeEntries([clearEntry()]), done));
  if (!isClear) throw refusal("a disk that takes the clear of void files");
}

/**
 * Folds everything, so that `app.db` alone is the whole state; nothing when another process has the seat. The hub is closed.
 * @param destroy The log was to be emptied, and could not be.
 */
export function* foldStorage(
  machine: Machine,
  { options }: Pick<HubRequest, "options">,
  seat: Seat,
  hub: Hub,
  destroy: boolean,
  report: (report: HubReport) => void,
): Steps<void> {
  if (!seat.holds()) return;
  if (destroy) throw refusal("a disk that takes the end of the log");
  // Frames that were never confirmed lie after the end: a successor may count on them, so nothing is folded.
  if (!hub.writer.isSettled) return;
  const { copyFailure } = yield* compactAndCopy(machine, hub.writer.everything, options.persist);
  if (copyFailure) report({ kind: "copyFailed", ...copyFailure });
}

/** As `foldStorage`, where a snapshot holds everything already. */
export function* tidyStorage(
  machine: Machine,
  { options }: Pick<HubRequest, "options">,
  hub: Hub,
  all: Folded,
  report: (report: HubReport) => void,
): Steps<void> {
  const { copyFailure } = yield* tidy(machine, hub.writer.everything, all, options.persist);
  if (copyFailure) report({ kind: "copyFailed", ...copyFailure });
}

/**
 * Removes all files of an emptied log; nothing when another process has the seat. The commit point is the tombstone.
 * @param members The members whose sockets are removed too.
 */
export function* removeStorage(
  machine: Machine,
  { place, options }: Pick<HubRequest, "place" | "options">,
  seat: Seat,
  hub: Hub,
  members: readonly string[],
): Steps<void> {
  const { files } = machine;
  if (!seat.holds()) return;
  const { snapshot } = yield* compact(machine, hub.writer.compaction());
  const { seq } = hub.writer.confirmed;
  writeTombstone(machine, place, seat.epoch, { ...snapshotHead(files, place, snapshot), seq });
  const sockets = members.map((member) => memberPath(place, member));
  const isGone = removeFiles(files, place, seq, () => seat.holds(), sockets);
  if (isGone && !options.persist) removeSurroundings(files, place);
}

/** What a manager reports whose directory is not at its path any more. */
export function movedError(place: Place): StorageError {
  return new StorageError(
    "ERR_STORAGE_DIRECTORY",
    `expected ${place.directory} to stay where it is, got another directory or none at its path: it was renamed, or something is mounted over it; what was confirmed is in the directory that was there, and this process goes on with the one that is there now`,
  );
}

/** The error of a disk that does not do what must be done now. */
export function refusal(wanted: string): StorageError {
  return new StorageError("ERR_STORAGE_DISK", `expected ${wanted}, got one that refuses`);
}
