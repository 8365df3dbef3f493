/** Tests of the checker of moves: it must find what is wrong in a history, and accept a history that is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, setEntry } from "../../../dist/core/log/entry.js";
import { checkMoved } from "./moved.js";
import { historyOf, type Line } from "./records.js";
import { setText } from "./texts.js";
import type { Ordered } from "./witness.js";

const T = 1_700_000_000_000;
const MOVE = { from: 100, to: 110 };

/** The entry of the write with that number of the one member. */
const entry = (number: number): Entry => setEntry([`shared${number}`], JSON.stringify(`1-a:${number}`));
const text = (number: number): string => setText(`shared${number}`, `1-a:${number}`);

/** A log of one batch for each write, at one time each. */
const logOf = (origin: number, ...numbers: readonly number[]): Ordered[] =>
  numbers.map((number, index) => {
    const seq = index + 1;
    const place = { seq, time: T + seq, origin, born: T, number: seq };
    return { epoch: 1, batch: { ...place, entries: [entry(number)] } };
  });

const stateOf = (...numbers: readonly number[]) =>
  Object.fromEntries(numbers.map((number) => [`shared${number}`, `1-a:${number}`]));

/** Writes 1 and 2 are confirmed before the move, 3 after it, 4 and 5 are made after it. */
const LINES: readonly Line[] = [
  ["write", 10, [text(1), text(2)]],
  ["ack", 90, 2],
  ["write", 95, [text(3)]],
  ["ack", 120, 3],
  ["write", 130, [text(4)]],
  ["write", 131, [text(5)]],
  ["ack", 140, 5],
];

interface Changes {
  readonly old?: readonly number[];
  readonly next?: readonly number[];
  readonly lines?: readonly Line[];
  readonly shown?: readonly number[];
}

function problemsOf({ old = [1, 2, 3], next = [4, 5], lines = LINES, shown = next }: Changes = {}): string {
  // The first write of a member names it in the log that is checked in full.
  const [first, ...rest] = logOf(7, ...old);
  const log = first === undefined ? [] : [first, ...rest];
  return checkMoved({
    log,
    histories: [historyOf("1-a", lines)],
    snapshots: [],
    states: [{ by: "the moved one", time: T + 1000, state: stateOf(...old) }],
    move: MOVE,
    successor: logOf(8, ...next),
    successorStart: 0,
    successorStates: [{ by: "1-a", time: T + 1000, state: stateOf(...shown) }],
  }).join("\n");
}

test("a move in which nothing is wrong is accepted, wherever the turn under way came", () => {
  assert.equal(problemsOf(), "");
  assert.equal(problemsOf({ old: [1, 2], next: [3, 4, 5] }), "");
  assert.equal(problemsOf({ old: [1, 2, 3], next: [3, 4, 5] }), "", "it was appended, and not confirmed there");
  assert.equal(problemsOf({ old: [1, 2, 3, 4], next: [3, 4, 5] }), "");
});

test("what was confirmed before the move and is not in the moved storage is found", () => {
  assert.match(problemsOf({ old: [1], next: [3, 4, 5] }), /1 confirmed writes of 1-a are lost, first number 2/);
  assert.match(
    problemsOf({ old: [1, 2], next: [2, 3, 4, 5] }),
    /write 2, .* was confirmed before the move, and is in the new log/,
  );
});

test("what was confirmed and is in neither log is found, unless it was reported as lost", () => {
  assert.match(problemsOf({ old: [1, 2], next: [4, 5] }), /write 3, .* was confirmed, and is in neither log/);
  const lines = LINES.map((line): Line => (line[0] === "ack" && line[2] === 3 ? ["lost", 3, 3] : line));
  assert.equal(problemsOf({ old: [1, 2], next: [4, 5], lines }), "");
});

test("a manager that goes on in the moved directory is found", () => {
  assert.match(
    problemsOf({ old: [1, 2, 3, 4], next: [5] }),
    /write 4, .* was made after the move and confirmed, and is in the moved log/,
  );
  assert.match(problemsOf({ old: [1, 2, 3, 4, 5], next: [4, 5] }), /the moved log got 2 turns after the move/);
});

test("a new log with a write twice, in another order or with a gap is found, and so is a state that differs from it", () => {
  assert.match(problemsOf({ next: [4, 4, 5] }), /"set shared4 1-a:4" is twice in the new log/);
  assert.match(problemsOf({ next: [5, 4] }), /write 5, .* is before an earlier one in the new log|write 4|before/);
  assert.match(problemsOf({ shown: [4] }), /what 1-a shows differs from the log: shared5/);
});

test("a new log that begins with what members held, who found nothing at the place, is accepted, and one with a gap after that is not", () => {
  const whole = logOf(7, 1, 2);
  const rest = logOf(8, 4, 5).map(({ epoch, batch }) => ({
    epoch: epoch + 1,
    batch: { ...batch, seq: batch.seq + 2, time: T + batch.seq + 2 },
  }));
  const lines: Line[] = [
    LINES[0] as Line,
    LINES[1] as Line,
    ["write", 95, [text(3)]],
    ["lost", 3, 3],
    ...LINES.slice(4),
  ];
  const problems = (successor: readonly Ordered[]): string =>
    checkMoved({
      log: whole,
      histories: [historyOf("1-a", lines)],
      snapshots: [],
      states: [{ by: "the moved one", time: T + 1000, state: stateOf(1, 2) }],
      move: MOVE,
      successor,
      successorStart: 2,
      successorStates: [{ by: "1-a", time: T + 1000, state: stateOf(1, 2, 4, 5) }],
    }).join("\n");
  assert.equal(problems(rest), "");
  assert.match(problems(rest.slice(1)), /in the new log, seq 4 follows seq 2/);
});
