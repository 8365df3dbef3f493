import assert from "node:assert/strict";
import { test } from "node:test";
import { Requests } from "../../../../dist/core/local/member/requests.js";
import { BARRIER, kindOf, NEED_LEVEL, numberOf } from "../../../../dist/core/log/frame.js";

const numbersOf = (frames: readonly Buffer[]) => frames.map((frame) => numberOf(frame, 0));

test("each barrier has a number of its own, and is passed once, in whatever order the answers come", () => {
  const requests = new Requests();
  const passed: string[] = [];
  const frames = ["a", "b", "c"].map((name) => requests.barrier(() => passed.push(name)));
  assert.deepEqual(
    frames.map((frame) => kindOf(frame, 0)),
    [BARRIER, BARRIER, BARRIER],
  );
  const [first = 0, second = 0, third = 0] = numbersOf(frames);
  assert.equal(new Set([first, second, third]).size, 3);
  for (const number of [third, first, third, 99]) requests.barrierPassed(number);
  assert.deepEqual(passed, ["c", "a"]);
  assert.deepEqual(numbersOf(requests.framesAt(1)), [second], "what was not answered is asked for again");
  requests.barrierPassed(second);
  assert.deepEqual([passed, requests.framesAt(1)], [["c", "a", "b"], []]);
});

test("a barrier that is added while one is passed is asked for, and not passed by the same answer", () => {
  const requests = new Requests();
  const passed: string[] = [];
  const frame = requests.barrier(() => {
    passed.push("first");
    requests.barrier(() => passed.push("second"));
  });
  requests.barrierPassed(numberOf(frame, 0));
  assert.deepEqual([passed, requests.framesAt(1).length], [["first"], 1]);
});

test("a level is asked for again until the log has it, and of several the highest", () => {
  const requests = new Requests();
  const asked = [requests.level(3), requests.level(2)];
  assert.deepEqual(
    asked.map((frame) => [kindOf(frame, 0), numberOf(frame, 0)]),
    [
      [NEED_LEVEL, 3],
      [NEED_LEVEL, 2],
    ],
  );
  assert.deepEqual(numbersOf(requests.framesAt(2)), [3]);
  assert.deepEqual(requests.framesAt(3), []);
});
