import assert from "node:assert/strict";
import { test } from "node:test";
import { openChain, openLink } from "../../../../dist/core/local/disk/chain.js";
import { ChainScanner } from "../../../../dist/core/local/disk/chain-scanner.js";
import { CorruptFileError } from "../../../../dist/core/local/disk/file-errors.js";
import { segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { expectTorn } from "../../../../dist/core/local/disk/torn-ends.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { BATCH, encodeJson, SEGMENT } from "../../../../dist/core/log/frame.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { frameOf, HISTORY, place, writeSegment } from "./stored.js";

const STRICT = { checksEntries: false, mayBeTorn: false };

test("a segment that is shorter than its successor says is corrupt", () => {
  const files = new MemoryFiles();
  const end = writeSegment(files, 1, 1, [1, 5], null);
  assert.throws(() => openLink(files, place, { ...end, offset: end.offset + 1 }), CorruptFileError);
  assert.throws(() => openLink(files, place, { ...end, offset: 10 }), CorruptFileError);
  assert.equal(files.openFiles.size, 0);
  assert.equal(openLink(files, place, end).start.seq, 0);
});

test("a segment that names itself or a later one as its predecessor is corrupt", () => {
  for (const [epoch, segment] of [
    [1, 2],
    [1, 3],
    [2, 1],
  ] as const) {
    const files = new MemoryFiles();
    const stamp = { epoch: 1, seq: 0, time: 0, number: 2 };
    const headOf = (end: number) =>
      encodeJson(SEGMENT, stamp, { format: 2, history: HISTORY, previous: { epoch, segment, end } });
    const head = headOf(headOf(100).length);
    files.put(segmentPath(place, 1, 2), head);
    const last = openLink(files, place, { epoch: 1, segment: 2, offset: head.length });
    assert.throws(() => openChain(files, place, last, () => false), CorruptFileError);
    assert.equal(files.openFiles.size, 1, "nothing but the last one is open");
  }
});

test("a segment under the name of another one is corrupt", () => {
  const files = new MemoryFiles();
  const { offset } = writeSegment(files, 1, 2, [1, 5], null);
  for (const [epoch, segment] of [
    [1, 3],
    [2, 2],
  ] as const) {
    files.put(segmentPath(place, epoch, segment), files.get(segmentPath(place, 1, 2)));
    assert.throws(() => openLink(files, place, { epoch, segment, offset }), CorruptFileError);
  }
});

test("a segment begins with the seq of its predecessor's end, and not before its time", () => {
  const files = new MemoryFiles();
  const empty = openLink(files, place, writeSegment(files, 1, 1, [1, 0], null));
  const link = openLink(files, place, writeSegment(files, 1, 2, [6, 8], null));
  const { time } = link.start;
  const countAfter = (seq: number, lastTime: number): number => {
    const from = { ...empty.start, seq, time: lastTime };
    const batches = new ChainScanner(files, [empty, link], from, STRICT);
    let count = 0;
    while (batches.next()) count++;
    return count;
  };
  assert.deepEqual([countAfter(5, time), countAfter(5, time - 1)], [3, 3]);
  for (const [seq, lastTime] of [
    [5, time + 1],
    [4, time],
    [6, time],
  ] as const) {
    assert.throws(() => countAfter(seq, lastTime), CorruptFileError);
  }
});

test("a segment in which time falls is corrupt", () => {
  const files = new MemoryFiles();
  const end = writeSegment(files, 1, 1, [1, 2], null);
  const path = segmentPath(place, 1, 1);
  const early = encodeEntries([], BATCH, { epoch: 1, seq: 3, time: 5 });
  files.put(path, Buffer.concat([files.get(path), early]));
  const link = openLink(files, place, { ...end, offset: end.offset + early.length });
  const batches = new ChainScanner(files, [link], link.start, STRICT);
  assert.deepEqual([batches.next(), batches.next()], [true, true]);
  assert.throws(() => batches.next(), /expected a time from \d+ on, got 5/);
});

test("what a fenced manager appends after the end that was seen does not make a torn end corrupt", () => {
  const files = new MemoryFiles();
  const { offset } = writeSegment(files, 1, 1, [1, 2], null);
  const path = segmentPath(place, 1, 1);
  const torn = Buffer.concat([files.get(path), Buffer.alloc(20, 7)]);
  files.put(path, Buffer.concat([torn, frameOf(3, 1)]));
  const file = files.open(path, "read");
  expectTorn(files, { path, file, end: torn.length }, { epoch: 1, offset, seq: 2 });
  const all = files.get(path).length;
  assert.throws(() => expectTorn(files, { path, file, end: all }, { epoch: 1, offset, seq: 2 }), CorruptFileError);
});
