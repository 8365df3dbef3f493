/**
 * Torn ends: what a write that was never finished leaves after the last whole frame of the last segment. They hold no
 * confirmed batch, and are kept aside since a person may want to look at them.
 */
import { join } from "node:path";
import { BATCH, epochOf, seqOf } from "../../log/frame.js";
import type { Files, LogPosition, Place, Position } from "../machine/machine.js";
import { compareSegments, type Link } from "./chain.js";
import { bestEffort, thenClose } from "./file-access.js";
import { CorruptFileError } from "./file-errors.js";
import { readExactly } from "./frame-scanner.js";
import { nextIntactFrame } from "./resync.js";
import { writeAll } from "./write-all.js";

/** Torn ends that are kept; older ones are removed. */
const MAX_TORN_FILES = 4;
/** Most bytes of a torn end that are kept. */
const MAX_TORN_BYTES = 16 * 1024 * 1024;

const TORN_NAME = /^torn\.(\d+)\.(\d+)$/;

export const tornPath = (place: Place, epoch: number, segment: number): string =>
  join(place.directory, `torn.${epoch}.${segment}`);

/**
 * Checks that no batch of the segment follows a place that cannot be read: then a write was not finished there. What was
 * appended after `end`, since the segment was opened, does not count: its manager, which is fenced, may still write.
 * @param from That place, and the seq of the last batch before it.
 * @throws CorruptFileError when a batch follows: then the place was whole once, and is corrupt.
 */
export function expectTorn(
  files: Files,
  { path, file, end }: Pick<Link, "path" | "file" | "end">,
  { epoch, offset, seq }: Pick<LogPosition, "epoch" | "offset" | "seq">,
  error?: CorruptFileError,
): void {
  const isNext = (buffer: Buffer, at: number) => epochOf(buffer, at) === epoch && seqOf(buffer, at) > seq;
  const found = nextIntactFrame(files, file, offset, BATCH, isNext, end);
  if (found === -1) return;
  const detail = `expected a first frame before the batch at byte ${found}, got none`;
  throw error ?? new CorruptFileError(path, offset, detail);
}

/**
 * Keeps the end of a segment aside, if it is not kept already. Best effort: the log does not need it, and a full disk must
 * not stop a recovery.
 * @param from Where the torn end begins.
 */
export function keepTornEnd(files: Files, place: Place, file: number, from: Position): void {
  bestEffort(() => {
    const bytes = Math.min(files.bytes(file) - from.offset, MAX_TORN_BYTES);
    const rest = readExactly(files, file, from.offset, bytes);
    if (rest) writeNew(files, tornPath(place, from.epoch, from.segment), rest);
    removeOld(files, place);
  });
}

function writeNew(files: Files, path: string, bytes: Buffer): void {
  const { error } = thenClose(files, files.open(path, "create"), (file) => writeAll(files, file, [bytes], 0));
  if (error) files.unlink(path);
}

function removeOld(files: Files, place: Place): void {
  const torn = files.list(place.directory).flatMap((name) => {
    const [, epoch, segment] = TORN_NAME.exec(name) ?? [];
    return epoch === undefined ? [] : [{ name, epoch: Number(epoch), segment: Number(segment) }];
  });
  torn.sort((a, b) => compareSegments(b, a));
  for (const { name } of torn.slice(MAX_TORN_FILES)) files.unlink(join(place.directory, name));
}
