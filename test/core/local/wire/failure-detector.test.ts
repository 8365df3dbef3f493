import assert from "node:assert/strict";
import { test } from "node:test";
import { StallWatch } from "../../../../dist/core/local/wire/failure-detector.js";
import { Patience } from "../../../../dist/core/local/wire/patience.js";
import { ManualClock } from "../machine/manual-machine.js";

const TIMEOUT_MS = 5000;

/** A clock of a process that may be stopped: then time goes on, and its timers are late. */
class StoppedClock extends ManualClock {
  stoppedMs = 0;

  override elapsed(): number {
    return super.elapsed() + this.stoppedMs;
  }
}

function watch(): { clock: StoppedClock; silences: number[]; watched: StallWatch } {
  const clock = new StoppedClock();
  const silences: number[] = [];
  const watched = new StallWatch(clock, new Patience(clock, TIMEOUT_MS), () => silences.push(clock.elapsed()));
  return { clock, silences, watched };
}

test("silence is told once, after the time that is allowed", () => {
  const { clock, silences } = watch();
  clock.pass(TIMEOUT_MS * 3);
  assert.deepEqual(silences, [TIMEOUT_MS]);
});

test("where managers come and go fast, each is allowed twice the silence of the one before, until one stays", () => {
  const clock = new StoppedClock();
  const patience = new Patience(clock, TIMEOUT_MS);
  const silenceOf = () => {
    let silentAt = 0;
    const from = clock.elapsed();
    patience.begun();
    const watched = new StallWatch(clock, patience, () => {
      silentAt = clock.elapsed();
    });
    clock.pass(9 * TIMEOUT_MS);
    watched.cancel();
    patience.ended();
    return (silentAt - from) / TIMEOUT_MS;
  };
  assert.deepEqual([silenceOf(), silenceOf(), silenceOf(), silenceOf(), silenceOf()], [1, 2, 4, 8, 8]);
  patience.begun();
  clock.pass(10 * TIMEOUT_MS);
  assert.equal(patience.times, 8);
  clock.pass(1);
  assert.equal(patience.times, 1);
  patience.ended();
  assert.equal(silenceOf(), 1);
});

test("whatever is heard begins the time anew", () => {
  const { clock, silences, watched } = watch();
  for (let index = 0; index < 5; index++) {
    clock.pass(TIMEOUT_MS * 0.8);
    watched.heard();
  }
  assert.deepEqual(silences, []);
  clock.pass(TIMEOUT_MS + TIMEOUT_MS / 10);
  assert.equal(silences.length, 1);
});

test("the time for which the process itself stood still does not count", () => {
  const { clock, silences } = watch();
  clock.pass(TIMEOUT_MS * 0.9);
  clock.stoppedMs += 60_000;
  clock.pass(TIMEOUT_MS * 0.9);
  assert.deepEqual(silences, []);
  clock.pass(TIMEOUT_MS * 0.2);
  assert.equal(silences.length, 1);
});

test("a watch that was cancelled tells nothing", () => {
  const { clock, silences, watched } = watch();
  watched.cancel();
  clock.pass(TIMEOUT_MS * 2);
  assert.deepEqual([silences, clock.timerCount], [[], 0]);
});
