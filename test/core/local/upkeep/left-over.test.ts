/** What is left of the log although a snapshot covers it: it was to be removed when that was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { isCorrupt } from "../disk/corrupted.js";
import { machineOf, place, writeSegment } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact, recover } from "./at-once.js";

const SEGMENT_PATH = segmentPath(place, 1, 1);

/** A segment of the batches up to a seq, and the snapshot of it. */
function folded(seq: number): { segment: Buffer; snapshot: Buffer } {
  const files = new MemoryFiles();
  const end = writeSegment(files, 1, 1, [1, seq], null);
  const segment = Buffer.from(files.get(SEGMENT_PATH));
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [end] });
  return { segment, snapshot: files.get(snapshotPath(place, seq)) };
}

test("a damaged segment that a snapshot covers stops nothing, one that holds more does", () => {
  for (const [seq, isCovered] of [
    [9, true],
    [7, false],
  ] as const) {
    const files = new MemoryFiles();
    files.put(SEGMENT_PATH, folded(9).segment.fill(0, 0, 8));
    files.put(snapshotPath(place, seq), folded(seq).snapshot);
    const recovered = () => recover(files, place, null, () => false).seq;
    if (isCovered) assert.equal(recovered(), 9);
    else assert.throws(recovered, isCorrupt);
  }
});
