import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, slotEntry } from "../../../dist/core/log/entry.js";
import { END, encodeFrame, HEADER_BYTES, kindOf, ORIGINS, SNAPSHOT, STATE } from "../../../dist/core/log/frame.js";
import { MAX_FRAME_BYTES } from "../../../dist/core/log/limits.js";
import type { KnownOrigin, StoredHead } from "../../../dist/core/log/log.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";
import {
  checkSnapshotFrame,
  decodeOrigins,
  SnapshotCheck,
  snapshotFrames,
} from "../../../dist/core/log/snapshot-frames.js";

const HISTORY = "0123456789abcdef".repeat(2);
const entries: Entry[] = [slotEntry("a", "1", 0)];

function headWith(originCount: number): StoredHead {
  const origins = Array.from({ length: originCount }, (_, index): KnownOrigin => [2 ** 52 - index, 2 ** 40 + index, 7]);
  return { seq: 9, time: 7, level: 1, origins, history: HISTORY };
}

/** Checks the frames of a snapshot after its head; true when the last one says that nothing is missing. */
function check(frames: readonly Buffer[]): boolean {
  const checker = new SnapshotCheck(9);
  return frames.some((frame) => !checker.take(frame, 0, frame.length));
}

test("a snapshot of any number of origins gives them back, in frames that are short", () => {
  for (const count of [0, 1, 2729, 2730, 2731, 8190, 10_000]) {
    const head = headWith(count);
    const frames = [...snapshotFrames(head, entries)];
    const kinds = frames.map((frame) => kindOf(frame, 0));
    assert.deepEqual(kinds, [SNAPSHOT, ...new Array(Math.ceil(count / 2730)).fill(ORIGINS), STATE, END]);
    assert.ok(frames.every(({ length }) => length <= HEADER_BYTES + 64 * 1024));
    assert.equal(check(frames.slice(1)), true);
    const origins = frames.filter((frame) => kindOf(frame, 0) === ORIGINS);
    for (const frame of origins) checkSnapshotFrame(frame, 0, frame.length);
    assert.deepEqual(
      origins.flatMap((frame) => decodeOrigins(frame, 0, frame.length)),
      head.origins,
    );
  }
});

/** A frame of a snapshot with another number. */
function numbered(frame: Buffer, number: number): Buffer {
  return encodeFrame(kindOf(frame, 0), { seq: 9, time: 7, number }, frame.subarray(HEADER_BYTES));
}

test("frames of origins that are missing, doubled, exchanged or after the entries are noticed", () => {
  const [first, second, third, state, end] = [...snapshotFrames(headWith(8000), entries)].slice(1) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  for (const frames of [
    [second, third, state, end],
    [first, third, state, end],
    [first, second, state, end],
    [state, end],
    [first, second, end],
    [first, second, third, end],
    [first, first, second, third, state, end],
    [second, first, third, state, end],
    [first, second, state, third, end],
    [numbered(state, 1), numbered(first, 2)],
  ]) {
    assert.throws(() => check(frames), MalformedError);
  }
  assert.equal(check([first, second, third, state]), false, "the last frame is missing");
});

test("frames of origins without any, with half a one, or with numbers that are none are malformed", () => {
  const frameOf = (body: Buffer) => encodeFrame(ORIGINS, { seq: 9, number: 1 }, body);
  for (const bytes of [0, 8, 23, 25, 47]) {
    const frame = frameOf(Buffer.alloc(bytes));
    for (const read of [decodeOrigins, checkSnapshotFrame])
      assert.throws(() => read(frame, 0, frame.length), MalformedError);
    assert.throws(() => check([frame]), MalformedError);
  }
  for (const [place, number] of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].entries()) {
    const body = Buffer.alloc(48);
    body.writeDoubleLE(number, 24 + place * 8);
    const frame = frameOf(body);
    for (const read of [decodeOrigins, checkSnapshotFrame])
      assert.throws(() => read(frame, 0, frame.length), MalformedError);
  }
});

test("more origins than the longest frame could hold are written and read again", () => {
  const head = headWith(Math.ceil(MAX_FRAME_BYTES / 24) + 1);
  const checker = new SnapshotCheck(9);
  let isWhole = false;
  let count = 0;
  for (const frame of snapshotFrames(head, entries)) {
    if (kindOf(frame, 0) === SNAPSHOT) continue;
    isWhole = !checker.take(frame, 0, frame.length);
    if (kindOf(frame, 0) !== ORIGINS) continue;
    for (const [origin, number] of decodeOrigins(frame, 0, frame.length)) {
      assert(origin === head.origins[count]?.[0] && number === head.origins[count]?.[1]);
      count++;
    }
  }
  assert.deepEqual([isWhole, count], [true, head.origins.length]);
});
