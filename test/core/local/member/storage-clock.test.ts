import assert from "node:assert/strict";
import { test } from "node:test";
import { noteNow } from "../../../../dist/core/local/machine/clock.js";
import { StorageClock } from "../../../../dist/core/local/member/storage-clock.js";
import { ManualClock, START_MS } from "../machine/manual-clock.js";

const HOUR_MS = 3_600_000;

/** The clock of a member, and what it reports. */
function open(clock = new ManualClock()) {
  const shifts: number[] = [];
  const warnings: (string | undefined)[] = [];
  const sink = {
    timeShifted: (byMs: number) => void shifts.push(byMs),
    warned: (error: NodeJS.ErrnoException) => void warnings.push(error.code),
  };
  const storageClock = new StorageClock(clock);
  /** A manager of this machine tells what time it is. */
  const tell = (time: number) => storageClock.tell(time, noteNow(clock, time), sink);
  return { clock, storageClock, shifts, warnings, sink, tell };
}

test("before a manager has told the time it is the wall clock's, and what was written by that is shifted once", () => {
  const { clock, storageClock, shifts, tell } = open();
  assert.equal(storageClock.now(), START_MS);
  assert.equal(storageClock.note, null);
  tell(START_MS - 9 * HOUR_MS);
  clock.pass(10);
  tell(START_MS - 9 * HOUR_MS + 10);
  assert.deepEqual(shifts, [-9 * HOUR_MS]);
  assert.equal(storageClock.now(), START_MS - 9 * HOUR_MS + 10);
  assert.deepEqual(storageClock.note, noteNow(clock, storageClock.now()));
});

test("what was written before the time was told is shifted exactly, however long the process waits for the processor meanwhile", () => {
  const clock = new ManualClock();
  const { shifts, tell } = open(clock);
  const suspended = clock.suspended.bind(clock);
  clock.suspended = () => {
    clock.pass(40);
    return suspended();
  };
  tell(START_MS - 9 * HOUR_MS);
  assert.deepEqual(shifts, [-9 * HOUR_MS]);
});

test("members of one kernel have the same time to the millisecond, however long the telling took", () => {
  const { clock, storageClock, sink } = open();
  const note = noteNow(clock, 5_000_000_000_000.25);
  clock.pass(700);
  storageClock.tell(note.time, note, sink);
  assert.equal(storageClock.now(), 5_000_000_000_700);
});

test("where monotonic clocks differ, the time counts from when it was told", () => {
  for (const domain of ["another boot", ""]) {
    const { clock, storageClock, sink } = open();
    clock.domain = domain === "" ? "" : "boot";
    const note = { ...noteNow(clock, 5_000_000_000_000), domain, monotonic: 1e9 };
    clock.pass(700);
    storageClock.tell(note.time, note, sink);
    assert.equal(storageClock.now(), 5_000_000_000_000);
    clock.pass(1);
    assert.equal(storageClock.now(), 5_000_000_000_001);
  }
});

test("it never falls by a little, as from one manager to the next, and does when the log is another one", () => {
  const { clock, storageClock, tell } = open();
  tell(START_MS);
  assert.equal(storageClock.now(), START_MS);
  tell(START_MS - 20);
  assert.equal(storageClock.now(), START_MS);
  clock.pass(30);
  assert.equal(storageClock.now(), START_MS + 10);
  tell(START_MS - HOUR_MS);
  assert.equal(storageClock.now(), START_MS - HOUR_MS);
});

test("a wall clock that is more than 5 s away is reported once, until it is right again", () => {
  const { clock, storageClock, warnings, tell } = open();
  tell(START_MS);
  for (const setMs of [4000, -6000, -HOUR_MS, 2000, HOUR_MS]) {
    clock.setMs = setMs;
    tell(START_MS);
    assert.equal(storageClock.offsetMs, -setMs);
  }
  assert.deepEqual(warnings, ["ERR_STORAGE_CLOCK", "ERR_STORAGE_CLOCK"]);
});
