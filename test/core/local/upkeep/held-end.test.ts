/** What a member holds is compared with what the files show. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import type { LogPosition } from "../../../../dist/core/local/machine/machine.js";
import { expectHeld, isEndOfLog, removedFrom } from "../../../../dist/core/local/upkeep/held-end.js";
import { HISTORY, machineOf, makeStorage, place, writeSegment } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";

/** A member that has applied everything up to a seq, of the storage of {@link makeStorage}: the last segment is 2.2, from 16 to 20. */
const at = (seq: number, segment = 2): LogPosition => ({
  epoch: 2,
  segment,
  offset: 0,
  seq,
  time: 1_000_000 + seq,
  history: HISTORY,
});

test("a member holds the end of the log when no batch after its position is left anywhere, whatever else is damaged", () => {
  const { files } = makeStorage();
  const machine = machineOf(files);
  assert.deepEqual(
    [20, 19, 16].map((seq) => isEndOfLog(machine, place, at(seq))),
    [true, false, false],
  );
  const path = segmentPath(place, 2, 2);
  const content = files.get(path);
  files.put(path, Buffer.concat([Buffer.alloc(300), content.subarray(300)]));
  assert.equal(isEndOfLog(machine, place, at(20)), true);
  assert.equal(isEndOfLog(machine, place, at(19)), false, "the last batch is whole");
  assert.equal(isEndOfLog(machine, place, at(15, 1)), false);
});

test("a snapshot or a segment of a later manager shows that others have gone beyond what a member holds", () => {
  for (const goOn of [
    (files: MemoryFiles) => files.put(snapshotPath(place, 21), Buffer.alloc(3)),
    (files: MemoryFiles) => writeSegment(files, 3, 1, [21, 21], null),
  ]) {
    const { files } = makeStorage();
    goOn(files);
    assert.equal(isEndOfLog(machineOf(files), place, at(20)), false);
  }
});

test("a segment that begins after what a member holds shows that there was more, although the batches before it are damaged", () => {
  const { files } = makeStorage();
  writeSegment(files, 2, 3, [21, 20], { epoch: 2, segment: 2, offset: files.get(segmentPath(place, 2, 2)).length });
  const path = segmentPath(place, 2, 2);
  files.put(path, Buffer.alloc(files.get(path).length));
  const machine = machineOf(files);
  assert.equal(isEndOfLog(machine, place, at(19)), false);
  assert.equal(isEndOfLog(machine, place, at(20)), true);
});

test("a directory is bare when nothing of a log is left in it, unless the storage was removed by a member", () => {
  const files = new MemoryFiles();
  const machine = machineOf(files);
  assert.match(removedFrom(machine, place, at(20))?.message ?? "", /app\.db\.d is missing/);
  assert.equal(removedFrom(machine, place, at(0)), null, "a member that holds nothing misses nothing");
  writeSegment(files, 1, 1, [1, 0], null);
  assert.equal(removedFrom(machine, place, at(20)), null);
});

test("a log that ends before what a member holds was cut, and a log of another history was not", () => {
  assert.throws(() => expectHeld(place, { seq: 19, history: HISTORY }, at(20)), /log\.2\.2 is corrupt .* up to seq 20/);
  expectHeld(place, { seq: 20, history: HISTORY }, at(20));
  expectHeld(place, { seq: 3, history: "f".repeat(32) }, at(20));
  assert.throws(() => expectHeld(place, { seq: 0, history: "f".repeat(32) }, at(20)), /up to seq 20, got .* at 0/);
});
