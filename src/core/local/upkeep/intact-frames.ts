/** Reads what is intact of a corrupt file. */

import { kindOf } from "../../log/frame.js";
import { MalformedError } from "../../log/malformed.js";
import { thenClose } from "../disk/file-access.js";
import { CorruptFileError } from "../disk/file-errors.js";
import { FrameScanner } from "../disk/frame-scanner.js";
import { nextOfKinds } from "../disk/resync.js";
import type { Files } from "../machine/machine.js";

/** Bytes of a file that could not be read; none, where frames are missing at the end. */
export interface Lost {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** What was lost, for people. */
export function describeLost(lost: readonly Lost[]): string {
  const parts = lost.map(({ file, from, to }) => (to > from ? `${file}, bytes ${from} to ${to}` : file));
  return `corrupt files were kept aside and what is intact was loaded; corrupt: ${parts.join("; ") || "nothing"}`;
}

/**
 * Visits every intact frame of some kinds, in the order of the file, also after corrupt places.
 * @param isWanted Judges a header that lies in the buffer from `at` on.
 * @returns what could not be read.
 */
export function readIntactFrames(
  files: Files,
  path: string,
  kinds: readonly number[],
  isWanted: (buffer: Buffer, at: number) => boolean,
  visit: (buffer: Buffer, start: number, end: number) => void,
): Lost[] {
  return thenClose(files, files.open(path, "read"), (file) => {
    const lost: Lost[] = [];
    const bytes = files.bytes(file);
    for (let from = 0; from < bytes; ) {
      const stop = readRun(new FrameScanner(files, path, file, from, bytes), kinds, isWanted, visit, lost);
      const next = nextOfKinds(files, file, stop, kinds, isWanted);
      from = next === -1 ? bytes : next;
      if (stop < from) lost.push({ file: path, from: stop, to: from });
    }
    return lost;
  });
}

/** Visits frames up to the first corrupt place; returns where that is, or the end. */
function readRun(
  frames: FrameScanner,
  kinds: readonly number[],
  isWanted: (buffer: Buffer, at: number) => boolean,
  visit: (buffer: Buffer, start: number, end: number) => void,
  lost: Lost[],
): number {
  try {
    while (frames.next()) {
      const { buffer, start, end } = frames;
      if (!kinds.includes(kindOf(buffer, start))) continue;
      if (!isWanted(buffer, start) || !isVisited(visit, buffer, start, end)) {
        lost.push({ file: frames.path, from: frames.offset, to: frames.endOffset });
      }
    }
    return frames.endOffset;
  } catch (error) {
    if (error instanceof CorruptFileError) return error.offset;
    throw error;
  }
}

function isVisited(
  visit: (buffer: Buffer, start: number, end: number) => void,
  buffer: Buffer,
  start: number,
  end: number,
): boolean {
  try {
    visit(buffer, start, end);
    return true;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}
