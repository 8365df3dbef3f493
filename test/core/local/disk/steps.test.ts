import assert from "node:assert/strict";
import { test } from "node:test";
import { answerTo, atOnce, inSlices, runToEnd, type Steps, type Wait } from "../../../../dist/core/local/disk/steps.js";
import { ManualClock } from "../machine/manual-machine.js";

/** Steps that note what they do, wait once in the middle, and return a text. */
function* working(log: string[], wait: Wait): Steps<string> {
  try {
    log.push("first");
    yield;
    if (yield wait) log.push("blocked");
    log.push("last");
    return "result";
  } finally {
    log.push("released");
  }
}

const never: Wait = () => {};

test("run to their end, steps do what they would have waited for themselves", () => {
  const log: string[] = [];
  assert.equal(runToEnd(working(log, never)), "result");
  assert.deepEqual(log, ["first", "blocked", "last", "released"]);
  const results: unknown[] = [];
  atOnce(working([], never), (error, result) => results.push(error, result));
  assert.deepEqual(results, [null, "result"]);
});

test("in slices, steps begin in a later turn and go on when the wait is over", () => {
  const clock = new ManualClock();
  const log: string[] = [];
  let over: (error: Error | null) => void = () => {};
  const results: unknown[] = [];
  const wait: Wait = (done) => {
    over = done;
  };
  inSlices(clock)(working(log, wait), (error, result) => results.push(error, result));
  assert.deepEqual(log, []);
  clock.run();
  assert.deepEqual([log, results], [["first"], []]);
  over(null);
  clock.run();
  assert.deepEqual(
    [log, results],
    [
      ["first", "last", "released"],
      [null, "result"],
    ],
  );
});

test("a failed wait is thrown where the steps wait, and their error is the result", () => {
  const clock = new ManualClock();
  const failure = new Error("EIO");
  const results: unknown[] = [];
  const log: string[] = [];
  inSlices(clock)(
    working(log, (done) => done(failure)),
    (error) => results.push(error),
  );
  clock.run();
  assert.deepEqual([log, results], [["first", "released"], [failure]]);
});

test("steps that are stopped release what they hold, but not before a wait is over that needs it", () => {
  const clock = new ManualClock();
  const log: string[] = [];
  let over: (error: Error | null) => void = () => {};
  const stop = inSlices(clock)(
    working(log, (done) => {
      over = done;
    }),
    () => assert.fail("stopped steps have no result"),
  );
  clock.run();
  stop();
  assert.deepEqual(log, ["first"]);
  over(null);
  clock.run();
  assert.deepEqual(log, ["first", "released"]);
});

test("an answer that comes later is waited for in slices", () => {
  const clock = new ManualClock();
  let answer: (value: number) => void = () => {};
  const results: unknown[] = [];
  inSlices(clock)(
    answerTo<number>((done) => {
      answer = done;
    }),
    (_error, result) => results.push(result),
  );
  clock.run();
  answer(7);
  clock.run();
  assert.deepEqual(results, [7]);
  assert.equal(runToEnd(answerTo<number>((done) => done(8))), 8);
});
