import assert from "node:assert/strict";
import { test } from "node:test";
import { FoldSchedule } from "../../../../dist/core/local/hub/fold-schedule.js";
import type { Clock } from "../../../../dist/core/local/machine/machine.js";

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const AFTER = 16 * MIB;

function scene() {
  const now = { ms: 1000 };
  const schedule = new FoldSchedule({ elapsed: () => now.ms } as unknown as Clock, AFTER);
  return { now, schedule };
}

const log = (segmentBytes: number, snapshotBytes: number, segmentCount = 1) => ({
  segmentBytes,
  snapshotBytes,
  segmentCount,
});

test("a fold is due by the size of the log, and by the number of its segments", () => {
  const { schedule } = scene();
  assert.equal(schedule.isDue(log(AFTER, 0)), false);
  assert.equal(schedule.isDue(log(AFTER + 1, 0)), true);
  assert.equal(schedule.isDue(log(AFTER + 1, 10)), false);
  assert.equal(schedule.isDue(log(1, 0, 64)), false);
  assert.equal(schedule.isDue(log(1, 0, 65)), true);
});

test("an hour after the last fold one is due if members have written, and it is worth its cost", () => {
  for (const [segmentBytes, snapshotBytes, isWorth] of [
    [100, 0, true],
    [100, 60 * MIB, true],
    [100, 64 * MIB, false],
    [6.4 * MIB, 640 * MIB, true],
    [6.3 * MIB, 640 * MIB, false],
  ] as const) {
    const { now, schedule } = scene();
    const size = log(segmentBytes, snapshotBytes);
    assert.equal(schedule.isWorth(size), isWorth);
    now.ms += HOUR_MS;
    assert.equal(schedule.isDue(size), false, "nothing has changed");
    schedule.changed();
    assert.equal(schedule.isDue(size), isWorth);
    now.ms -= 1;
    assert.equal(schedule.isDue(size), false);
    now.ms += 1;
    schedule.folded();
    assert.equal(schedule.isDue(size), false);
    now.ms += HOUR_MS;
    assert.equal(schedule.isDue(size), false, "nothing has changed since");
  }
});

test("a day after the last fold one is due in any case: it reads and checks everything", () => {
  const { now, schedule } = scene();
  now.ms += 24 * HOUR_MS - 1;
  assert.equal(schedule.isDue(log(100, 640 * MIB)), false);
  now.ms += 1;
  assert.equal(schedule.isDue(log(100, 640 * MIB)), true);
});

test("a fold begins early while there is room for it, if that makes room", () => {
  const { schedule } = scene();
  let looks = 0;
  const urgent = (segmentMiB: number, snapshotMiB: number, roomMiB: number) =>
    schedule.isUrgent(log(segmentMiB * MIB, snapshotMiB * MIB), () => {
      looks++;
      return roomMiB * MIB;
    });
  assert.equal(urgent(0.9, 0, 0), false, "a log that is short frees nothing");
  assert.equal(urgent(1, 14, 0), false, "nor one that is short beside the snapshot");
  assert.equal(looks, 0);
  assert.equal(urgent(2, 14, 24), false);
  assert.equal(looks, 1);
  assert.equal(urgent(2.9, 14, 0), false, "it looks once for each MiB");
  assert.equal(looks, 1);
  assert.equal(urgent(3, 14, 25), true);
  assert.equal(urgent(3, 14, 25), false, "once");
  schedule.folded();
  assert.equal(urgent(3, 14, 25), true, "after a fold it is looked again");
});
