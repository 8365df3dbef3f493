/** What frames of segments say. */

import type { TimeNote } from "../../../dist/core/local/machine/machine.js";
import { decodeBatch } from "../../../dist/core/log/codec.js";
import {
  BATCH,
  decodeJson,
  epochOf,
  HEADER_BYTES,
  isIntact,
  kindOf,
  lengthOf,
  numberOf,
  SEGMENT,
  seqOf,
  timeOf,
} from "../../../dist/core/log/frame.js";
import type { Inode } from "./inode.js";

/** Where a segment begins, and its predecessor. */
export interface Head {
  readonly epoch: number;
  readonly segment: number;
  readonly seq: number;
  readonly bytes: number;
  readonly previous: { epoch: number; segment: number; end: number } | null;
  /** Log time, and what time it was by all clocks. */
  readonly time: number;
  readonly clock: TimeNote | null;
}

/** The first frame of a segment; null when it is not whole. */
export function headOf(inode: Inode): Head | null {
  const { content } = inode;
  if (content.length < HEADER_BYTES) return null;
  const bytes = lengthOf(content, 0);
  if (bytes > content.length || kindOf(content, 0) !== SEGMENT || !isIntact(content, 0, bytes)) return null;
  const { previous, clock } = decodeJson(content, 0, bytes) as Pick<Head, "previous" | "clock">;
  const [epoch, segment, seq, time] = [epochOf, numberOf, seqOf, timeOf].map((read) => read(content, 0)) as number[];
  return { epoch, segment, seq, time, bytes, previous, clock } as Head;
}

/** The batches of a segment from one place to another, as far as they are whole. */
export function* batchesIn(content: Buffer, from: number, to: number): Generator<Buffer> {
  const stop = Math.min(to, content.length);
  for (let at = from; at + HEADER_BYTES <= stop; ) {
    const next = at + lengthOf(content, at);
    if (next > stop || kindOf(content, at) !== BATCH || !isIntact(content, at, next)) return;
    yield content.subarray(at, next);
    at = next;
  }
}

/** A batch in a message. */
export function show(frame: Buffer): string {
  const { entries, ...stamp } = decodeBatch(frame, 0, frame.length);
  const writes = entries.map(({ path, json }) => [path, json]);
  return JSON.stringify({ epoch: epochOf(frame, 0), ...stamp, writes });
}
