/** Storages made for tests: a history of batches in segments, and its state, computed the naive way. */

import { placeOf, segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { LogReader } from "../../../../dist/core/local/disk/log-reader.js";
import { Segment } from "../../../../dist/core/local/disk/segment.js";
import type { Files, FoldRequest, Machine, Place, Position } from "../../../../dist/core/local/machine/machine.js";
import type { Recovered } from "../../../../dist/core/local/upkeep/recovery.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { addEntry, deleteEntry, type Entry, setEntry } from "../../../../dist/core/log/entry.js";
import { BATCH } from "../../../../dist/core/log/frame.js";
import { Fold } from "../../../../dist/core/state/fold.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact } from "../upkeep/at-once.js";

export const place: Place = placeOf("/data", "app");
/** The history of all files that tests write. */
export const HISTORY = "0123456789abcdef".repeat(2);
const ORIGIN = 4711;
const START_MS = 1_000_000;

/** The entries of the n-th batch of every test: overwrites, counts, deletes. */
export function entriesOf(seq: number): Entry[] {
  return [
    setEntry([`key${seq % 7}`, "value"], JSON.stringify(`written by ${seq}`)),
    addEntry(["count"], seq),
    ...(seq % 5 === 0 ? [deleteEntry([`key${(seq + 3) % 7}`])] : []),
  ];
}

/** The frames of a file, one by one. */
export function framesIn(content: Buffer): Buffer[] {
  const frames = [];
  for (let at = 0; at < content.length; at += content.readUInt32LE(at)) {
    frames.push(content.subarray(at, at + content.readUInt32LE(at)));
  }
  return frames;
}

export function frameOf(seq: number, epoch: number): Buffer {
  const stamp = { epoch, seq, time: START_MS + seq, origin: ORIGIN, born: START_MS, number: seq };
  return encodeEntries(entriesOf(seq), BATCH, stamp);
}

/** The state after each batch, as text, by seq; of a state without any batch: "[]". */
export function statesUpTo(last: number): string[] {
  const states = ["[]"];
  const fold = new Fold();
  for (let seq = 1; seq <= last; seq++) {
    fold.apply({ seq, time: START_MS + seq, origin: ORIGIN, born: START_MS, number: seq, entries: entriesOf(seq) });
    states.push(textOf(fold));
  }
  return states;
}

export function textOf(fold: Fold): string {
  const slots = [...fold.entries()].map(({ path, json }) => `${path} ${json}`);
  return JSON.stringify(slots.sort());
}

/** A machine with files in memory, a clock and random text that count. */
export function machineOf(files: Files): Machine {
  let random = 0;
  return {
    files,
    clock: { now: () => START_MS, elapsed: () => 0 },
    random: (bytes: number) => Buffer.alloc(bytes, `${random++}`),
  } as unknown as Machine;
}

/** Writes a segment with the batches from `first` to `last`; returns it closed, up to its end. */
export function writeSegment(
  files: Files,
  epoch: number,
  segment: number,
  [first, last]: readonly [number, number],
  previous: Position | null,
  where: Place = place,
  history: string = HISTORY,
): Position {
  const before = first - 1;
  const time = before === 0 ? 0 : START_MS + before;
  const writer = Segment.create(files, where, { epoch, segment, seq: before, time }, previous, history);
  const frames = [];
  for (let seq = first; seq <= last; seq++) frames.push(frameOf(seq, epoch));
  const error = writer.append(frames);
  if (error) throw error;
  writer.close();
  return { epoch, segment, offset: writer.end };
}

/** What a member reads that joins a hub right after recovery: the hub's first segment is still empty. */
export function load(files: Files, { segments, seq, time, history }: Recovered): { seq: number; text: string } {
  const start = { epoch: 99_999, segment: 1, seq, time };
  const next = Segment.create(files, place, start, segments.at(-1) ?? null, history || HISTORY);
  next.close();
  const fold = new Fold();
  const reader = new LogReader(files, place, { epoch: 99_999, segment: 1, offset: next.end }, null, fold);
  while (!reader.step());
  files.unlink(segmentPath(place, 99_999, 1));
  return { seq: fold.seq, text: textOf(fold) };
}

/** A snapshot of 1 to 5, closed segments up to 15, a last one up to 20. All of it is on the disk. */
export function makeStorage(): { files: MemoryFiles; request: FoldRequest; last: Position } {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 5], null);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  const second = writeSegment(files, 1, 2, [6, 10], first);
  const third = writeSegment(files, 2, 1, [11, 15], second);
  const last = writeSegment(files, 2, 2, [16, 20], third);
  files.put(`${place.directory}/torn.1.2`, Buffer.alloc(4));
  files.settle();
  return { files, request: { place, epoch: 2, snapshot: 5, segments: [second, third] }, last };
}
