/**
 * Keeps what is intact of corrupt files, when the user asks for that: the newest intact snapshot, or what is intact of a
 * corrupt one, and every intact batch after it in the order of the log, gaps allowed.
 *
 * Invariant: a crash or a failure at any point loses nothing more. Corrupt files are kept aside, whole, under further names
 * before the result is published under a seq above all others; from then on the old names count for nothing, and are removed.
 */

import { basename, join } from "node:path";
import { decodeBatch, decodeEntries } from "../../log/codec.js";
import { type Batch, SLOT } from "../../log/entry.js";
import { BATCH, epochOf, kindOf, numberOf, ORIGINS, STATE, seqOf, timeOf } from "../../log/frame.js";
import { MOST_LEVEL } from "../../log/levels.js";
import type { StateHead } from "../../log/log.js";
import { Fold } from "../../state/fold.js";
import { linkOnce, thenClose } from "../disk/file-access.js";
import { CorruptFileError } from "../disk/file-errors.js";
import { segmentPath, segmentsIn, snapshotPath, snapshotsIn } from "../disk/file-names.js";
import { historyIn, newHistory } from "../disk/head.js";
import { frameAt, nextIntactFrame, nextOfKinds } from "../disk/resync.js";
import { readSegmentHead } from "../disk/segment.js";
import { checkSnapshot, readSnapshotHead } from "../disk/snapshot.js";
import { runToEnd } from "../disk/steps.js";
import type { Files, Machine, Place } from "../machine/machine.js";
import { publish } from "./compactor.js";
import { type Lost, readIntactFrames } from "./intact-frames.js";
import { readTombstone } from "./tombstone.js";

/** What a snapshot has between its first and its last frame. */
const FRAME_KINDS = [STATE, ORIGINS];

/** A segment, and the seqs of its batches that belong to the log. */
interface Source {
  readonly path: string;
  readonly epoch: number;
  /** The last seq before it. */
  readonly above: number;
  /** The first seq of the next segment. */
  readonly below: number;
}

/**
 * Publishes a snapshot of everything that is intact. On return it is the whole log: a new chain can begin after it.
 * @param salvaging Called with what is lost before that is given up, so that it is reported whatever fails later.
 * @returns what was lost; the files that it was lost from are kept as `corrupt.<time>.<name>`.
 * @throws StorageError `ERR_STORAGE_FORMAT` when another version wrote a file.
 */
export function salvage(
  machine: Machine,
  place: Place,
  epoch: number,
  salvaging: (lost: readonly Lost[]) => void = () => {},
): Lost[] {
  const { files } = machine;
  const names = files.list(place.directory);
  const snapshots = snapshotsIn(names);
  const paths = snapshots.map((seq) => snapshotPath(place, seq));
  const sources = sourcesOf(files, place, names);
  const known = [...sources.map(({ path }) => path).reverse(), ...paths];
  if (known.length === 0) paths.push(place.filename);
  const corrupt = paths.filter((path) => !isIntact(files, path));
  const base = paths.find((path) => !corrupt.includes(path)) ?? corrupt[0];
  const fold = new Fold();
  const lost = corrupt.map((file) => ({ file, from: 0, to: 0 }) as Lost);
  if (base !== undefined) lost.push(...loadSnapshot(files, base, fold));
  for (const source of sources) lost.push(...loadBatches(files, source, fold));
  const end = readTombstone(machine, place)?.seq ?? 0;
  const highest = Math.max(fold.seq, snapshots[0] ?? 0, end, ...sources.map(({ above }) => above));
  keepAside(machine, place, new Set(lost.map(({ file }) => file)));
  salvaging(lost);
  const history = historyOf(machine, known);
  runToEnd(publish(machine, place, epoch, { ...fold.head, seq: highest + 1, history }, fold.entries()));
  for (const path of [...paths, ...sources.map((source) => source.path)]) files.unlink(path);
  files.syncDirectory(place.directory);
  return lost;
}

function isIntact(files: Files, path: string): boolean {
  return unlessCorrupt(() => runToEnd(checkSnapshot(files, path, null))) !== null;
}

/** The history that the first of some files names whose first frame is intact; another one when there is none. */
function historyOf(machine: Machine, paths: readonly string[]): string {
  const { files } = machine;
  for (const path of paths) {
    const history = thenClose(files, files.open(path, "read"), (file) => historyIn(files, file, path));
    if (history !== null) return history;
  }
  return newHistory(machine);
}

/** What a call returns; null when it meets corrupt bytes. */
function unlessCorrupt<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof CorruptFileError) return null;
    throw error;
  }
}

/**
 * The segments in order; what one holds beyond the start of the next was never confirmed. Within an epoch the order is that of
 * what they hold: names may have been exchanged.
 */
function sourcesOf(files: Files, place: Place, names: readonly string[]): Source[] {
  const found = segmentsIn(names).map(({ epoch, segment }) => {
    const path = segmentPath(place, epoch, segment);
    return { path, epoch, above: lastBefore(files, path, epoch, segment) };
  });
  const sources: Source[] = [];
  let below = Number.POSITIVE_INFINITY;
  for (const { path, epoch, above } of found.sort((a, b) => b.epoch - a.epoch || (b.above ?? 0) - (a.above ?? 0))) {
    sources.unshift({ path, epoch, above: above ?? 0, below });
    if (above !== null) below = Math.min(below, above + 1);
  }
  return sources;
}

/** The seq before a segment, by its first frame or else by its first intact batch; null when it has neither. */
function lastBefore(files: Files, path: string, epoch: number, segment: number): number | null {
  return thenClose(files, files.open(path, "read"), (file) => {
    const head = unlessCorrupt(() => readSegmentHead(files, file, path, { epoch, segment }));
    if (head) return head.start.seq;
    const first = nextIntactFrame(files, file, 0, BATCH, (buffer, at) => epochOf(buffer, at) === epoch);
    return first === -1 ? null : seqOf(frameAt(files, file, first), 0) - 1;
  });
}

/** The head of a snapshot; when it is corrupt, one with the seq that the first intact frame has, at any level that can be read. */
function headOrSeq(files: Files, path: string): StateHead {
  return thenClose(files, files.open(path, "read"), (file) => {
    const first = unlessCorrupt(() => readSnapshotHead(files, file, path));
    if (first) return first.head;
    const inside = nextOfKinds(files, file, 0, FRAME_KINDS, () => true);
    return { seq: inside === -1 ? 0 : seqOf(frameAt(files, file, inside), 0), time: 0, level: MOST_LEVEL };
  });
}

function loadSnapshot(files: Files, path: string, fold: Fold): Lost[] {
  const head = headOrSeq(files, path);
  const { seq } = head;
  fold.snapshot(head);
  let number = 0;
  let hasGap = false;
  return readIntactFrames(
    files,
    path,
    FRAME_KINDS,
    (buffer, at) => seqOf(buffer, at) === seq,
    (buffer, start, end) => {
      hasGap ||= numberOf(buffer, start) !== number + 1;
      number = numberOf(buffer, start);
      if (kindOf(buffer, start) === ORIGINS) {
        fold.state(buffer, start, end);
        return;
      }
      const entries = decodeEntries(buffer, start, end);
      // After a gap, what adds to a slot may add to one that was lost.
      const from = hasGap ? entries.findIndex(({ type }) => type === SLOT) : 0;
      if (from === -1) return;
      hasGap = false;
      fold.restore(entries.slice(from));
    },
  );
}

/** Applies what is intact in the order of the log, which need not be that of a corrupt file. */
function loadBatches(files: Files, { path, epoch, above, below }: Source, fold: Fold): Lost[] {
  const batches: Batch[] = [];
  const lost = readIntactFrames(
    files,
    path,
    [BATCH],
    (buffer, at) => epochOf(buffer, at) === epoch && timeOf(buffer, at) >= 0,
    (buffer, start, end) => {
      const seq = seqOf(buffer, start);
      if (seq > above && seq < below) batches.push(decodeBatch(buffer, start, end));
    },
  );
  for (const batch of batches.sort((a, b) => a.seq - b.seq)) if (batch.seq > fold.seq) applyAfterGap(fold, batch);
  return lost;
}

/** Applies the next batch, after a gap or none. It counts even when its origin began in a gap. */
function applyAfterGap(fold: Fold, read: Batch): void {
  const batch = { ...read, time: Math.max(read.time, fold.time) };
  fold.skip(batch.seq - 1);
  if (fold.apply(batch)) return;
  fold.skip(batch.seq - 1);
  fold.apply({ ...batch, origin: 0 });
  fold.skip(batch.seq, [[batch.origin, batch.number, batch.time]]);
}

/**
 * Gives corrupt files further names. Returns when these are on the disk. The names show when a file was written last, so that
 * another try gives the same ones.
 */
function keepAside(machine: Machine, place: Place, corrupt: ReadonlySet<string>): void {
  const { files } = machine;
  for (const path of corrupt) {
    const written = Math.floor(files.modifiedAt(path) ?? 0).toString(36);
    linkOnce(files, path, join(place.directory, `corrupt.${written}.${basename(path)}`));
  }
  files.syncDirectory(place.directory);
}
