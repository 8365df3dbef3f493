import assert from "node:assert/strict";
import { test } from "node:test";
import { noteNow } from "../../../../dist/core/local/machine/clock.js";
import { nodeMachine } from "../../../../dist/core/local/machine/node-machine.js";
import { RunningTime, timeAfter } from "../../../../dist/core/local/machine/running-time.js";
import { ManualClock, START_MS } from "./manual-clock.js";

const YEAR_MS = 86_400_000 * 365;
const HOUR_MS = 3_600_000;

function running(clock = new ManualClock()) {
  return { clock, time: new RunningTime(clock, noteNow(clock, START_MS)) };
}

test("a wall clock that is set, by a little or by years, does not move the time", () => {
  for (const setMs of [3, -3, 4000, -4000, YEAR_MS, -YEAR_MS]) {
    const { clock, time } = running();
    clock.pass(10);
    clock.setMs = setMs;
    assert.equal(time.now(), START_MS + 10);
    clock.pass(10);
    assert.equal(time.now(), START_MS + 20);
    assert.equal(time.offset, -setMs);
    assert.equal(time.note().time, START_MS + 20);
  }
});

test("a suspend counts, also when the wall clock was set meanwhile", () => {
  for (const setMs of [0, -HOUR_MS, HOUR_MS]) {
    const { clock, time } = running();
    clock.pass(10);
    clock.suspend(8 * HOUR_MS);
    clock.setMs += setMs;
    clock.pass(1);
    assert.equal(time.now(), START_MS + 8 * HOUR_MS + 11);
    clock.suspend(60_000);
    assert.equal(time.note().time, START_MS + 8 * HOUR_MS + 60_011);
  }
});

test("a suspend that leaves no trace in the wall clock is found a second later", () => {
  const { clock, time } = running();
  clock.suspend(HOUR_MS);
  clock.setMs = 0;
  clock.pass(1000);
  assert.equal(time.now(), START_MS + HOUR_MS + 1000);
});

test("that the machine's uptime is known to 10 ms only makes no time", () => {
  const { clock, time } = running();
  for (let count = 0; count < 100; count++) {
    clock.suspendedMs = count % 2 === 0 ? 0 : -10;
    clock.pass(1000);
    assert.equal(time.note().time, START_MS + (count + 1) * 1000);
  }
});

test("where nobody says how long the machine was suspended, a wall clock that gains more than 5 s at once does", () => {
  for (const [gainMs, countedMs] of [
    [4000, 0],
    [6000, 6000],
    [-6000, 0],
    [YEAR_MS, YEAR_MS],
  ] as const) {
    const clock = new ManualClock();
    clock.suspendedMs = null;
    const { time } = running(clock);
    clock.pass(10);
    clock.suspend(gainMs);
    clock.pass(10);
    assert.equal(time.now(), START_MS + 20 + countedMs);
  }
});

test("a note of another process of this kernel says what time it is, suspends since included", () => {
  const { clock, time } = running();
  clock.pass(500);
  const note = time.note();
  clock.suspend(HOUR_MS);
  clock.setMs = -YEAR_MS;
  clock.pass(500);
  assert.equal(timeAfter(note, noteNow(clock, 0)), START_MS + HOUR_MS + 1000);
  assert.equal(new RunningTime(clock, note).now(), START_MS + HOUR_MS + 1000);
});

test("the clocks of this machine: those of the kernel go on together, and suspends are known to some ms", () => {
  const { clock } = nodeMachine;
  const first = noteNow(clock, 0);
  assert.ok(Math.abs(first.wall - Date.now()) < 60_000);
  assert.ok(Math.abs(first.monotonic - Number(process.hrtime.bigint()) / 1e6) < 60_000, "that of the kernel");
  if (process.platform !== "linux") return;
  assert.match(clock.domain, /^[0-9a-f-]+ time:\[\d+\]$/);
  for (let count = 0; count < 1000; count++) {
    const { monotonic, suspended } = noteNow(clock, 0);
    assert.ok(monotonic >= first.monotonic);
    assert.ok(suspended === null || Math.abs(suspended - (first.suspended ?? 0)) < 50, `${suspended}`);
  }
});
