/** Torn ends of segments, which are kept aside: they hold no confirmed batch, but a person may want to look at them. */

import { join } from "node:path";
import type { Files, Place, SegmentRef } from "../machine/machine.js";
import { compareSegments } from "./chain.js";
import { bestEffort, thenClose } from "./file-access.js";
import { readExactly } from "./frame-scanner.js";
import { writeAll } from "./write-all.js";

/** Unfinished ends that are kept; older ones are removed. */
const MAX_TORN_FILES = 4;
/** Most bytes of an unfinished end that are kept. */
const MAX_TORN_BYTES = 16 * 1024 * 1024;

const TORN_NAME = /^torn\.(\d+)\.(\d+)$/;

export const tornPath = (place: Place, epoch: number, segment: number): string =>
  join(place.directory, `torn.${epoch}.${segment}`);

/**
 * Keeps the end of a segment aside from `offset` on, if it is not kept already. Best effort: the end is worthless to the
 * log, and a full disk must not stop a recovery.
 */
export function keepTorn(
  files: Files,
  place: Place,
  segment: Omit<SegmentRef, "end">,
  file: number,
  offset: number,
): void {
  bestEffort(() => {
    const bytes = Math.min(files.bytes(file) - offset, MAX_TORN_BYTES);
    const rest = readExactly(files, file, offset, bytes);
    if (rest) writeNew(files, tornPath(place, segment.epoch, segment.segment), rest);
    removeOldTorn(files, place);
  });
}

function writeNew(files: Files, path: string, bytes: Buffer): void {
  const { error } = thenClose(files, files.open(path, "create"), (file) => writeAll(files, file, [bytes], 0));
  if (error) files.unlink(path);
}

function removeOldTorn(files: Files, place: Place): void {
  const torn = files.list(place.directory).flatMap((name) => {
    const [, epoch, segment] = TORN_NAME.exec(name) ?? [];
    return epoch === undefined ? [] : [{ name, epoch: Number(epoch), segment: Number(segment) }];
  });
  torn.sort((a, b) => compareSegments(b, a));
  for (const { name } of torn.slice(MAX_TORN_FILES)) files.unlink(join(place.directory, name));
}
