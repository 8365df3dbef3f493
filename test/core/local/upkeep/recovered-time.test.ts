/** What a log says of the clocks: in the first frame of its newest segment, in the hub's own batches after it, and in snapshots. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Segment } from "../../../../dist/core/local/disk/segment.js";
import type { TimeNote } from "../../../../dist/core/local/machine/machine.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { setEntry } from "../../../../dist/core/log/entry.js";
import { BATCH } from "../../../../dist/core/log/frame.js";
import { HISTORY, machineOf, place } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact, recover } from "./at-once.js";

const none = () => false;

const noteAt = (time: number, offsetMs: number): TimeNote => ({
  time,
  wall: time - offsetMs,
  monotonic: 1000,
  suspended: 7.5,
  domain: "boot",
});

/** Writes a segment with batches, each of an origin and with what a hub would note in one of its own. */
function write(files: MemoryFiles, epoch: number, first: number, clock: TimeNote | null, batches: [number, number][]) {
  const start = { epoch, segment: 1, seq: first - 1, time: first - 1 };
  const previous = epoch === 1 ? null : { epoch: epoch - 1, segment: 1, offset: endsOf.get(files) as number };
  const segment = Segment.create(files, place, start, previous, HISTORY, clock);
  for (const [index, [origin, born]] of batches.entries()) {
    const seq = first + index;
    const entries = origin === 0 ? [] : [setEntry(["key"], `${seq}`)];
    segment.append([encodeEntries(entries, BATCH, { epoch, seq, time: seq, origin, born, number: origin })]);
  }
  segment.close();
  endsOf.set(files, segment.end);
  return { epoch, segment: 1, offset: segment.end };
}

const endsOf = new WeakMap<MemoryFiles, number>();

test("the newest note counts, and after it what the hub's own batches say of the wall clock", () => {
  const files = new MemoryFiles();
  write(files, 1, 1, noteAt(5000, 100), [
    [0, 900],
    [1, 4711],
  ]);
  assert.deepEqual(
    [recover(files, place, null, none).clock, recover(files, place, null, none).clockOffsetMs],
    [noteAt(5000, 100), 900],
  );
  write(files, 2, 3, noteAt(6000, -300), [[1, 4711]]);
  const recovered = recover(files, place, null, none);
  assert.deepEqual([recovered.clock, recovered.clockOffsetMs], [noteAt(6000, -300), -300]);
});

test("a segment without a note, or with one that says nothing, is a log whose clock is not known", () => {
  for (const clock of [null, { ...noteAt(1, 1), time: Number.NaN }, { wall: 3 } as TimeNote]) {
    const files = new MemoryFiles();
    write(files, 1, 1, clock, [[1, 1]]);
    const recovered = recover(files, place, null, none);
    assert.deepEqual([recovered.clock, recovered.clockOffsetMs], [null, 0]);
  }
});

test("a snapshot keeps the note of the manager that had it folded, when no segment is left", () => {
  const files = new MemoryFiles();
  const end = write(files, 1, 1, noteAt(5000, 100), [[1, 4711]]);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [end], clock: noteAt(7000, 250) });
  const recovered = recover(files, place, null, none);
  assert.deepEqual([recovered.segments, recovered.clock, recovered.clockOffsetMs], [[], noteAt(7000, 250), 250]);
});
