/**
 * Compaction: folds a snapshot and the closed segments behind it into a new snapshot. From files alone; FORMAT.md and
 * ARCHITECTURE.md say why it may be frozen and go on at any later time.
 *
 * The order is what makes it harmless: written whole and synced under a temporary name; read back; linked to a name of its
 * own, which is the commit point; the names synced; and only then is anything deleted, and only what that snapshot covers.
 */

import { decodeEntries } from "../../log/codec.js";
import type { Batch, Entry } from "../../log/entry.js";
import { bornOf, numberOf, originOf, seqOf, timeOf } from "../../log/frame.js";
import type { SnapshotHead } from "../../log/log.js";
import { FORGOTTEN } from "../../state/origins.js";
import { Table } from "../../state/table.js";
import { openLink } from "../disk/chain.js";
import { linkOnce } from "../disk/file-access.js";
import { snapshotPath, temporaryPath } from "../disk/file-names.js";
import { LogReader, type LogVisitor } from "../disk/log-reader.js";
import { checkSnapshot, writeSnapshot } from "../disk/snapshot.js";
import type { CompactRequest, CompactResult, Machine, Place, Position } from "../machine/machine.js";
import { removeCovered, renewCopy } from "./removal.js";

/** A state that is built from frames; the values in it stay text. */
export class Fold implements LogVisitor {
  #table = new Table();

  /** The seq, time and origins of the state. */
  get head(): SnapshotHead {
    return this.#table.head();
  }

  get seq(): number {
    return this.#table.seq;
  }

  get time(): number {
    return this.#table.time;
  }

  /** Top-level keys. What log time has passed does not count. */
  get keyCount(): number {
    return this.#table.size(this.#table.time);
  }

  /** What makes an equal state; what log time has passed is dropped before. */
  entries(): Iterable<Entry> {
    this.#table.sweep(Number.POSITIVE_INFINITY, () => false);
    return this.#table.contents();
  }

  snapshot(head: SnapshotHead): void {
    this.#table = new Table();
    this.#table.restore(head);
  }

  state(buffer: Buffer, start: number, end: number): void {
    this.restore(decodeEntries(buffer, start, end));
  }

  /** Takes over entries of a snapshot. */
  restore(entries: readonly Entry[]): void {
    this.#table.restoreEntries(entries);
  }

  batch(buffer: Buffer, start: number, end: number): void {
    this.apply(batchOf(buffer, start, end));
  }

  /** Applies the next batch; false when its origin is unknown and it is not its first, so that it was skipped. */
  apply(batch: Batch): boolean {
    return this.#table.apply(batch) !== FORGOTTEN;
  }

  /** Goes to a later seq, what is between being lost, and takes origins over as they are known. */
  skip(seq: number, origins: SnapshotHead["origins"] = []): void {
    this.#table.restore({ seq, time: this.#table.time, origins });
  }
}

/** The batch in the frame that lies in `buffer` from `start` to `end`. */
export function batchOf(buffer: Buffer, start: number, end: number): Batch {
  return {
    seq: seqOf(buffer, start),
    time: timeOf(buffer, start),
    origin: originOf(buffer, start),
    born: bornOf(buffer, start),
    number: numberOf(buffer, start),
    entries: decodeEntries(buffer, start, end),
  };
}

/**
 * Folds the closed segments of a request into a new snapshot and removes what that covers. Returns when all is on the disk.
 * Nothing is removed when anything fails before.
 * @throws StorageError `ERR_STORAGE_CORRUPT` when what is to be folded is damaged.
 * @throws CompactedFileError when another compaction has folded it.
 */
export function compact(machine: Machine, request: CompactRequest): CompactResult {
  const fold = foldChain(machine, request);
  const { seq } = fold.head;
  const bytes = seq === 0 ? 0 : publish(machine, request.place, request.epoch, fold.head, fold.entries());
  if (seq > 0) tidy(machine, request, seq);
  return { snapshot: seq, bytes };
}

/**
 * As `compact`, for the last member that leaves: the segments go up to the end of the log, so that on return `app.db` alone
 * is the whole state. Writes no snapshot when nothing follows the newest one.
 */
export function foldAll(machine: Machine, request: CompactRequest): void {
  if (isFolded(machine, request)) tidy(machine, request, request.snapshot);
  else compact(machine, request);
}

function foldChain(machine: Machine, { place, segments }: CompactRequest): Fold {
  const fold = new Fold();
  const reader = new LogReader(machine.files, place, lastOf(segments), null, fold, true);
  while (!reader.step());
  return fold;
}

function lastOf(segments: readonly Position[]): Position {
  const last = segments.at(-1);
  if (last === undefined) throw new RangeError("expected segments to fold, got none");
  return last;
}

/** Whether the snapshot is sound and the last segment begins behind it and holds nothing. */
function isFolded({ files }: Machine, { place, snapshot, segments }: CompactRequest): boolean {
  const last = openLink(files, place, lastOf(segments));
  files.close(last.file);
  if (snapshot === 0 || last.start.seq > snapshot || last.end > last.start.offset) return false;
  checkSnapshot(files, snapshotPath(place, snapshot), snapshot);
  return true;
}

/**
 * Publishes a state as `snapshot.<seq>`. Returns when that file is whole and on the disk. Another process may have published
 * the same state before: its file stays, since it is a prefix of the same history.
 * @returns the bytes of the snapshot.
 */
export function publish(
  machine: Machine,
  place: Place,
  epoch: number,
  head: SnapshotHead,
  entries: Iterable<Entry>,
): number {
  const { files } = machine;
  const temporary = temporaryPath(place, epoch, machine.random(8).toString("hex"));
  const bytes = writeSnapshot(files, temporary, head, entries);
  try {
    checkSnapshot(files, temporary, head.seq);
    linkOnce(files, temporary, snapshotPath(place, head.seq));
  } finally {
    files.unlink(temporary);
  }
  files.syncDirectory(place.directory);
  return bytes;
}

/** Renews `app.db`, and removes what the snapshot covers even when that fails. */
function tidy(machine: Machine, { place, epoch, segments }: CompactRequest, snapshot: number): void {
  const { files } = machine;
  try {
    renewCopy(files, place, snapshot, temporaryPath(place, epoch, machine.random(8).toString("hex")));
  } finally {
    removeCovered(files, place, snapshot, segments);
  }
}
