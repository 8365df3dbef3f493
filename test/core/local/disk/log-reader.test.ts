import assert from "node:assert/strict";
import { test } from "node:test";
import { CompactedFileError } from "../../../../dist/core/local/disk/file-errors.js";
import { segmentPath, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { LogReader } from "../../../../dist/core/local/disk/log-reader.js";
import type { LogPosition, Position } from "../../../../dist/core/local/machine/machine.js";
import { seqOf } from "../../../../dist/core/log/frame.js";
import { MalformedError } from "../../../../dist/core/log/malformed.js";
import { Fold } from "../../../../dist/core/state/fold.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact } from "../upkeep/at-once.js";
import { frameOf, machineOf, place, statesUpTo, textOf, writeSegment } from "./stored.js";

const STATES = statesUpTo(30);

/** Segments with 1 to 10, 11 to 20 and 21 to 30; `compacted`: the first is folded. */
function makeStorage(compacted: boolean): { files: MemoryFiles; ends: Position[] } {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const second = writeSegment(files, 1, 2, [11, 20], first);
  const third = writeSegment(files, 2, 1, [21, 30], second);
  if (compacted) compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  return { files, ends: [first, second, third] };
}

/** Reads to a place; returns the state, the seqs of the batches that were visited, and the position. */
function read(files: MemoryFiles, to: Position, from: LogPosition | null = null, fold = new Fold()) {
  const seqs: number[] = [];
  let snapshots = 0;
  const reader = new LogReader(files, place, to, from, {
    snapshot: (head) => {
      snapshots++;
      fold.snapshot(head);
    },
    state: (buffer, start, finish) => fold.state(buffer, start, finish),
    batch: (buffer, start, finish) => {
      seqs.push(seqOf(buffer, start));
      fold.batch(buffer, start, finish);
    },
  });
  while (!reader.step());
  assert.equal(files.openFiles.size, 0);
  return { fold, text: textOf(fold), seqs, snapshots, position: reader.position };
}

test("everything is read up to the exact position, with a snapshot and without", () => {
  for (const compacted of [false, true]) {
    const { files, ends } = makeStorage(compacted);
    const whole = read(files, ends[2] as Position);
    assert.equal(whole.text, STATES[30]);
    assert.equal(whole.snapshots, 1);
    assert.equal(whole.seqs.length, compacted ? 20 : 30);
    let end = files.get(segmentPath(place, 2, 1)).readUInt32LE(0);
    for (let seq = 20; seq <= 30; seq++) {
      const part = read(files, { epoch: 2, segment: 1, offset: end });
      assert.equal(part.text, STATES[seq]);
      const { epoch, segment, offset } = part.position;
      assert.deepEqual([epoch, segment, offset, part.position.seq], [2, 1, end, seq]);
      if (seq < 30) end += frameOf(seq + 1, 2).length;
    }
  }
});

test("from every position exactly what follows is read", () => {
  const { files, ends } = makeStorage(true);
  for (const end of ends.slice(1)) {
    let offset = files.get(segmentPath(place, end.epoch, end.segment)).readUInt32LE(0);
    for (let seq = end.segment === 2 ? 10 : 20; offset <= end.offset; seq++) {
      const before = read(files, { ...end, offset });
      const { position } = before;
      const after = read(files, ends[2] as Position, position, before.fold);
      assert.equal(after.snapshots, 0);
      assert.deepEqual([after.seqs.length, after.text], [30 - seq, STATES[30]]);
      assert.deepEqual(
        read(files, ends[2] as Position, { ...position, bytes: 0 }, read(files, { ...end, offset }).fold).snapshots,
        0,
      );
      if (offset === end.offset) break;
      offset += frameOf(seq + 1, end.epoch).length;
    }
  }
});

test("from a position that was compacted away, or is of another history, everything is read again", () => {
  const { files, ends } = makeStorage(true);
  const { position } = read(files, { ...(ends[1] as Position) });
  const others: LogPosition[] = [
    { ...position, segment: 1 },
    { ...position, crc: (position.crc as number) ^ 1 },
    { ...position, seq: position.seq - 1 },
    { ...position, offset: position.offset + 1 },
    { ...position, epoch: 9 },
    { ...position, offset: 3 },
  ];
  for (const other of others) {
    const again = read(files, ends[2] as Position, other);
    assert.equal(again.snapshots, 1);
    assert.equal(again.text, STATES[30]);
  }
});

test("a position at the same place of a storage that was removed is of another history", () => {
  const { files, ends } = makeStorage(false);
  const last = ends[2] as Position;
  const { position } = read(files, { ...(ends[1] as Position) });
  const { crc: _, ...known } = position;
  assert.equal(read(files, last, known, read(files, { ...(ends[1] as Position) }).fold).snapshots, 0);
  assert.equal(
    read(files, last, { ...known, time: position.time - 1 }).snapshots,
    1,
    "the frame before it has another time",
  );
  const head = read(files, { ...last, offset: files.get(segmentPath(place, 2, 1)).readUInt32LE(0) }).position;
  assert.equal(read(files, last, { ...head, time: head.time + 1 }).snapshots, 1, "its segment begins at another time");
});

test("what a fenced manager appended after the recorded end is no part of a tail either", () => {
  const { files, ends } = makeStorage(false);
  const second = ends[1] as Position;
  const path = segmentPath(place, 1, 2);
  const late = frameOf(21, 1);
  files.put(path, Buffer.concat([files.get(path), late]));
  const position = { epoch: 1, segment: 2, offset: second.offset + late.length, seq: 21, time: 1_000_021 };
  const again = read(files, ends[2] as Position, position);
  assert.deepEqual([again.snapshots, again.text], [1, STATES[30]]);
});

test("a position that a compaction has passed is out of date, one that lacks a file is corrupt", () => {
  const { files, ends } = makeStorage(true);
  const { position } = read(files, ends[1] as Position);
  compact(machineOf(files), {
    place,
    epoch: 2,
    snapshot: 10,
    segments: [ends[1] as Position, ends[2] as Position],
  });
  assert.throws(() => read(files, ends[2] as Position), CompactedFileError);
  assert.throws(() => read(files, ends[1] as Position, position), CompactedFileError);
  for (const path of [snapshotPath(place, 10), segmentPath(place, 1, 2)]) {
    const damaged = makeStorage(true).files;
    damaged.unlink(path);
    assert.throws(() => read(damaged, ends[2] as Position), { code: "ERR_STORAGE_CORRUPT" });
    assert.equal(damaged.openFiles.size, 0);
  }
});

test("a compaction while it reads takes nothing away", () => {
  const { files, ends } = makeStorage(true);
  const fold = new Fold();
  let isCompacted = false;
  const reader = new LogReader(files, place, ends[2] as Position, null, {
    snapshot: (head) => fold.snapshot(head),
    state: (buffer, start, finish) => {
      if (!isCompacted) {
        isCompacted = true;
        compact(machineOf(files), { place, epoch: 2, snapshot: 10, segments: ends.slice(1) });
      }
      fold.state(buffer, start, finish);
    },
    batch: (buffer, start, finish) => fold.batch(buffer, start, finish),
  });
  while (!reader.step());
  assert.ok(isCompacted);
  assert.equal(textOf(fold), STATES[30]);
});

test("a corrupt batch is noticed, nothing after it is visited, and all files are closed", () => {
  const { files, ends } = makeStorage(true);
  const path = segmentPath(place, 1, 2);
  const content = Buffer.from(files.get(path));
  const at = content.indexOf("written by 15");
  content[at] = 0;
  files.put(path, content);
  const seqs: number[] = [];
  const reader = new LogReader(files, place, ends[2] as Position, null, {
    snapshot: () => {},
    state: () => {},
    batch: (buffer, start) => seqs.push(seqOf(buffer, start)),
  });
  assert.throws(
    () => {
      while (!reader.step());
    },
    (error: Error) => error.message.includes(path) && /byte \d+: expected .*got/.test(error.message),
  );
  assert.deepEqual(seqs, [11, 12, 13, 14]);
  assert.equal(files.openFiles.size, 0);
});

test("the position of a reader whose visitor refuses a batch is before that batch", () => {
  const { files, ends } = makeStorage(false);
  const reader = new LogReader(files, place, ends[2] as Position, null, {
    snapshot: () => {},
    state: () => {},
    batch: (buffer, start) => {
      if (seqOf(buffer, start) === 15)
        throw new MalformedError("expected a batch that can be applied, got another one");
    },
  });
  assert.throws(() => {
    while (!reader.step());
  }, /log\.1\.2 is corrupt at byte \d+: expected a batch that can be applied/);
  assert.equal(reader.position.seq, 14);
  assert.equal(files.openFiles.size, 0);
});

test("a position that another batch follows than the next one is of another history", () => {
  const { files, ends } = makeStorage(false);
  const [first, , last] = ends as [Position, Position, Position];
  const part = read(files, { ...first, offset: first.offset - frameOf(10, 1).length });
  const { epoch, segment, offset, seq, time } = part.position;
  assert.equal(seq, 9);
  assert.equal(read(files, last, { epoch, segment, offset, seq, time }, part.fold).snapshots, 0);
  const other = read(files, last, { epoch, segment, offset, seq: 8, time });
  assert.deepEqual([other.snapshots, other.text], [1, STATES[30]]);
});

test("a segment that begins after another batch than its predecessor ends with is corrupt", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const second = writeSegment(files, 1, 2, [12, 15], first);
  assert.throws(() => read(files, second), /expected a segment that begins after seq 10/);
  assert.equal(files.openFiles.size, 0);
});

test("a step visits a bounded part, the first one a smaller one", () => {
  const files = new MemoryFiles();
  const end = writeSegment(files, 1, 1, [1, 10_000], null);
  let visited = 0;
  const reader = new LogReader(files, place, end, null, {
    snapshot: () => {},
    state: () => {},
    batch: () => visited++,
  });
  const steps: number[] = [];
  for (let before = 0; !reader.step(); before = visited) steps.push(visited - before);
  assert.equal(visited, 10_000);
  assert.ok(steps.length >= 4);
  assert.equal(Math.max(...steps), 2048);
  assert.ok((steps[0] as number) < 1024, `expected a short first step, got ${steps}`);
  reader.close();
});

test("a reader can be closed half-way, and again", () => {
  const files = new MemoryFiles();
  const end = writeSegment(files, 1, 1, [1, 5000], null);
  const visit = { snapshot: () => {}, state: () => {}, batch: () => {} };
  const reader = new LogReader(files, place, end, null, visit);
  assert.equal(reader.step(), false);
  reader.close();
  reader.close();
  assert.equal(reader.step(), true);
  assert.equal(files.openFiles.size, 0);
});
