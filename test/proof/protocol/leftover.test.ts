/** What the protocol model found, on the real code: a segment that its snapshot covers, left over by a frozen process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath } from "../../../dist/core/local/disk/file-names.js";
import { load, machineOf, place, statesUpTo, writeSegment } from "../../core/local/disk/stored.js";
import { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { compact, recover } from "../../core/local/upkeep/at-once.js";

const STATES = statesUpTo(4);
const none = () => false;

/** A snapshot of the first two batches and nothing after it, as the last member leaves it. */
function leftBehind(): MemoryFiles {
  const files = new MemoryFiles();
  const closed = writeSegment(files, 1, 1, [1, 2], null);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [closed] });
  return files;
}

test("a manager whose member has not reached the newest snapshot does not go on with a segment that it covers", () => {
  const files = leftBehind();
  const { offset } = writeSegment(files, 1, 1, [1, 1], null);
  const position = { epoch: 1, segment: 1, offset, seq: 1, time: 1_000_001 };
  assert.equal(recover(files, place, null, none).seq, 2);
  assert.equal(recover(files, place, position, none).seq, 2);
});

test("what a fenced manager appended beside the newest snapshot is not part of the log", () => {
  const files = leftBehind();
  // It begins after batch 1, and so beside the batch 2 of the snapshot.
  writeSegment(files, 1, 2, [2, 3], { epoch: 1, segment: 1, offset: 1 });
  const recovered = recover(files, place, null, none);
  assert.deepEqual([recovered.seq, recovered.segments], [2, []]);
  assert.equal(load(files, recovered).text, STATES[2]);
  const { offset, ...rest } = { epoch: 1, segment: 2, offset: 0, seq: 1, time: 1_000_001 };
  const head = files.names.get(segmentPath(place, 1, 2))?.content.readUInt32LE(0) ?? offset;
  assert.equal(recover(files, place, { ...rest, offset: head }, none).seq, 2);
});
