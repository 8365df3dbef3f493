import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchScanner } from "../../../../dist/core/local/disk/batch-scanner.js";
import { expectStart, openChain, openLink } from "../../../../dist/core/local/disk/chain.js";
import { CorruptFileError } from "../../../../dist/core/local/disk/file-errors.js";
import { segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { expectNoBatch } from "../../../../dist/core/local/disk/verify.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { BATCH, encodeJson, SEGMENT } from "../../../../dist/core/log/frame.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { frameOf, place, writeSegment } from "./stored.js";

test("a segment that is shorter than its successor says is damaged", () => {
  const files = new MemoryFiles();
  const ref = writeSegment(files, 1, 1, [1, 5], null);
  assert.throws(() => openLink(files, place, { ...ref, end: ref.end + 1 }), CorruptFileError);
  assert.throws(() => openLink(files, place, { ...ref, end: 10 }), CorruptFileError);
  assert.equal(files.openFiles.size, 0);
  assert.equal(openLink(files, place, ref).head.seq, 0);
});

test("a segment that names itself or a later one as its predecessor is damaged", () => {
  for (const [epoch, segment] of [
    [1, 2],
    [1, 3],
    [2, 1],
  ] as const) {
    const files = new MemoryFiles();
    const stamp = { epoch: 1, seq: 0, time: 0, number: 2 };
    const headOf = (end: number) => encodeJson(SEGMENT, stamp, { format: 2, previous: { epoch, segment, end } });
    const head = headOf(headOf(100).length);
    files.put(segmentPath(place, 1, 2), head);
    const last = openLink(files, place, { epoch: 1, segment: 2, end: head.length });
    assert.throws(() => openChain(files, place, last, () => false), CorruptFileError);
    assert.equal(files.openFiles.size, 1, "nothing but the last one is open");
  }
});

test("a segment under the name of another one is damaged", () => {
  const files = new MemoryFiles();
  const { end } = writeSegment(files, 1, 2, [1, 5], null);
  for (const [epoch, segment] of [
    [1, 3],
    [2, 2],
  ] as const) {
    files.put(segmentPath(place, epoch, segment), files.get(segmentPath(place, 1, 2)));
    assert.throws(() => openLink(files, place, { epoch, segment, end }), CorruptFileError);
  }
});

test("a segment begins with the seq of its predecessor's end, and not before its time", () => {
  const files = new MemoryFiles();
  const link = openLink(files, place, writeSegment(files, 1, 2, [6, 8], null));
  const { time } = link.head;
  expectStart(link, 5, time);
  expectStart(link, 5, time - 1);
  assert.throws(() => expectStart(link, 5, time + 1), CorruptFileError);
  assert.throws(() => expectStart(link, 4, time), CorruptFileError);
  assert.throws(() => expectStart(link, 6, time), CorruptFileError);
});

test("time that falls within a segment is damage", () => {
  const files = new MemoryFiles();
  const ref = writeSegment(files, 1, 1, [1, 2], null);
  const path = segmentPath(place, 1, 1);
  const early = encodeEntries([], BATCH, { epoch: 1, seq: 3, time: 5 });
  files.put(path, Buffer.concat([files.get(path), early]));
  const link = openLink(files, place, { ...ref, end: ref.end + early.length });
  const part = { path, file: link.file, epoch: 1, from: link.head.bytes, to: link.end, seq: 0, time: 0 };
  const batches = new BatchScanner(files, part, false);
  assert.deepEqual([batches.next(), batches.next()], [true, true]);
  assert.throws(() => batches.next(), /expected a time from \d+ on, got 5/);
});

test("what a fenced manager appends behind the end that was seen does not make a torn end corrupt", () => {
  const files = new MemoryFiles();
  const { end } = writeSegment(files, 1, 1, [1, 2], null);
  const path = segmentPath(place, 1, 1);
  const torn = Buffer.concat([files.get(path), Buffer.alloc(20, 7)]);
  files.put(path, Buffer.concat([torn, frameOf(3, 1)]));
  const file = files.open(path, "read");
  expectNoBatch(files, { path, file, epoch: 1, end: torn.length }, end, 2);
  const all = files.get(path).length;
  assert.throws(() => expectNoBatch(files, { path, file, epoch: 1, end: all }, end, 2), CorruptFileError);
});
