/** The fold builds, in memory, the state of a snapshot and the batches after it. It uses no files. */
import { decodeBatch, decodeEntries } from "../log/codec.js";
import type { Batch, Entry } from "../log/entry.js";
import { kindOf, ORIGINS } from "../log/frame.js";
import type { KnownOrigin, SnapshotHead, StateHead } from "../log/log.js";
import { decodeOrigins } from "../log/snapshot-frames.js";
import { FORGOTTEN } from "./origins.js";
import { Table } from "./table.js";

/** Paths that are dropped in one step. */
const SWEEP_PATHS = 256;

/** A state that is built from frames; the values in it stay text. */
export class Fold {
  #table = new Table();

  /** The head of the state. */
  get head(): SnapshotHead {
    return this.#table.head();
  }

  get seq(): number {
    return this.#table.seq;
  }

  get time(): number {
    return this.#table.time;
  }

  /** The number of top-level keys, without those that have expired by log time. */
  get keyCount(): number {
    return this.#table.size(this.#table.time);
  }

  /** Drops some of what has expired by log time; false when nothing is left to drop. */
  sweep(): boolean {
    return this.#table.sweep(SWEEP_PATHS, () => false).hasMore;
  }

  /** Entries that build an equal state; what has expired by log time is dropped before. */
  entries(): Iterable<Entry> {
    while (this.sweep());
    return this.#table.contents();
  }

  snapshot(head: StateHead): void {
    this.#table = new Table();
    this.#table.restore({ ...head, origins: [] });
  }

  /** Takes over a frame of a snapshot. */
  state(buffer: Buffer, start: number, end: number): void {
    if (kindOf(buffer, start) === ORIGINS) this.#table.restoreOrigins(decodeOrigins(buffer, start, end));
    else this.restore(decodeEntries(buffer, start, end));
  }

  /** Takes over entries of a snapshot. */
  restore(entries: readonly Entry[]): void {
    this.#table.restoreEntries(entries);
  }

  batch(buffer: Buffer, start: number, end: number): void {
    this.apply(decodeBatch(buffer, start, end));
  }

  /** Applies the next batch; false when its origin is unknown and it is not its first, so that it was skipped. */
  apply(batch: Batch): boolean {
    return this.#table.apply(batch) !== FORGOTTEN;
  }

  /** Moves on to a later seq when the batches between are lost, and takes over the origins that are known. */
  skip(seq: number, origins: readonly KnownOrigin[] = []): void {
    const { time, level } = this.#table;
    this.#table.restore({ seq, time, level, origins });
  }
}
