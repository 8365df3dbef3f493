/** Finds the next intact frame after a corrupt place. */
import { HEADER_BYTES, isFrameLength, isIntact, lengthOf } from "../../log/frame.js";
import type { Files } from "../machine/machine.js";
import { BLOCK_BYTES, readExactly } from "./frame-scanner.js";

/** Where the kind of a frame stands in its header: four bytes, of which the last three are zero. */
const KIND_OFFSET = 8;

/**
 * Returns where the first frame of a kind begins that is intact and plausible, at or after `from`; -1 when there is none. Every byte is looked at, so no damage before it can hide it.
 * @param isPlausible Judges a header that lies in the buffer from `at` on, before the frame is read.
 * @param to Where the frame ends at the latest.
 */
export function nextIntactFrame(
  files: Files,
  file: number,
  from: number,
  kind: number,
  isPlausible: (buffer: Buffer, at: number) => boolean,
  to = files.bytes(file),
): number {
  const mark = Buffer.from([kind, 0, 0, 0]);
  for (let base = from; base + HEADER_BYTES <= to; base += BLOCK_BYTES) {
    const block = readExactly(files, file, base, Math.min(BLOCK_BYTES + HEADER_BYTES, to - base));
    if (block === null) return -1;
    for (let hit = block.indexOf(mark, KIND_OFFSET); hit !== -1; hit = block.indexOf(mark, hit + 1)) {
      const at = hit - KIND_OFFSET;
      if (at >= BLOCK_BYTES || at + HEADER_BYTES > block.length) break;
      const length = lengthOf(block, at);
      if (base + at + length > to || !isPlausible(block, at)) continue;
      if (isIntactAt(files, file, base + at, length)) return base + at;
    }
  }
  return -1;
}

/** As `nextIntactFrame`, of the first frame that is of one of the kinds. */
export function nextOfKinds(
  files: Files,
  file: number,
  from: number,
  kinds: readonly number[],
  isPlausible: (buffer: Buffer, at: number) => boolean,
): number {
  let next = -1;
  for (const kind of kinds) {
    const found = nextIntactFrame(files, file, from, kind, isPlausible, next === -1 ? undefined : next);
    if (found !== -1) next = found;
  }
  return next;
}

function isIntactAt(files: Files, file: number, position: number, length: number): boolean {
  const frame = isFrameLength(length) ? readExactly(files, file, position, length) : null;
  return frame !== null && isIntact(frame, 0, length);
}

/** Returns the frame that begins at a place where an intact one is known to be. */
export function frameAt(files: Files, file: number, position: number): Buffer {
  const header = readExactly(files, file, position, HEADER_BYTES);
  const frame = header && readExactly(files, file, position, lengthOf(header, 0));
  if (!frame || !isIntact(frame, 0, frame.length)) throw new Error(`expected a frame at byte ${position}`);
  return frame;
}
