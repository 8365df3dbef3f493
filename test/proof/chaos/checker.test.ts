/** Tests of the checker: it must find what is wrong in a history, and accept a history that is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addEntry, clearEntry, deleteEntry } from "../../../dist/core/log/entry.js";
import { A, add, B, LOG, logOf, problemsOf, read, STATE, set, T, write } from "./checked-history.js";
import { check } from "./checker.js";
import { failoversOf } from "./failover.js";
import { historyOf, type Line } from "./records.js";
import type { Ordered } from "./witness.js";

const inserted = (lines: readonly Line[], index: number, ...more: Line[]): Line[] => lines.toSpliced(index, 0, ...more);

test("a history in which nothing is wrong is accepted", () => {
  assert.equal(problemsOf(), "");
  assert.equal(problemsOf({ snapshots: [{ seq: 5, time: T + 5, state: STATE }] }), "");
});

test("what was not confirmed may be missing in the end, and is seen by its own member alone", () => {
  const late = [write(70, set("shared1", "2-b:3")), read(71, ["shared1", "2-b:3"])];
  assert.equal(problemsOf({ b: [...B, ...late] }), "");
  assert.match(
    problemsOf({ b: [...B, ...late], a: [...A, read(72, ["shared1", "2-b:3"])] }),
    /shared1 was 2-b:3, which no member has written/,
  );
});

test("a batch that was sent again counts once", () => {
  const [first] = LOG as [Ordered];
  const again = { ...first, batch: { ...first.batch, seq: 6, time: T + 6 } };
  assert.equal(problemsOf({ log: [...LOG, again] }), "");
});

test("a confirmed write that is lost is found", () => {
  const lost = [...B, write(80, set("shared2", "2-b:3")), ["ack", 81, 3] as const];
  assert.match(problemsOf({ b: lost }), /1 confirmed writes of 2-b are lost, first number 3/);
});

test("a write that is lost between others is found", () => {
  const [one, two, three, ...rest] = LOG as [Ordered, Ordered, Ordered, Ordered];
  const cut = { ...three, batch: { ...three.batch, entries: three.batch.entries.slice(1) } };
  assert.match(
    problemsOf({ log: [one, two, cut, ...rest] }),
    /expected its write 2, "set left0 1-a:2" of 1-a at seq 3/,
  );
});

test("a write that is in the log twice is found", () => {
  const log = logOf(
    ["1-a", set("own-1-a", "1-a:1")],
    ["2-b", set("own-2-b", "2-b:1")],
    ["1-a", set("left0", "1-a:2"), set("right0", "1-a:2")],
    ["2-b", set("shared1", "2-b:2")],
    ["1-a", addEntry(["sum1"], 2), set("shared1", "1-a:5"), add("once1", "1-a:6")],
    ["1-a", addEntry(["sum1"], 2)],
  );
  assert.match(problemsOf({ log }), /expected nothing more of 1-a at seq 6, got "increment sum1 2"/);
});

test("writes of one member in another order are found", () => {
  const log = logOf(
    ["1-a", set("own-1-a", "1-a:1")],
    ["2-b", set("own-2-b", "2-b:1")],
    ["1-a", addEntry(["sum1"], 2), set("shared1", "1-a:5"), add("once1", "1-a:6")],
    ["2-b", set("shared1", "2-b:2")],
    ["1-a", set("left0", "1-a:2"), set("right0", "1-a:2")],
  );
  assert.match(problemsOf({ log }), /expected its write 2, .* got "increment sum1 2"/);
});

test("a write that precedes another one that was confirmed when it was made is found", () => {
  const early = A.map((line) => (line[0] === "ack" && line[2] === 3 ? (["ack", 15, 3] as const) : line));
  assert.match(problemsOf({ a: early }), /"set own-2-b 2-b:1" of 2-b at seq 2 was made when .* confirmed already/);
});

test("a gap, a falling epoch and a second origin of one member are found", () => {
  const [first, second, third, ...rest] = LOG as [Ordered, Ordered, Ordered, Ordered];
  assert.match(problemsOf({ log: [first, third, ...rest] }), /seq 3 follows seq 1/);
  assert.match(problemsOf({ log: [first, { ...second, epoch: 2 }, third, ...rest] }), /epoch 1 follows epoch 2/);
  const foreign = { ...third, batch: { ...third.batch, origin: 33, number: 1 } };
  assert.match(
    problemsOf({ log: [first, second, foreign, ...rest] }),
    /expected the first write of a member from origin 33/,
  );
});

test("a promise that resolved with something else than its place in the log gives is found", () => {
  const told = (line: Line): Line => (line[0] === "result" && line[1] === 4 ? ["result", 4, 3] : line);
  assert.match(problemsOf({ a: A.map(told) }), /"increment sum1 2" of 1-a at seq 5 came to 2, and its promise gave 3/);
  const won = (line: Line): Line => (line[0] === "result" && line[1] === 6 ? ["result", 6, false] : line);
  assert.match(problemsOf({ a: A.map(won) }), /came to applied, and its promise gave false/);
});

test("a read that goes back is found", () => {
  assert.match(
    problemsOf({ b: [...B, read(90, ["shared1", "2-b:2"])] }),
    /shared1 was 2-b:2, and not|gone since seq 5/,
  );
  assert.match(problemsOf({ b: [...B, read(90, ["left0", null])] }), /nothing was at left0/);
});

test("values of two different moments are found", () => {
  const mixed = read(61, ["left0", null], ["right0", null], ["shared1", "1-a:5"]);
  const early = inserted(B.slice(0, 4), 3, mixed).concat(B.slice(4));
  assert.match(problemsOf({ b: early }), /nothing was at left0, where something is from seq 5 on/);
});

test("half of a batch is found", () => {
  const half = read(32, ["left0", "1-a:2"], ["right0", null]);
  assert.match(problemsOf({ b: inserted(B, 3, half) }), /nothing was at right0|half of a batch/);
});

test("an own write that is not seen is found, pending or confirmed", () => {
  assert.match(problemsOf({ b: inserted(B, 5, read(41, ["shared1", null])) }), /nothing was at shared1/);
  assert.match(problemsOf({ b: inserted(B, 6, read(43, ["shared1", null])) }), /nothing was at shared1/);
  const older = [...A, write(70, set("shared1", "1-a:7")), read(71, ["shared1", "1-a:5"])];
  assert.match(problemsOf({ a: older }), /shared1 was 1-a:5, and not its own 1-a:7/);
});

test("a read after a sync that misses what was confirmed before is found", () => {
  const stale = B.map((line): Line => (line[0] === "read" && line[1] === 60 ? read(60, ["shared1", "2-b:2"]) : line));
  assert.match(problemsOf({ b: stale }), /shared1 was 2-b:2 of seq 4, gone since seq 5, at 5 or later/);
  const unsynced = stale.filter((line) => line[0] !== "sync");
  assert.equal(problemsOf({ b: unsynced }), "");
});

test("what shows after it was deleted or cleared is found", () => {
  const log = [...LOG, ...logOf(["2-b", deleteEntry(["shared1"])], ["2-b", clearEntry()])].map(({ batch }, index) => ({
    epoch: 1,
    batch: { ...batch, seq: index + 1, time: T + index, number: index < 5 ? batch.number : index - 2 },
  }));
  const states = [{ by: "1-a", time: T + 1000, state: {} }];
  const gone: Line[] = [...B, write(80, deleteEntry(["shared1"])), write(81, clearEntry()), ["ack", 82, 4]];
  assert.equal(problemsOf({ log, states, b: [...gone, read(83, ["left0", null], ["shared1", null])] }), "");
  assert.match(problemsOf({ log, states, b: [...gone, read(83, ["left0", "1-a:2"])] }), /left0 was 1-a:2/);
  assert.match(problemsOf({ log, states, b: [...gone, read(83, ["shared1", "1-a:5"])] }), /shared1 was 1-a:5/);
  assert.equal(problemsOf({ log, states, b: [...gone, ["result", 3, "1-a:5"]] }), "", "it was a take");
  assert.match(problemsOf({ log, states, b: [...gone, ["result", 3, "2-b:2"]] }), /promise gave 2-b:2/);
});

test("a state or a snapshot that differs from the log is found", () => {
  const state = { ...STATE, sum1: 4 };
  assert.match(
    problemsOf({ states: [{ by: "2-b", time: T + 1000, state }] }),
    /what 2-b shows differs from the log: sum1: expected 2, got 4/,
  );
  const { sum1, ...less } = STATE;
  assert.match(problemsOf({ states: [{ by: "2-b", time: T + 1000, state: less }] }), /sum1: expected 2, got nothing/);
  assert.match(problemsOf({ snapshots: [{ seq: 5, time: T + 5, state }] }), /the snapshot of seq 5 differs/);
});

test("a copy is a state that was, with all that was confirmed before it was begun", () => {
  const copy = { by: "copy 1", seq: 5, time: T + 5, state: STATE, beganAt: 100, isWhole: true };
  assert.equal(problemsOf({ copies: [copy] }), "");
  const { left0, right0, sum1, once1, shared1, ...first } = STATE;
  const early = { ...copy, seq: 2, state: first };
  assert.match(problemsOf({ copies: [early] }), /copy 1 ends at seq 2, and 5 was confirmed before it was begun/);
  assert.equal(problemsOf({ copies: [{ ...early, beganAt: 25 }] }), "");
  assert.equal(problemsOf({ copies: [{ ...early, isWhole: false }] }), "", "cp has reported that it missed a file");
  assert.match(
    problemsOf({ copies: [{ ...early, state: STATE, isWhole: false }] }),
    /copy 1 at seq 2 differs from the log/,
  );
  assert.match(problemsOf({ copies: [{ ...copy, seq: 6 }] }), /copy 1 has seq 6, and the log ends at 5/);
});

test("a problem that a member noticed itself is reported", () => {
  assert.match(problemsOf({ a: [...A, ["failure", "Error: expected"]] }), /1-a failed: Error: expected/);
});

test("a failover lasts until another member's write is confirmed in a later epoch", () => {
  const histories = [historyOf("1-a", A), historyOf("2-b", B)];
  const log = LOG.map((ordered, index) => ({ ...ordered, epoch: index < 3 ? 1 : 2 }));
  check({ log, histories, snapshots: [], states: [] });
  const strike = { kind: "killed", at: 21, epoch: 1, pid: 1 } as const;
  assert.deepEqual(failoversOf(histories, [strike, { ...strike, epoch: 2 }]), [0.021]);
});
