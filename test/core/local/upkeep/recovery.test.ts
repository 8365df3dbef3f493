import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { LogReader } from "../../../../dist/core/local/disk/log-reader.js";
import { encodeJson, SEGMENT } from "../../../../dist/core/log/frame.js";
import { CLOSED, count, flipped, isCorrupt, LAST, SNAPSHOT, storage, withFile } from "../disk/corrupted.js";
import { frameOf, load, machineOf, place, statesUpTo, writeSegment } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact, recover } from "./at-once.js";

const STATES = statesUpTo(40);
const MASKS = [0x01, 0x80, 0xff];
const none = () => false;

/** The torn ends that are kept aside. */
const tornIn = (files: MemoryFiles): string[] => files.list(place.directory).filter((name) => name.startsWith("torn."));

/** How many frames of the last segment are whole in its first `bytes` bytes; -1: not even the first frame. */
function wholeFrames(bytes: number): number {
  const content = storage.get(LAST);
  let count = -1;
  for (let at = 0; at < content.length && at + content.readUInt32LE(at) <= bytes; count++)
    at += content.readUInt32LE(at);
  return count;
}

test("an empty directory is an empty log", () => {
  assert.deepEqual(recover(new MemoryFiles(), place, null, none), {
    history: "",
    snapshot: 0,
    snapshotBytes: 0,
    segments: [],
    seq: 0,
    time: 0,
    clock: null,
    clockOffsetMs: 0,
    level: 1,
    isTorn: false,
  });
});

test("a whole storage is recovered to its end, and its files are closed", () => {
  const files = storage.afterCrash();
  const recovered = recover(files, place, null, none);
  assert.equal(recovered.seq, 25);
  assert.equal(recovered.snapshot, 10);
  assert.deepEqual(tornIn(files), []);
  assert.deepEqual(
    recovered.segments.map(({ epoch, segment }) => [epoch, segment]),
    [
      [1, 2],
      [2, 1],
      [2, 2],
    ],
  );
  assert.equal(files.openFiles.size, 0);
  assert.deepEqual(load(files, recovered), { seq: 25, text: STATES[25] });
});

test("every truncation of the last segment gives exactly the whole frames before it", (t) => {
  const content = storage.get(LAST);
  for (let bytes = 0; bytes < content.length; bytes++) {
    const files = withFile(LAST, content.subarray(0, bytes));
    const recovered = recover(files, place, null, none);
    const whole = wholeFrames(bytes);
    const seq = 20 + Math.max(whole, 0);
    assert.deepEqual(load(files, recovered), { seq, text: STATES[seq] }, `cut at ${bytes}`);
    assert.equal(recovered.segments.length, whole === -1 ? 2 : 3);
    assert.equal(files.openFiles.size, 0, `open files after a cut at ${bytes}`);
  }
  count(t, "truncations of the last segment", content.length);
});

test("every truncation of the snapshot or a closed segment is corrupt", (t) => {
  let faults = 0;
  for (const path of [SNAPSHOT, ...CLOSED]) {
    const content = storage.get(path);
    for (let bytes = 0; bytes < content.length; bytes++, faults++) {
      const files = withFile(path, content.subarray(0, bytes));
      assert.throws(() => recover(files, place, null, none), isCorrupt, `${path} cut at ${bytes}`);
      assert.equal(files.openFiles.size, 0);
    }
  }
  count(t, "truncations of other files", faults);
});

test("every byte flipped in the snapshot or a closed segment is corrupt, and the message says where", (t) => {
  let faults = 0;
  for (const path of [SNAPSHOT, ...CLOSED]) {
    const content = storage.get(path);
    for (let at = 0; at < content.length; at++) {
      for (const mask of MASKS) {
        const files = withFile(path, flipped(content, at, mask));
        assert.throws(() => recover(files, place, null, none), isCorrupt, `${path} byte ${at} ^ ${mask}`);
        faults++;
      }
    }
  }
  assert.throws(
    () => recover(withFile(SNAPSHOT, flipped(storage.get(SNAPSHOT), 100, 1)), place, null, none),
    /snapshot\.10 is corrupt at byte \d+: expected .*, got .*recover: "salvage"/,
  );
  count(t, "bytes flipped in the snapshot and closed segments", faults);
});

test("every byte flipped in the last segment is corrupt, or torn with exactly the frames before", (t) => {
  const content = storage.get(LAST);
  let faults = 0;
  let corrupt = 0;
  for (let at = 0; at < content.length; at++) {
    for (const mask of MASKS) {
      const files = withFile(LAST, flipped(content, at, mask));
      const whole = wholeFrames(at);
      faults++;
      if (whole < 4) {
        assert.throws(() => recover(files, place, null, none), isCorrupt, `byte ${at} ^ ${mask}`);
        corrupt++;
        continue;
      }
      const recovered = recover(files, place, null, none);
      assert.deepEqual(tornIn(files), ["torn.2.2"]);
      assert.deepEqual(load(files, recovered), { seq: 24, text: STATES[24] }, `byte ${at} ^ ${mask}`);
    }
  }
  count(t, `bytes flipped in the last segment, ${corrupt} of them corrupt`, faults);
});

test("a tail of zeros, of noise or of half a frame is torn, kept aside, and not kept twice", () => {
  const content = storage.get(LAST);
  const noise = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7919) % 251));
  for (const tail of [Buffer.alloc(5000), noise, frameOf(26, 2).subarray(0, 60), Buffer.alloc(3)]) {
    const files = withFile(LAST, Buffer.concat([content, tail]));
    for (let run = 0; run < 2; run++) {
      const recovered = recover(files, place, null, none);
      assert.equal(recovered.segments.at(-1)?.offset, content.length);
      assert.deepEqual(tornIn(files), ["torn.2.2"]);
      assert.deepEqual(load(files, recovered), { seq: 25, text: STATES[25] });
    }
    assert.deepEqual(files.get(`${place.directory}/torn.2.2`), tail);
  }
});

test("at most 4 torn ends are kept, the newest ones", () => {
  const files = withFile(LAST, Buffer.concat([storage.get(LAST), Buffer.alloc(9)]));
  for (let epoch = 1; epoch < 7; epoch++) files.put(`${place.directory}/torn.1.${epoch + 9}`, Buffer.alloc(1));
  recover(files, place, null, none);
  const torn = files.list(place.directory).filter((name) => name.startsWith("torn."));
  assert.deepEqual(torn.sort(), ["torn.1.13", "torn.1.14", "torn.1.15", "torn.2.2"]);
});

test("a full disk does not stop a recovery", () => {
  const files = withFile(LAST, Buffer.concat([storage.get(LAST), Buffer.alloc(9)]));
  files.fault = () => ({ code: "ENOSPC" });
  assert.equal(recover(files, place, null, none).seq, 25);
});

test("frames of the log that are repeated, swapped or left out are corrupt", () => {
  const head = storage.get(LAST).subarray(0, storage.get(LAST).readUInt32LE(0));
  const frames = [21, 22, 23].map((seq) => frameOf(seq, 2));
  const [a, b, c] = frames as [Buffer, Buffer, Buffer];
  for (const order of [
    [a, a, b],
    [b, a, c],
    [a, c],
    [a, b, frameOf(23, 1)],
    [a, b, head],
  ]) {
    const files = withFile(LAST, Buffer.concat([head, ...order]));
    assert.throws(() => recover(files, place, null, none), isCorrupt);
  }
});

test("a segment that begins after another batch than its predecessor ends with is corrupt", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const offset = first.offset - frameOf(10, 1).length;
  const second = writeSegment(files, 1, 2, [11, 12], { ...first, offset });
  assert.throws(() => recover(files, place, null, none), isCorrupt);
  const visit = { snapshot: () => {}, state: () => {}, batch: () => {} };
  const reader = new LogReader(files, place, second, null, visit);
  assert.throws(() => reader.step(), isCorrupt);
});

test("a missing segment or snapshot is corrupt, and named", () => {
  for (const path of [CLOSED[0] as string, CLOSED[1] as string, SNAPSHOT]) {
    const files = storage.afterCrash();
    files.unlink(path);
    assert.throws(
      () => recover(files, place, null, none),
      (error) => isCorrupt(error) && `${error}`.includes("is missing"),
    );
  }
});

test("with a position only what follows it is read, and corrupt files before it stop nothing", () => {
  const clean = storage.afterCrash();
  const { segments, seq } = recover(clean, place, null, none);
  const second = segments[1] as (typeof segments)[number];
  const position = { epoch: 2, segment: 1, offset: second.offset, seq: 20, time: 1_000_020 };
  const headless = storage.get(CLOSED[0] as string).subarray(storage.get(CLOSED[0] as string).readUInt32LE(0));
  for (const [path, content] of [
    [SNAPSHOT, Buffer.alloc(storage.get(SNAPSHOT).length)],
    [CLOSED[0] as string, Buffer.alloc(storage.get(CLOSED[0] as string).length)],
    [CLOSED[0] as string, headless],
  ] as const) {
    const files = withFile(path, content);
    const recovered = recover(files, place, position, none);
    assert.equal(recovered.seq, seq);
    assert.deepEqual(recovered.segments.at(-1), segments.at(-1));
  }
  const behind = withFile(LAST, flipped(storage.get(LAST), 300, 1));
  assert.throws(() => recover(behind, place, position, none), isCorrupt);
  assert.deepEqual(recover(clean, place, position, none), recover(clean, place, null, none));
});

test("a position of another history is not trusted", () => {
  const files = storage.afterCrash();
  const { segments } = recover(files, place, null, none);
  const end = (segments[1] as { offset: number }).offset;
  for (const position of [
    { epoch: 2, segment: 1, offset: end, seq: 19, time: 0 },
    { epoch: 2, segment: 1, offset: end + 1, seq: 20, time: 0 },
    { epoch: 7, segment: 1, offset: 100, seq: 20, time: 0 },
    { epoch: 1, segment: 1, offset: 100, seq: 3, time: 0 },
  ]) {
    assert.equal(recover(files, place, position, none).seq, 25);
    const damaged = withFile(SNAPSHOT, Buffer.alloc(10));
    assert.throws(() => recover(damaged, place, position, none), isCorrupt);
  }
});

test("a snapshot beyond the end of the log is the log", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const content = files.get(segmentPath(place, 1, 1));
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  files.put(segmentPath(place, 1, 1), content.subarray(0, 400));
  const recovered = recover(files, place, null, none);
  assert.deepEqual(recovered.segments, []);
  assert.equal(recovered.time, 1_000_010, "the time of what the snapshot holds");
  assert.deepEqual(load(files, recovered), { seq: 10, text: STATES[10] });
});

test("the missing snapshot that a chain begins after is noticed", () => {
  const files = new MemoryFiles();
  writeSegment(files, 2, 1, [11, 15], null);
  assert.throws(
    () => recover(files, place, null, none),
    (error) => isCorrupt(error) && `${error}`.includes("snapshot.10 is missing"),
  );
});

test("batches that a snapshot holds already are not applied again", () => {
  const files = new MemoryFiles();
  const whole = writeSegment(files, 1, 1, [1, 10], null);
  const content = files.get(segmentPath(place, 1, 1));
  const offset = whole.offset - [6, 7, 8, 9, 10].reduce((sum, seq) => sum + frameOf(seq, 1).length, 0);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [{ ...whole, offset }] });
  files.put(segmentPath(place, 1, 1), content);
  writeSegment(files, 1, 2, [11, 10], whole);
  const recovered = recover(files, place, null, none);
  assert.deepEqual([recovered.snapshot, recovered.seq], [5, 10]);
  assert.deepEqual(load(files, recovered), { seq: 10, text: STATES[10] });
});

test("a segment without a whole first frame is ignored", () => {
  const next = new MemoryFiles();
  const { offset } = writeSegment(next, 3, 1, [26, 25], null);
  for (const bytes of [0, 10, 56, offset - 1]) {
    const files = withFile(segmentPath(place, 3, 1), next.get(segmentPath(place, 3, 1)).subarray(0, bytes));
    assert.equal(recover(files, place, null, none).seq, 25);
  }
});

test("what a frozen predecessor appends after the recorded end is never read", () => {
  const files = storage.afterCrash();
  const path = CLOSED[1] as string;
  files.put(path, Buffer.concat([storage.get(path), frameOf(21, 2), Buffer.from("fragment")]));
  const recovered = recover(files, place, null, none);
  assert.deepEqual(load(files, recovered), { seq: 25, text: STATES[25] });
});

test("files of another format are refused by name", () => {
  const other = Buffer.from(storage.get(LAST));
  const isFormat = (error: unknown) => (error as { code?: string }).code === "ERR_STORAGE_FORMAT";
  const files = withFile(segmentPath(place, 3, 1), reformatted(other));
  assert.throws(() => recover(files, place, null, none), isFormat);
});

function reformatted(content: Buffer): Buffer {
  const length = content.readUInt32LE(0);
  const body = JSON.parse(content.toString("utf8", 56, length));
  return encodeJson(SEGMENT, { epoch: 3, seq: 25, time: 1, number: 1 }, { ...body, format: 3 });
}
