/**
 * The chain of segments: each names its predecessor and where that one ends.
 *
 * Invariant of a list of links: they are in order; each but the last ends where its successor says, with the seq and time
 * that the successor begins with. The bytes between are not read here.
 */

import type { Files, Place, SegmentRef } from "../machine/machine.js";
import { openUnlessCompacted } from "./file-access.js";
import { CorruptFileError } from "./file-errors.js";
import { segmentPath } from "./file-names.js";
import { readSegmentHead, type SegmentHead } from "./segment.js";

/** One open segment of a chain. */
export interface Link extends SegmentRef {
  readonly path: string;
  readonly file: number;
  readonly head: SegmentHead;
}

/** Below, at or above 0 as `a` stands before, at or behind `b` in the order of the log. */
export function compareSegments(a: Omit<SegmentRef, "end">, b: Omit<SegmentRef, "end">): number {
  return a.epoch - b.epoch || a.segment - b.segment;
}

/** The part of the chain that a link stands for, as it is told to others. */
export const refOf = ({ epoch, segment, end }: Link): SegmentRef => ({ epoch, segment, end });

/**
 * Opens a segment that is to be read up to `ref.end`.
 * @throws StaleFilesError when it is gone.
 * @throws DamageError when its first frame is not whole, or it is shorter than `ref.end`.
 */
export function openLink(files: Files, place: Place, ref: SegmentRef): Link {
  const path = segmentPath(place, ref.epoch, ref.segment);
  const file = openUnlessCompacted(files, path);
  try {
    const head = readSegmentHead(files, file, path, ref);
    if (head === null) throw new CorruptFileError(path, 0, "expected the first frame of a segment, got a damaged one");
    const bytes = files.bytes(file);
    if (ref.end < head.bytes || ref.end > bytes) {
      throw new CorruptFileError(path, bytes, `expected a segment of ${ref.end} bytes, got ${bytes}`);
    }
    return { epoch: ref.epoch, segment: ref.segment, end: ref.end, path, file, head };
  } catch (error) {
    files.close(file);
    throw error;
  }
}

/**
 * Follows the chain back from `last` to the first link that `isFirst`, or that has no predecessor; opens them all.
 * @returns the links in order; the caller closes them.
 * @throws StaleFilesError, DamageError as `openLink`; nothing but `last` is open then.
 */
export function openChain(files: Files, place: Place, last: Link, isFirst: (link: Link) => boolean): Link[] {
  const links = [last];
  try {
    for (let link = last; link.head.previous !== null && !isFirst(link); link = links[0] as Link) {
      if (compareSegments(link.head.previous, link) >= 0) {
        throw new CorruptFileError(link.path, 0, "expected an older segment as predecessor, got a newer one", true);
      }
      links.unshift(openLink(files, place, link.head.previous));
    }
    return links;
  } catch (error) {
    closeLinks(files, links.slice(0, -1));
    throw error;
  }
}

export function closeLinks(files: Files, links: readonly Link[]): void {
  for (const link of links) files.close(link.file);
}

/**
 * Checks that a link begins with the seq and time with which its predecessor ended.
 * @throws DamageError when it does not.
 */
export function expectStart(link: Link, seq: number, time: number): void {
  const { head, path } = link;
  if (head.seq !== seq || head.time < time) {
    const got = `seq ${head.seq} at ${head.time}`;
    throw new CorruptFileError(
      path,
      0,
      `expected a segment that begins behind seq ${seq} at ${time}, got ${got}`,
      true,
    );
  }
}
