/**
 * Finds out what the log holds, after the others are fenced: the newest segment with an intact first frame, its chain of
 * predecessors back to what the newest snapshot covers, and where its last whole frame ends.
 *
 * Invariant: what is returned is a prefix of what was appended that holds every confirmed batch; where that cannot be known,
 * an error is thrown instead. Torn and corrupt are two facts: no intact batch follows a torn end.
 */
import { dirname } from "node:path";
import type { StorageError } from "../../errors.js";
import { decodeEntries } from "../../log/codec.js";
import { levelGiven } from "../../log/entry.js";
import { bornOf, originOf } from "../../log/frame.js";
import { LEAST_LEVEL } from "../../log/levels.js";
import {
  closeAllButLast,
  compareSegments,
  endOf,
  expectHistory,
  headError,
  headOf,
  type Link,
  openAfter,
  openAfterSnapshot,
} from "../disk/chain.js";
import { ChainScanner } from "../disk/chain-scanner.js";
import { openUnlessCompacted, thenClose } from "../disk/file-access.js";
import { CompactedFileError, CorruptFileError, MissingFileError } from "../disk/file-errors.js";
import { segmentPath, segmentsIn, snapshotPath, snapshotsIn } from "../disk/file-names.js";
import { newHistory } from "../disk/head.js";
import { checkSnapshot } from "../disk/snapshot.js";
import { namesSynced, type Steps } from "../disk/steps.js";
import { expectTorn, keepTornEnd } from "../disk/torn-ends.js";
import { syncIfThere } from "../disk/write-all.js";
import type { Held } from "../machine/healing.js";
import type { Files, HubOptions, LogPosition, Machine, Place, Position, TimeNote } from "../machine/machine.js";
import { expectHeld, isHeld } from "./held-end.js";
import type { Lost } from "./intact-frames.js";
import { beginLog, passEnd, publishEnd } from "./log-start.js";
import { salvage } from "./salvage.js";

/** What the log holds. */
export interface Recovered {
  /** {@link StoredHead.history}; empty when nothing was found. */
  readonly history: string;
  /** The seq of the newest snapshot; 0 for none. */
  readonly snapshot: number;
  readonly snapshotBytes: number;
  /** The ends of the segments after the snapshot, in order; none when the snapshot covers them all. */
  readonly segments: readonly Position[];
  /** The seq and time of the last batch. */
  readonly seq: number;
  readonly time: number;
  /** The level of the log at its end. */
  readonly level: number;
  /** What time it was, by all clocks, when the newest segment began, or at the end of the snapshot; null when neither says. */
  readonly clock: TimeNote | null;
  /** By how many ms storage time was ahead of the wall clock, as far as the log says, at its end. */
  readonly clockOffsetMs: number;
  /** Whether an unfinished end was cut off. */
  readonly isTorn: boolean;
  /** What is wrong with files before what was read; none when all is whole, or not known. */
  readonly damage?: string;
}

/**
 * Reads the log to its end. Removes and changes nothing, but keeps a torn end aside.
 * @param position Only what follows is read, if it is part of this history; null: everything is read and checked.
 * @param adopt Called when no log exists: publishes a snapshot to begin with; false, as null, when there is none.
 * @throws StorageError `ERR_STORAGE_CORRUPT` or `ERR_STORAGE_FORMAT`.
 */
export function* recover(
  files: Files,
  place: Place,
  position: LogPosition | null,
  adopt: (() => Steps<boolean>) | null,
): Steps<Recovered> {
  let seen = "";
  for (;;) {
    const names = files.list(place.directory);
    try {
      const recovered = yield* recoverFrom(files, place, names, position);
      if (recovered !== null) return recovered;
      return adopt && (yield* adopt()) ? yield* recover(files, place, null, null) : NOTHING;
    } catch (error) {
      if (!(error instanceof CompactedFileError)) throw error;
      // A compaction from before the fence may still be removing files; when one file is missing twice, there is another reason.
      const now = names.sort().join();
      if (now === seen) throw new MissingFileError(error.path, "the log names it", { cause: error });
      seen = now;
    }
  }
}

const NOTHING: Recovered = {
  ...{ history: "", snapshot: 0, snapshotBytes: 0, segments: [], seq: 0, time: 0, level: LEAST_LEVEL },
  ...{ clock: null, clockOffsetMs: 0, isTorn: false },
};

function* recoverFrom(
  files: Files,
  place: Place,
  names: readonly string[],
  position: LogPosition | null,
): Steps<Recovered | null> {
  const base = snapshotsIn(names)[0] ?? 0;
  const last = openNewest(files, place, names, base, position);
  if (last === null && base === 0) return null;
  try {
    const mayFollow = last !== null && position !== null && !isLeftOver(last, base);
    const tail = mayFollow ? yield* recoverTail(files, place, base, last, position) : null;
    if (tail === null && last?.isKnown) throw headError(last.path);
    return tail ?? (yield* recoverAll(files, place, base, last));
  } finally {
    if (last) files.close(last.file);
  }
}

/**
 * Whether the newest segment begins before the newest snapshot, which covers it: everything was folded as the last member
 * left. What a manager that was frozen at that time appends beside the snapshot is never confirmed.
 */
function isLeftOver(last: Link, base: number): boolean {
  return last.start.seq < base;
}

/**
 * Opens the newest segment with an intact first frame, up to the end of its file; null when there is none. A damaged one whose
 * batches a snapshot covers was to be removed when that was written: it counts for nothing.
 */
function openNewest(
  files: Files,
  place: Place,
  names: readonly string[],
  base: number,
  position: LogPosition | null,
): Link | null {
  for (const ref of segmentsIn(names)) {
    const path = segmentPath(place, ref.epoch, ref.segment);
    const file = openUnlessCompacted(files, path);
    let link: Link | null = null;
    try {
      const end = files.bytes(file);
      const head = headOf(files, file, path, ref, position);
      if (head) link = { ...head, path, file, end: files.bytes(file) };
      else expectTorn(files, { path, file, end }, { epoch: ref.epoch, offset: 0, seq: base });
    } finally {
      if (link === null) files.close(file);
    }
    if (link !== null) return link;
  }
  return null;
}

/** Reads and checks everything. */
function* recoverAll(files: Files, place: Place, base: number, last: Link | null): Steps<Recovered> {
  const checked = base === 0 ? null : yield* checkSnapshot(files, snapshotPath(place, base), base);
  const covered = {
    snapshot: base,
    snapshotBytes: checked?.bytes ?? 0,
    history: checked?.head.history ?? "",
    level: checked?.head.level ?? LEAST_LEVEL,
    ...{ isTorn: false, ...clockIn(checked?.clock ?? null) },
  };
  const snapshotTime = checked?.head.time ?? 0;
  if (last === null) return { ...covered, segments: [], seq: base, time: snapshotTime };
  const links = openAfterSnapshot(files, place, last, base);
  try {
    const { end, ...rest } = yield* readToEnd(files, place, links, (links[0] as Link).start, covered.level);
    const time = Math.max(end.time, snapshotTime);
    if (isLeftOver(last, base)) return { ...covered, segments: [], seq: base, time };
    const { history } = last;
    if (checked) expectHistory(snapshotPath(place, base), checked.head.history, history);
    return { ...covered, ...rest, history, segments: endsOf(links, end), seq: end.seq, time };
  } finally {
    closeAllButLast(files, links);
  }
}

/** What a note says of the clocks. */
function clockIn(clock: TimeNote | null): Pick<Recovered, "clock" | "clockOffsetMs"> {
  return { clock, clockOffsetMs: clock === null ? 0 : clock.time - clock.wall };
}

/** Reads and checks the links from a position on. Returns the end of the last batch; what follows it is kept aside. */
function* readToEnd(
  files: Files,
  place: Place,
  links: readonly Link[],
  from: LogPosition,
  startLevel: number,
): Steps<{ end: LogPosition } & Pick<Recovered, "clock" | "clockOffsetMs" | "isTorn" | "level">> {
  const last = links.at(-1) as Link;
  const batches = new ChainScanner(files, links, from, { checksEntries: true, mayBeTorn: true });
  const noted = clockIn(last.clock);
  let { clockOffsetMs } = noted;
  let level = startLevel;
  while (batches.next()) {
    const { frames, position } = batches;
    const isOfHub = originOf(frames.buffer, frames.start) === 0;
    if (isOfHub) level = Math.max(level, levelGiven(decodeEntries(frames.buffer, frames.start, frames.end)));
    if (isOfHub && compareSegments(position, last.start) === 0) clockOffsetMs = bornOf(frames.buffer, frames.start);
    yield;
  }
  if (batches.isTorn) keepTornEnd(files, place, last.file, batches.position);
  return { end: batches.position, ...noted, clockOffsetMs, level, isTorn: batches.isTorn };
}

/** Reads what follows a position; null when that is not part of this history. Damage before it stops nothing. */
function* recoverTail(
  files: Files,
  place: Place,
  base: number,
  last: Link,
  position: LogPosition,
): Steps<Recovered | null> {
  const links = openAfter(files, place, last, position);
  if (links === null) return null;
  try {
    const { end, ...rest } = yield* readToEnd(files, place, links, position, position.level ?? LEAST_LEVEL);
    const [first] = links as [Link];
    const older = olderEnds(files, place, first, base);
    const damage = first.isKnown ? { damage: headError(first.path).message } : {};
    const segments = [...older.ends, ...endsOf(links, end)];
    const snapshotBytes = base === 0 ? 0 : bytesOf(files, snapshotPath(place, base));
    const { history } = last;
    const { seq, time } = end;
    return { history, snapshot: base, snapshotBytes, segments, seq, time, ...rest, ...older.damage, ...damage };
  } finally {
    closeAllButLast(files, links);
  }
}

/** The ends of the segments between the snapshot and `first`; or what is wrong with them, if they are not gone by a compaction. */
function olderEnds(
  files: Files,
  place: Place,
  first: Link,
  base: number,
): { ends: Position[]; damage?: { damage: string } } {
  if (first.start.seq <= base) return { ends: [] };
  try {
    const links = openAfterSnapshot(files, place, first, base);
    closeAllButLast(files, links);
    return { ends: links.slice(0, -1).map(endOf) };
  } catch (error) {
    if (error instanceof CorruptFileError) return { ends: [], damage: { damage: error.message } };
    if (!(error instanceof CompactedFileError)) throw error;
    const isCompacted = (snapshotsIn(files.list(place.directory))[0] ?? 0) > base;
    return isCompacted ? { ends: [] } : { ends: [], damage: { damage: `${error.path} is missing` } };
  }
}

const bytesOf = (files: Files, path: string): number =>
  thenClose(files, openUnlessCompacted(files, path), (file) => files.bytes(file));

/** Where the links end; the last one ends where the log does. */
function endsOf(links: readonly Link[], { epoch, segment, offset }: LogPosition): Position[] {
  return [...links.slice(0, -1).map(endOf), { epoch, segment, offset }];
}

/**
 * Recovers the log for a new hub, which has fenced all others. On return what was read is on the disk with its names and
 * the directory's own, so that the new hub's first segment never names a file or a place that a loss of power takes back.
 * @param others The longest log that other members hold; null: none does.
 * @param salvaging Called with what is lost before corrupt files are given up.
 * @throws StorageError `ERR_STORAGE_CORRUPT`, unless `options.recover` is `"salvage"`; `ERR_STORAGE_FORMAT`.
 */
export function* recoverForHub(
  machine: Machine,
  place: Place,
  epoch: number,
  options: Pick<HubOptions, "recover">,
  position: LogPosition | null,
  others: Held | null = null,
  salvaging: (lost: readonly Lost[]) => void = () => {},
): Steps<Recovered> {
  const { files } = machine;
  const adopt = () => beginLog(machine, place, epoch);
  // What members hold is more than a copy, and more than what could be saved.
  const held = [position, others].filter((log) => log !== null && isHeld(machine, place, log)) as Held[];
  let recovered: Recovered;
  try {
    yield* passEnd(machine, place, epoch);
    recovered = yield* recover(files, place, position, held.length > 0 ? null : adopt);
    for (const log of held) expectHeld(place, recovered, log);
    // A contender from before the removal may have begun a log without a batch.
    if (recovered.seq === 0 && (yield* publishEnd(machine, place, epoch)))
      recovered = yield* recover(files, place, null, null);
  } catch (error) {
    const isCorrupt = (error as StorageError).code === "ERR_STORAGE_CORRUPT";
    if (options.recover !== "salvage" || !isCorrupt || held.length > 0) throw error;
    salvage(machine, place, epoch, salvaging);
    recovered = yield* recover(files, place, null, adopt);
  }
  // A closed segment is synced, unless that failed and it was rewritten; a compaction from before the fence may remove it.
  for (const { epoch, segment } of recovered.segments) yield* syncIfThere(files, segmentPath(place, epoch, segment));
  yield* namesSynced(files, place.directory);
  yield* namesSynced(files, dirname(place.directory));
  return { ...recovered, history: recovered.history || newHistory(machine) };
}
