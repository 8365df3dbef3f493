import assert from "node:assert/strict";
import { test } from "node:test";
import { Barriers } from "../../../../dist/core/local/member/barriers.js";
import { BARRIER, kindOf, numberOf } from "../../../../dist/core/log/frame.js";

const numbersOf = (frames: readonly Buffer[]) => frames.map((frame) => numberOf(frame, 0));

test("each barrier has a number of its own, and is passed once, in whatever order the answers come", () => {
  const barriers = new Barriers();
  const passed: string[] = [];
  const frames = ["a", "b", "c"].map((name) => barriers.add(() => passed.push(name)));
  assert.deepEqual(
    frames.map((frame) => kindOf(frame, 0)),
    [BARRIER, BARRIER, BARRIER],
  );
  const [first = 0, second = 0, third = 0] = numbersOf(frames);
  assert.equal(new Set([first, second, third]).size, 3);
  for (const number of [third, first, third, 99]) barriers.passed(number);
  assert.deepEqual(passed, ["c", "a"]);
  assert.deepEqual(numbersOf(barriers.frames), [second], "what was not answered is asked for again");
  barriers.passed(second);
  assert.deepEqual([passed, barriers.frames], [["c", "a", "b"], []]);
});

test("a barrier that is added while one is passed is asked for, and not passed by the same answer", () => {
  const barriers = new Barriers();
  const passed: string[] = [];
  const frame = barriers.add(() => {
    passed.push("first");
    barriers.add(() => passed.push("second"));
  });
  barriers.passed(numberOf(frame, 0));
  assert.deepEqual([passed, barriers.frames.length], [["first"], 1]);
});
