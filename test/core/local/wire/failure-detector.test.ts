import assert from "node:assert/strict";
import { test } from "node:test";
import { AdaptiveTimeout, FailureDetector } from "../../../../dist/core/local/wire/failure-detector.js";
import { ManualClock } from "../machine/manual-machine.js";

const TIMEOUT_MS = 5000;

/** A clock of a process that may be stopped: then time goes on, and its timers are late. */
class StoppedClock extends ManualClock {
  stoppedMs = 0;

  override elapsed(): number {
    return super.elapsed() + this.stoppedMs;
  }
}

function watch(): { clock: StoppedClock; silences: number[]; detector: FailureDetector } {
  const clock = new StoppedClock();
  const silences: number[] = [];
  const detector = new FailureDetector(clock, new AdaptiveTimeout(clock, TIMEOUT_MS), () =>
    silences.push(clock.elapsed()),
  );
  return { clock, silences, detector };
}

test("silence is reported once, after the time that is allowed", () => {
  const { clock, silences } = watch();
  clock.pass(TIMEOUT_MS * 3);
  assert.deepEqual(silences, [TIMEOUT_MS]);
});

test("where managers come and go fast, each one is allowed twice the silence of the one before, until one stays", () => {
  const clock = new StoppedClock();
  const timeout = new AdaptiveTimeout(clock, TIMEOUT_MS);
  const silenceOf = () => {
    let silentAt = 0;
    const from = clock.elapsed();
    timeout.started();
    const detector = new FailureDetector(clock, timeout, () => {
      silentAt = clock.elapsed();
    });
    clock.pass(9 * TIMEOUT_MS);
    detector.cancel();
    timeout.ended();
    return (silentAt - from) / TIMEOUT_MS;
  };
  assert.deepEqual([silenceOf(), silenceOf(), silenceOf(), silenceOf(), silenceOf()], [1, 2, 4, 8, 8]);
  timeout.started();
  clock.pass(10 * TIMEOUT_MS);
  assert.equal(timeout.factor, 8);
  clock.pass(1);
  assert.equal(timeout.factor, 1);
  timeout.ended();
  assert.equal(silenceOf(), 1);
});

test("the time begins again whenever something is heard", () => {
  const { clock, silences, detector } = watch();
  for (let index = 0; index < 5; index++) {
    clock.pass(TIMEOUT_MS * 0.8);
    detector.heard();
  }
  assert.deepEqual(silences, []);
  clock.pass(TIMEOUT_MS + TIMEOUT_MS / 10);
  assert.equal(silences.length, 1);
});

test("time for which the process itself stood still does not count", () => {
  const { clock, silences } = watch();
  clock.pass(TIMEOUT_MS * 0.9);
  clock.stoppedMs += 60_000;
  clock.pass(TIMEOUT_MS * 0.9);
  assert.deepEqual(silences, []);
  clock.pass(TIMEOUT_MS * 0.2);
  assert.equal(silences.length, 1);
});

test("a detector that was cancelled reports nothing", () => {
  const { clock, silences, detector } = watch();
  detector.cancel();
  clock.pass(TIMEOUT_MS * 2);
  assert.deepEqual([silences, clock.timerCount], [[], 0]);
});

test("a manager that is heard again and again is looked at half as often as one that is silent", () => {
  const { clock, detector, silences } = watch();
  let timers = 0;
  const { after } = clock;
  clock.after = (ms, call) => {
    timers++;
    return after.call(clock, ms, call);
  };
  for (let second = 0; second < 20; second++) {
    detector.heard();
    clock.pass(1000);
  }
  assert.ok(timers <= 21, `${timers}`);
  assert.deepEqual(silences, []);
});

test("silence after a sound is noticed within a tenth more or less than the time that is allowed", () => {
  for (let heardAt = 0; heardAt <= 1000; heardAt += 50) {
    const { clock, detector, silences } = watch();
    for (let second = 0; second < 5; second++) {
      detector.heard();
      clock.pass(1000);
    }
    clock.pass(heardAt);
    detector.heard();
    const from = clock.elapsed();
    clock.pass(2 * TIMEOUT_MS);
    const ratio = ((silences[0] as number) - from) / TIMEOUT_MS;
    assert.ok(ratio >= 0.9 && ratio <= 1.1, `${ratio}`);
  }
});
