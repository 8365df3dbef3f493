/** Small storages as they lie on a disk, with all that was ever true of them. */

import { seatPath, segmentPath, snapshotPath } from "../../../dist/core/local/disk/file-names.js";
import type { LogPosition } from "../../../dist/core/local/machine/machine.js";
import { BATCH, kindOf, lengthOf, seqOf } from "../../../dist/core/log/frame.js";
import { SNAPSHOT, storage } from "../../core/local/disk/corrupted.js";
import { load, machineOf, place, writeSegment } from "../../core/local/disk/stored.js";
import { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { compact, recover } from "../../core/local/upkeep/at-once.js";

/** One frame of a file. */
export interface Frame {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
  /** The seq of a batch; 0: it is none. */
  readonly seq: number;
}

export interface Stored {
  readonly name: string;
  readonly files: MemoryFiles;
  readonly frames: readonly Frame[];
  /** The seq of its snapshot; 0 for none. */
  readonly snapshot: number;
  /** Where the snapshot is. */
  readonly snapshotPath: string;
  /** The seq of its last batch. */
  readonly seq: number;
  /** The newest segment; empty for none. */
  readonly last: string;
  /** A member that holds everything; null when there is no log. */
  readonly mark: LogPosition | null;
}

/** Whether a file is none of those that hold JSON. */
export const isFrames = (content: Buffer): boolean => content.toString("latin1", 0, 2) !== '{"';

/** The frames of a file from its start, as far as they are whole in length. */
export function framesIn(path: string, content: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 4 <= content.length; ) {
    const bytes = content.subarray(at, at + lengthOf(content, at));
    frames.push({ path, offset: at, bytes, seq: kindOf(bytes, 0) === BATCH ? seqOf(bytes, 0) : 0 });
    at += bytes.length;
  }
  return frames;
}

function stored(name: string, files: MemoryFiles, snapshot: number, path = snapshotPath(place, snapshot)): Stored {
  const logs = [...files.names].filter(([, { content }]) => content.length > 0 && isFrames(content));
  const frames = logs.flatMap(([file, { content }]) => framesIn(file, content));
  const { segments, seq, time } = recover(files, place, null, () => false);
  const { epoch, segment, offset } = segments.at(-1) ?? { epoch: 0, segment: 0, offset: 0 };
  const hasLog = segments.length > 0;
  return {
    name,
    files,
    frames,
    snapshot,
    snapshotPath: path,
    seq: Math.max(seq, snapshot),
    last: hasLog ? segmentPath(place, epoch, segment) : "",
    mark: hasLog ? { epoch, segment, offset, seq, time } : null,
  };
}

/** A snapshot, two closed segments and a last one, seats, and the copy. */
function makeWhole(): Stored {
  const files = storage.afterCrash();
  files.put(place.filename, storage.get(SNAPSHOT));
  const seat = { address: `${place.directory}/hub.0`, token: "5a".repeat(32), pid: 1, host: "here", bootId: "1" };
  files.put(seatPath(place, 2), Buffer.from(`${JSON.stringify({ ...seat, protocol: 1 })}\n`));
  return stored("whole", files, 10);
}

/** Segments without a snapshot. */
function makeYoung(): Stored {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 4], null);
  const second = writeSegment(files, 1, 2, [5, 7], first);
  writeSegment(files, 2, 1, [8, 9], second);
  return stored("young", files, 0);
}

/** A snapshot, a closed segment, and a new one that holds nothing yet. */
function makeRotated(): Stored {
  const files = new MemoryFiles();
  const first = writeSegment(files, 3, 1, [1, 6], null);
  compact(machineOf(files), { place, epoch: 3, snapshot: 0, segments: [first] });
  const second = writeSegment(files, 3, 2, [7, 9], first);
  writeSegment(files, 3, 3, [10, 9], second);
  files.unlink(place.filename);
  return stored("rotated", files, 6);
}

/** The copy alone, as after a backup was put back. */
function makeCopy(): Stored {
  const files = new MemoryFiles();
  files.put(place.filename, storage.get(SNAPSHOT));
  return stored("copy", files, 10, place.filename);
}

export const STORAGES: readonly Stored[] = [makeWhole(), makeYoung(), makeRotated(), makeCopy()];

/** What is in a storage whose files are intact, as text. */
export function textIn(files: MemoryFiles): string {
  return load(
    files,
    recover(files, place, null, () => false),
  ).text;
}
