import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { readSegmentHead } from "../../../../dist/core/local/disk/segment.js";
import { type Appended, LogWriter } from "../../../../dist/core/local/hub/log-writer.js";
import type { HubOptions } from "../../../../dist/core/local/machine/machine.js";
import { frameOf, HISTORY, place } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";

const NOTHING = {
  snapshot: 0,
  snapshotBytes: 0,
  segments: [],
  seq: 0,
  time: 0,
  history: HISTORY,
  clock: null,
  clockOffsetMs: 0,
  level: 1,
  isTorn: false,
};

function makeWriter(fsync: HubOptions["fsync"] = "never"): { files: MemoryFiles; writer: LogWriter } {
  const files = new MemoryFiles();
  const writer = new LogWriter(files, place, 1, NOTHING, fsync);
  files.calls.length = 0;
  return { files, writer };
}

/** Appends one batch, blocking. */
function append(writer: LogWriter, seq: number): Appended {
  const results: Appended[] = [];
  writer.append([frameOf(seq, 1)], (appended) => results.push(appended));
  return results[0] as Appended;
}

/** Begins a segment, blocking. */
function rotate(writer: LogWriter): Error | null | undefined {
  const results: (Error | null)[] = [];
  writer.rotate((error) => results.push(error));
  return results[0];
}

/** Appends the batches from `first` to `last` and confirms them. */
function confirm(writer: LogWriter, first: number, last: number): void {
  for (let seq = first; seq <= last; seq++) {
    assert.equal(append(writer, seq).error, null);
    writer.confirm(seq, 1_000_000 + seq);
  }
}

/** What the first frame of a segment says of the one before it. */
function previousOf(files: MemoryFiles, segment: number) {
  const path = segmentPath(place, 1, segment);
  const file = files.open(path, "read");
  const head = readSegmentHead(files, file, path, { epoch: 1, segment });
  files.close(file);
  return head?.previous;
}

test("a segment is on the disk before the next one names its end", () => {
  const { files, writer } = makeWriter();
  confirm(writer, 1, 3);
  files.calls.length = 0;
  const { offset } = writer.confirmed;
  assert.equal(rotate(writer), null);
  const calls = files.calls.filter((call) => !call.startsWith("write"));
  assert.deepEqual(calls, [
    `sync ${place.directory}/log.1.1`,
    `syncDirectory ${place.directory}`,
    `create ${place.directory}/log.1.2`,
  ]);
  assert.deepEqual(previousOf(files, 2), { epoch: 1, segment: 1, offset });
});

test("a segment that cannot be synced is not closed", () => {
  const { files, writer } = makeWriter();
  confirm(writer, 1, 1);
  files.fault = (call) => (call === "sync" ? { code: "EIO" } : undefined);
  assert.equal((rotate(writer) as NodeJS.ErrnoException).code, "EIO");
  assert.deepEqual(files.list(place.directory), ["log.1.1"]);
});

test("after a failed sync a new segment begins where what is confirmed ends", () => {
  const { files, writer } = makeWriter("always");
  confirm(writer, 1, 2);
  const { offset } = writer.confirmed;
  files.fault = (call) => (call === "sync" ? { code: "EIO" } : undefined);
  const { bytes, error } = append(writer, 3);
  assert.deepEqual([bytes, (error as NodeJS.ErrnoException).code], [0, "EIO"]);
  assert.equal(writer.isSettled, false, "what was appended lies after the end");
  files.fault = null;
  const before = files.get(segmentPath(place, 1, 1)).length;
  confirm(writer, 3, 3);
  assert.equal(files.get(segmentPath(place, 1, 1)).length, before, "the segment is not written again");
  assert.deepEqual(previousOf(files, 2), { epoch: 1, segment: 1, offset });
  assert.equal(writer.confirmed.segment, 2);
  assert.equal(writer.isSettled, true);
});

test("what a compaction has folded leaves the chain, and nothing else", () => {
  const { writer } = makeWriter();
  confirm(writer, 1, 1);
  assert.equal(rotate(writer), null);
  const request = writer.compaction();
  confirm(writer, 2, 2);
  assert.equal(rotate(writer), null);
  const [, second, third] = writer.chain;
  writer.compacted(request, { snapshot: 1, bytes: 500 });
  assert.deepEqual(writer.chain, [second, third]);
  assert.deepEqual([writer.compaction().snapshot, writer.snapshotBytes], [1, 500]);
});

test("segments that begin and end at the snapshot are not missed, since a compaction removes them; others are", () => {
  const { files, writer } = makeWriter();
  const remove = (segment: number) => files.unlink(segmentPath(place, 1, segment));
  confirm(writer, 1, 2);
  rotate(writer);
  files.put(snapshotPath(place, 2), Buffer.alloc(1));
  writer.compacted(writer.compaction(), { snapshot: 2, bytes: 1 });
  remove(1);
  for (const segment of [2, 3]) {
    rotate(writer);
    assert.equal(writer.damage, null);
    remove(segment);
    assert.equal(writer.damage, null);
  }
  // From here on each holds something.
  for (let seq = 3; seq <= 5; seq++) {
    confirm(writer, seq, seq);
    rotate(writer);
  }
  assert.equal(writer.damage, null);
  for (const segment of [6, 4]) {
    const path = segmentPath(place, 1, segment);
    const content = files.get(path);
    remove(segment);
    assert.equal(writer.damage, `${path} is missing`);
    files.put(path, content);
  }
  files.put(segmentPath(place, 1, 4), Buffer.alloc(10));
  assert.equal(writer.damage, `${segmentPath(place, 1, 3)} is missing`, "nothing says that it is not needed");
  files.unlink(snapshotPath(place, 2));
  assert.equal(writer.damage, `${snapshotPath(place, 2)} is missing`);
});

test("a compaction that had nothing to fold changes nothing", () => {
  const { writer } = makeWriter();
  assert.equal(rotate(writer), null);
  const { chain } = writer;
  writer.compacted(writer.compaction(), { snapshot: 0, bytes: 0 });
  assert.deepEqual(writer.chain, chain);
});

test("what is reserved for a fold is not taken by appends, and is free again afterwards", () => {
  const files = new MemoryFiles();
  const writer = new LogWriter(files, place, 1, NOTHING, "never");
  const frame = frameOf(1, 1);
  let room = 1000 + frame.length;
  files.room = () => room;
  const append = () => {
    let appended: { bytes: number; error: Error | null } | null = null;
    writer.append([frame], (result) => {
      appended = result;
    });
    return appended as unknown as { bytes: number; error: NodeJS.ErrnoException | null };
  };
  writer.reserve(1001);
  const { bytes, error } = append();
  assert.deepEqual([bytes, error?.code], [0, "ENOSPC"]);
  assert.equal(writer.isSettled, true, "nothing of it is in the file");
  writer.reserve(1000);
  assert.deepEqual(append(), { bytes: frame.length, error: null });
  writer.confirm(1, 1);
  room = 0;
  writer.reserve(0);
  assert.equal(append().error, null);
});

test("a writer that is left under everysec syncs what it has appended, since the next manager may come late", () => {
  for (const [fsync, isLeaving, syncCount] of [
    ["everysec", true, 1],
    ["everysec", false, 0],
    ["never", true, 0],
  ] as const) {
    const { files, writer } = makeWriter(fsync);
    confirm(writer, 1, 3);
    files.calls.length = 0;
    writer.close(isLeaving);
    assert.equal(files.calls.filter((call) => call.startsWith("sync ")).length, syncCount, `${fsync} ${isLeaving}`);
  }
});
