/**
 * The chain of segments: each names its predecessor and where that one ends.
 *
 * Invariant of a list of links: they are in the order of the log, and each but the last ends where its successor says. The
 * batches in them are not read here.
 */
import { crcOf, HEADER_BYTES, isIntact, lengthOf, seqOf, timeOf } from "../../log/frame.js";
import type { Files, LogPosition, Place, Position } from "../machine/machine.js";
import { openUnlessCompacted } from "./file-access.js";
import { CompactedFileError, CorruptFileError } from "./file-errors.js";
import { segmentPath, snapshotPath } from "./file-names.js";
import { readExactly } from "./frame-scanner.js";
import { readSegmentHead, type SegmentHead } from "./segment.js";

/** One open segment of a chain. */
export interface Link extends Head {
  readonly path: string;
  readonly file: number;
  /** Up to where it is read, in bytes from the start of the file. */
  readonly end: number;
}

/** The head of a segment; `isKnown`: its first frame is damaged, and it begins where a member's position is. */
type Head = SegmentHead & { readonly isKnown?: boolean };

/** The error of a segment whose first frame is damaged. */
export const headError = (path: string): CorruptFileError =>
  new CorruptFileError(path, 0, "expected the first frame of a segment, got a corrupt one");

/**
 * Reads the head of a segment. A member that has applied the log up to a position in the segment can do without its first frame: where that is
 * damaged, the segment begins for it at its position, as long as the frame before that position is intact and the one it knows.
 * @returns null when the first frame is damaged and no such position is given.
 */
export function headOf(
  files: Files,
  file: number,
  path: string,
  name: Name,
  position: LogPosition | null,
): Head | null {
  const isInside = position !== null && compareSegments(name, position) === 0;
  try {
    const head = readSegmentHead(files, file, path, name);
    if (head !== null) return head;
  } catch (error) {
    if (!isInside || !(error instanceof CorruptFileError)) throw error;
  }
  if (!isInside || position.history === undefined) return null;
  const { bytes = 0, offset, seq, time, history } = position;
  const frame = bytes === 0 || offset < bytes ? null : readExactly(files, file, offset - bytes, bytes);
  if (frame === null || lengthOf(frame, 0) !== bytes || !isIntact(frame, 0, bytes)) return null;
  if (seqOf(frame, 0) !== seq || timeOf(frame, 0) !== time) return null;
  return { start: position, previous: null, history, clock: null, isKnown: true };
}

/** What names a segment. */
type Name = Omit<Position, "offset">;

/** Below, at or above 0 as the segment of `a` comes before, is, or comes after that of `b` in the order of the log. */
export function compareSegments(a: Name, b: Name): number {
  return a.epoch - b.epoch || a.segment - b.segment;
}

/** Where a link ends. */
export const endOf = ({ start, end }: Link): Position => ({ epoch: start.epoch, segment: start.segment, offset: end });

/**
 * Opens a segment that is read up to `end`.
 * @param position As for {@link headOf}.
 * @throws CompactedFileError when the file is gone.
 * @throws CorruptFileError when its first frame is not intact, or it is shorter than `end` says.
 */
export function openLink(files: Files, place: Place, end: Position, position: LogPosition | null = null): Link {
  const path = segmentPath(place, end.epoch, end.segment);
  const file = openUnlessCompacted(files, path);
  try {
    const head = headOf(files, file, path, end, position);
    if (head === null) throw headError(path);
    const bytes = files.bytes(file);
    if (end.offset < head.start.offset || end.offset > bytes) {
      throw new CorruptFileError(path, bytes, `expected a segment of ${end.offset} bytes, got ${bytes}`);
    }
    return { ...head, path, file, end: end.offset };
  } catch (error) {
    files.close(file);
    throw error;
  }
}

/**
 * Follows the chain back from `last` to the first link that `isFirst`, or that has no predecessor, and opens all of them.
 * @returns the links in order; the caller closes them.
 * @throws CompactedFileError, CorruptFileError as `openLink`; only `last` is open then.
 */
export function openChain(
  files: Files,
  place: Place,
  last: Link,
  isFirst: (link: Link) => boolean,
  position: LogPosition | null = null,
): Link[] {
  const links = [last];
  try {
    for (let link = last; link.previous !== null && !isFirst(link); link = links[0] as Link) {
      if (compareSegments(link.previous, link.start) >= 0) {
        throw new CorruptFileError(link.path, 0, "expected an older segment as predecessor, got a newer one", true);
      }
      const before = openLink(files, place, link.previous, position);
      links.unshift(before);
      expectHistory(before.path, before.history, link.history);
    }
    return links;
  } catch (error) {
    closeAllButLast(files, links);
    throw error;
  }
}

/** @throws CorruptFileError when a file belongs to another history than the one that names it, as if it had been copied from elsewhere. */
export function expectHistory(path: string, history: string, wanted: string): void {
  if (history !== wanted)
    throw new CorruptFileError(path, 0, `expected a file of the history ${wanted}, got one of ${history}`, true);
}

/**
 * Opens the links that follow a snapshot, the first of which may begin before it.
 * @param snapshot The seq of the snapshot; 0 for none.
 * @throws CompactedFileError also when the chain begins after a newer snapshot, which has covered what came before.
 */
export function openAfterSnapshot(files: Files, place: Place, last: Link, snapshot: number): Link[] {
  const links = openChain(files, place, last, ({ start }) => start.seq <= snapshot);
  const { seq } = (links[0] as Link).start;
  if (seq <= snapshot) return links;
  closeAllButLast(files, links);
  throw new CompactedFileError(snapshotPath(place, seq));
}

/** Opens the links that follow a position. Null when the files no longer show that it is part of this history. */
export function openAfter(files: Files, place: Place, last: Link, position: LogPosition): Link[] | null {
  let links = [last];
  let isKnown = false;
  try {
    links = openChain(files, place, last, ({ start }) => compareSegments(start, position) <= 0, position);
    isKnown = isInHistory(files, links, position);
  } catch (error) {
    if (!(error instanceof CompactedFileError)) throw error;
  } finally {
    if (!isKnown) closeAllButLast(files, links);
  }
  return isKnown ? links : null;
}

export function closeAllButLast(files: Files, links: readonly Link[]): void {
  for (const link of links.slice(0, -1)) files.close(link.file);
}

/** Whether a position lies in the first link, after the frame that it describes and before the seq that follows it. */
function isInHistory(files: Files, [first, second]: readonly Link[], position: LogPosition): boolean {
  const { start, end, file } = first as Link;
  const { offset, seq } = position;
  if (compareSegments(start, position) !== 0 || offset > end || offset < start.offset) return false;
  if (position.history !== undefined && position.history !== (first as Link).history) return false;
  if (position.bytes && !mayBeBefore(files, file, position, position.bytes)) return false;
  if (offset === start.offset && (seq !== start.seq || position.time !== start.time)) return false;
  if (offset === end) return second === undefined || second.start.seq === seq;
  const next = readExactly(files, file, offset, HEADER_BYTES);
  return next !== null && seqOf(next, 0) === seq + 1;
}

/**
 * Whether the frame before a position has its length, seq and time; the seq alone may be that of a storage that was removed. A frame that
 * was damaged shows nothing: then the history in the first frame of the file decides.
 */
function mayBeBefore(files: Files, file: number, position: LogPosition, bytes: number): boolean {
  const { offset, seq, time, crc, history } = position;
  const frame = offset < bytes ? null : readExactly(files, file, offset - bytes, bytes);
  if (frame === null) return false;
  const isSame = lengthOf(frame, 0) === bytes && (!crc || crcOf(frame, 0) === crc);
  if (isSame && seqOf(frame, 0) === seq && timeOf(frame, 0) === time) return true;
  return history !== undefined && (lengthOf(frame, 0) !== bytes || !isIntact(frame, 0, bytes));
}
