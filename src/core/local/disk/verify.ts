/** Reads and checks the files of a log without giving their content to anybody. */

import { BATCH, epochOf, seqOf } from "../../log/frame.js";
import type { Files, Place } from "../machine/machine.js";
import { BatchScanner } from "./batch-scanner.js";
import { expectStart, type Link } from "./chain.js";
import { openUnlessCompacted, thenClose } from "./file-access.js";
import { CorruptFileError } from "./file-errors.js";
import { nextIntactFrame } from "./resync.js";
import { SnapshotScanner } from "./snapshot.js";
import { keepTorn } from "./torn-ends.js";

/** An unfinished end that does not belong to the log. */
export interface Torn {
  readonly file: string;
  /** Where it begins. */
  readonly offset: number;
  readonly bytes: number;
}

/** A place in a segment and the last batch before it. */
export interface End {
  readonly seq: number;
  readonly time: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
}

/** Reads links from a place in the first one on: the last one up to its last whole frame, the others strictly. */
export function readLinks(
  files: Files,
  place: Place,
  links: readonly Link[],
  start: End,
): { end: End; torn: Torn | null } {
  let at = start;
  for (const [index, link] of links.entries()) {
    if (index > 0) {
      expectStart(link, at.seq, at.time);
      at = { ...link.head, offset: link.head.bytes };
    }
    const { seq, time, offset } = at;
    const part = { path: link.path, file: link.file, epoch: link.epoch, from: offset, to: link.end, seq, time };
    const batches = new BatchScanner(files, part, true);
    try {
      while (batches.next()) at = { seq: batches.seq, time: batches.time, offset: batches.frames.endOffset };
    } catch (error) {
      if (link !== links.at(-1) || !(error instanceof CorruptFileError) || error.isSound) throw error;
      expectNoBatch(files, link, at.offset, at.seq, error);
      keepTorn(files, place, link, link.file, at.offset);
      return { end: at, torn: { file: link.path, offset: at.offset, bytes: link.end - at.offset } };
    }
  }
  return { end: at, torn: null };
}

/**
 * Checks that nothing whole follows a bad place at the end of a segment: then a write was not finished there. What was
 * appended since the segment was opened, behind `end`, does not count: its manager, which is fenced, may still be at it.
 * @throws DamageError when a batch that belongs there follows: then it was, and the place was damaged later.
 */
export function expectNoBatch(
  files: Files,
  { path, file, epoch, end }: Pick<Link, "path" | "file" | "epoch" | "end">,
  offset: number,
  seq: number,
  cause?: CorruptFileError,
): void {
  const found = nextIntactFrame(
    files,
    file,
    offset,
    BATCH,
    (buffer, at) => epochOf(buffer, at) === epoch && seqOf(buffer, at) > seq,
    end,
  );
  if (found === -1) return;
  throw (
    cause ?? new CorruptFileError(path, offset, `expected a first frame before the batch at byte ${found}, got none`)
  );
}

/**
 * Reads and checks a whole snapshot.
 * @param seq The seq that it is to have; null: any.
 * @throws StaleFilesError when there is no such file.
 * @throws DamageError when anything in it is not what was written.
 */
export function checkSnapshot(
  files: Files,
  path: string,
  seq: number | null,
): { seq: number; time: number; bytes: number } {
  return thenClose(files, openUnlessCompacted(files, path), (file) => {
    const scanner = new SnapshotScanner(files, path, file, seq, true);
    while (scanner.next());
    return { seq: scanner.head.seq, time: scanner.head.time, bytes: files.bytes(file) };
  });
}
