import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { LogReader } from "../../../../dist/core/local/disk/log-reader.js";
import { Segment } from "../../../../dist/core/local/disk/segment.js";
import {
  isWholeSnapshot,
  SnapshotScanner,
  snapshotHead,
  snapshotTime,
} from "../../../../dist/core/local/disk/snapshot.js";
import { expireEntry, setEntry } from "../../../../dist/core/log/entry.js";
import type { KnownOrigin } from "../../../../dist/core/log/log.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { checkSnapshot, writeSnapshot } from "../upkeep/at-once.js";
import { framesIn, HISTORY, place } from "./stored.js";

const PATH = snapshotPath(place, 9);
/** Origins of two frames. */
const origins = Array.from({ length: 3000 }, (_, index): KnownOrigin => [index + 1, 2, 3]);
const HEAD = { seq: 9, time: 5, level: 1, origins, history: HISTORY };
const isCorrupt = { code: "ERR_STORAGE_CORRUPT" };

/** A snapshot of seq 9 with two frames of origins and four of entries, and its frames one by one. */
function makeSnapshot(): { files: MemoryFiles; frames: Buffer[] } {
  const files = new MemoryFiles();
  const value = JSON.stringify("x".repeat(1000));
  const entries = Array.from({ length: 250 }, (_, index) => setEntry([`key${index}`], value));
  writeSnapshot(files, PATH, HEAD, entries);
  const frames = framesIn(files.get(PATH));
  assert.equal(frames.length, 8);
  return { files, frames };
}

test("a snapshot gives back its head and counts its frames", () => {
  const { files } = makeSnapshot();
  const file = files.open(PATH, "read");
  const scanner = new SnapshotScanner(files, PATH, file, 9, true);
  assert.deepEqual(scanner.head, { seq: 9, time: 5, level: 1, history: HISTORY });
  let count = 0;
  while (scanner.next()) count++;
  assert.equal(count, 6);
  assert.deepEqual(snapshotHead(files, place, 9), HEAD);
  assert.equal(snapshotTime(files, place, 9), 5);
  assert.deepEqual([isWholeSnapshot(files, file, 9), isWholeSnapshot(files, file, 8)], [true, false]);
});

test("frames of a snapshot are short, whatever takes the room in their entries", () => {
  const shapes = [
    Array.from({ length: 1000 }, (_, index) => setEntry(["users", `${index}`.padEnd(2000, "x")], "1")),
    Array.from({ length: 30_000 }, (_, index) => expireEntry(["", `${index}`], 7)),
  ];
  for (const entries of shapes) {
    const files = new MemoryFiles();
    writeSnapshot(files, PATH, HEAD, entries);
    const frames = framesIn(files.get(PATH));
    assert(frames.length > 10);
    for (const { length } of frames) assert(length < 80 * 1024, `expected a short frame, got one of ${length} bytes`);
  }
});

test("whole frames that are left out, repeated or swapped are noticed, each by itself", () => {
  const { files, frames } = makeSnapshot();
  for (let index = 0; index < frames.length; index++) {
    const left = frames.filter((_, other) => other !== index);
    const twice = frames.flatMap((frame, other) => (other === index ? [frame, frame] : [frame]));
    const swapped = [...frames];
    const next = (index + 1) % frames.length;
    [swapped[index], swapped[next]] = [frames[next] as Buffer, frames[index] as Buffer];
    for (const order of [left, twice, swapped]) {
      files.put(PATH, Buffer.concat(order));
      assert.throws(
        () => checkSnapshot(files, PATH, 9),
        /ERR_STORAGE_(CORRUPT|FORMAT)|is corrupt at byte|expected a snapshot/,
      );
    }
  }
});

test("origins are not read from a snapshot of which a frame of them is missing, or in another place", () => {
  const { files, frames } = makeSnapshot();
  const [head, first, second, state, ...rest] = frames as [Buffer, Buffer, Buffer, Buffer, ...Buffer[]];
  for (const order of [
    [head, second, state, ...rest],
    [head, first, state, ...rest],
    [head, state, ...rest],
    [head, second, first, state, ...rest],
    [head, first, state, second, ...rest],
    [head, first, first, second, state, ...rest],
  ]) {
    files.put(PATH, Buffer.concat(order));
    assert.throws(() => checkSnapshot(files, PATH, 9), isCorrupt);
    if (order[3] !== second) assert.throws(() => snapshotHead(files, place, 9), isCorrupt);
  }
  const onlyOrigins = [head, first, rest.at(-1) as Buffer];
  files.put(PATH, Buffer.concat(onlyOrigins));
  assert.throws(() => snapshotHead(files, place, 9), isCorrupt);
});

test("a snapshot of another seq is not taken for this one, nor are its frames", () => {
  const { files, frames } = makeSnapshot();
  assert.throws(() => checkSnapshot(files, PATH, 8), isCorrupt);
  const other = new MemoryFiles();
  writeSnapshot(other, PATH, { ...HEAD, seq: 10 }, [setEntry(["a"], "1")]);
  const foreign = other.get(PATH).subarray(frames[0]?.length);
  files.put(PATH, Buffer.concat([frames[0] as Buffer, foreign]));
  assert.throws(() => checkSnapshot(files, PATH, 9), isCorrupt);
});

test("a snapshot that is cut off is noticed before anything of it is visited", () => {
  const { files, frames } = makeSnapshot();
  const { end } = Segment.create(files, place, { epoch: 1, segment: 1, seq: 9, time: 5 }, null, HISTORY);
  files.put(PATH, Buffer.concat(frames.slice(0, -1)));
  const fail = () => assert.fail("expected no visit");
  const visit = { snapshot: fail, state: fail, batch: fail };
  const reader = new LogReader(files, place, { epoch: 1, segment: 1, offset: end }, null, visit);
  assert.throws(() => reader.step(), isCorrupt);
});

test("a snapshot that cannot be written leaves nothing", () => {
  for (const call of ["write", "sync"]) {
    const files = new MemoryFiles();
    files.fault = (name) => (name === call ? { code: "ENOSPC" } : undefined);
    assert.throws(() => writeSnapshot(files, PATH, HEAD, [setEntry(["a"], "1")]), { code: "ENOSPC" });
    assert.deepEqual([files.names.size, files.openFiles.size], [0, 0]);
  }
});
