/**
 * Finds out what the log holds, after the others are fenced: the newest segment with an intact first frame, its chain of
 * predecessors back to what the newest snapshot covers, and where its last whole frame ends.
 *
 * Invariant: what is returned is a prefix of what was appended that holds every confirmed batch; where that cannot be known,
 * an error is thrown instead. Torn and corrupt are two facts: no intact batch follows a torn end.
 */

import { dirname } from "node:path";
import type { StorageError } from "../../errors.js";
import {
  closeAllButLast,
  endOf,
  expectHistory,
  type Link,
  openAfter,
  openAfterSnapshot,
  openChain,
} from "../disk/chain.js";
import { ChainScanner } from "../disk/chain-scanner.js";
import { openIfThere, openUnlessCompacted, thenClose } from "../disk/file-access.js";
import { CompactedFileError, CorruptFileError, MissingFileError } from "../disk/file-errors.js";
import { segmentPath, segmentsIn, snapshotPath, snapshotsIn } from "../disk/file-names.js";
import { newHistory } from "../disk/head.js";
import { readSegmentHead } from "../disk/segment.js";
import { checkSnapshot, snapshotTime } from "../disk/snapshot.js";
import { namesSynced, type Steps, synced } from "../disk/steps.js";
import { expectTorn, keepTornEnd } from "../disk/torn-ends.js";
import { rewrite } from "../disk/write-all.js";
import type { Files, HubOptions, LogPosition, Machine, Place, Position } from "../machine/machine.js";
import { publish } from "./compactor.js";
import { importCopy } from "./import-copy.js";
import type { Lost } from "./intact-frames.js";
import { salvage } from "./salvage.js";
import { readTombstone } from "./tombstone.js";

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

const NOTHING: Recovered = { history: "", snapshot: 0, snapshotBytes: 0, segments: [], seq: 0, time: 0 };

function* recoverFrom(
  files: Files,
  place: Place,
  names: readonly string[],
  position: LogPosition | null,
): Steps<Recovered | null> {
  const base = snapshotsIn(names)[0] ?? 0;
  const last = openNewest(files, place, names);
  if (last === null && base === 0) return null;
  try {
    const mayFollow = last !== null && position !== null && !isLeftOver(last, base);
    const tail = mayFollow ? yield* recoverTail(files, place, base, last, position) : null;
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

/** Opens the newest segment with an intact first frame, up to the end of its file; null when there is none. */
function openNewest(files: Files, place: Place, names: readonly string[]): Link | null {
  for (const ref of segmentsIn(names)) {
    const path = segmentPath(place, ref.epoch, ref.segment);
    const file = openUnlessCompacted(files, path);
    let link: Link | null = null;
    try {
      const end = files.bytes(file);
      const head = readSegmentHead(files, file, path, ref);
      if (head) link = { ...head, path, file, end: files.bytes(file) };
      else expectTorn(files, { path, file, end }, { epoch: ref.epoch, offset: 0, seq: 0 });
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
  const covered = { snapshot: base, snapshotBytes: checked?.bytes ?? 0, history: checked?.head.history ?? "" };
  const snapshotTime = checked?.head.time ?? 0;
  if (last === null) return { ...covered, segments: [], seq: base, time: snapshotTime };
  const links = openAfterSnapshot(files, place, last, base);
  try {
    const end = yield* readToEnd(files, place, links, (links[0] as Link).start);
    const time = Math.max(end.time, snapshotTime);
    if (isLeftOver(last, base)) return { ...covered, segments: [], seq: base, time };
    const { history } = last;
    if (checked) expectHistory(snapshotPath(place, base), checked.head.history, history);
    return { ...covered, history, segments: endsOf(links, end), seq: end.seq, time };
  } finally {
    closeAllButLast(files, links);
  }
}

/** Reads and checks the links from a position on. Returns the end of the last batch; what follows it is kept aside. */
function* readToEnd(files: Files, place: Place, links: readonly Link[], from: LogPosition): Steps<LogPosition> {
  const batches = new ChainScanner(files, links, from, { checksEntries: true, mayBeTorn: true });
  while (batches.next()) yield;
  if (batches.isTorn) keepTornEnd(files, place, (links.at(-1) as Link).file, batches.position);
  return batches.position;
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
    const end = yield* readToEnd(files, place, links, position);
    const segments = [...olderEnds(files, place, links[0] as Link, base), ...endsOf(links, end)];
    const snapshotBytes = base === 0 ? 0 : bytesOf(files, snapshotPath(place, base));
    return { history: last.history, snapshot: base, snapshotBytes, segments, seq: end.seq, time: end.time };
  } finally {
    closeAllButLast(files, links);
  }
}

/** The ends of the segments between the snapshot and `first`, as far as they are known; a compaction that misses one refuses. */
function olderEnds(files: Files, place: Place, first: Link, base: number): Position[] {
  if (first.start.seq <= base) return [];
  try {
    const links = openChain(files, place, first, ({ start }) => start.seq <= base);
    closeAllButLast(files, links);
    return links.slice(0, -1).map(endOf);
  } catch (error) {
    if (error instanceof CompactedFileError || error instanceof CorruptFileError) return [];
    throw error;
  }
}

function bytesOf(files: Files, path: string): number {
  return thenClose(files, openUnlessCompacted(files, path), (file) => files.bytes(file));
}

/** Where the links end; the last one ends where the log does. */
function endsOf(links: readonly Link[], { epoch, segment, offset }: LogPosition): Position[] {
  return [...links.slice(0, -1).map(endOf), { epoch, segment, offset }];
}

/**
 * Recovers the log for a new hub, which has fenced all others. On return what was read is on the disk with its names and
 * the directory's own, so that the new hub's first segment never names a file or a place that a loss of power takes back.
 * @param salvaging Called with what is lost before corrupt files are given up.
 * @throws StorageError `ERR_STORAGE_CORRUPT`, unless `options.recover` is `"salvage"`; `ERR_STORAGE_FORMAT`.
 */
export function* recoverForHub(
  machine: Machine,
  place: Place,
  epoch: number,
  options: Pick<HubOptions, "recover">,
  position: LogPosition | null,
  salvaging: (lost: readonly Lost[]) => void = () => {},
): Steps<Recovered> {
  const { files } = machine;
  const adopt = () => beginLog(machine, place, epoch);
  let recovered: Recovered;
  try {
    yield* passEnd(machine, place, epoch);
    recovered = yield* recover(files, place, position, adopt);
    // A contender from before the removal may have begun a log without a batch.
    if (recovered.seq === 0 && (yield* publishEnd(machine, place, epoch)))
      recovered = yield* recover(files, place, null, null);
  } catch (error) {
    if (options.recover !== "salvage" || (error as StorageError).code !== "ERR_STORAGE_CORRUPT") throw error;
    salvage(machine, place, epoch, salvaging);
    recovered = yield* recover(files, place, null, adopt);
  }
  // A closed segment is synced, unless that failed and it was rewritten; a compaction from before the fence may remove it.
  for (const { epoch, segment } of recovered.segments) yield* syncIfThere(files, segmentPath(place, epoch, segment));
  yield* namesSynced(files, place.directory);
  yield* namesSynced(files, dirname(place.directory));
  return { ...recovered, history: recovered.history || newHistory(machine) };
}

/** Begins a log where none exists: with `app.db`, or with the tombstone of a storage that was removed; false: there is neither. */
function* beginLog(machine: Machine, place: Place, epoch: number): Steps<boolean> {
  if (yield* importCopy(machine, place, epoch, readTombstone(machine, place))) return true;
  return yield* publishEnd(machine, place, epoch);
}

/** False when the storage was never removed. */
function* publishEnd(machine: Machine, place: Place, epoch: number): Steps<boolean> {
  const end = readTombstone(machine, place);
  if (end) yield* publish(machine, place, epoch, end, []);
  return end !== null;
}

/**
 * Where the last snapshot of a removed storage is left, the log goes on after the end of that storage: the process that
 * removes the snapshot may be frozen just before it does. Any other file belongs to another storage, and stays as it is.
 */
function* passEnd(machine: Machine, place: Place, epoch: number): Steps<void> {
  const { files } = machine;
  const newest = snapshotsIn(files.list(place.directory))[0];
  const end = readTombstone(machine, place);
  if (end === null || newest !== end.seq - 1) return;
  const time = timeOfSnapshot(files, place, newest);
  if (time === end.time) yield* publish(machine, place, epoch, end, []);
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

function* syncIfThere(files: Files, path: string): Steps<void> {
  const file = openIfThere(files, path, "write");
  if (file === null) return;
  try {
    yield* synced(files, file);
  } catch (error) {
    rewrite(files, file, files.bytes(file));
    throw error;
  } finally {
    files.close(file);
  }
}
