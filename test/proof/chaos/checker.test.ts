/** Tests of the checker: it must find what is wrong in a history, and accept a history that is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addEntry, clearEntry, deleteEntry, type Entry, IF_ABSENT, setEntry } from "../../../dist/core/log/entry.js";
import { check, type Evidence } from "./checker.js";
import { failoversOf } from "./failover.js";
import { historyOf, type Line } from "./records.js";
import { textOf } from "./texts.js";
import type { Ordered } from "./witness.js";

const T = 1_700_000_000_000;
const ORIGINS: Readonly<Record<string, number>> = { "1-a": 11, "2-b": 22 };

const set = (path: string, tag: string, expiresAt = 0): Entry =>
  setEntry(path.split("."), JSON.stringify(tag), expiresAt);
const add = (path: string, tag: string): Entry => setEntry([path], JSON.stringify(tag), 0, IF_ABSENT);

/** A log of batches: who wrote each, and what. */
function logOf(...batches: readonly [label: string, ...entries: Entry[]][]): Ordered[] {
  const numbers = new Map<string, number>();
  return batches.map(([label, ...entries], index) => {
    const number = (numbers.get(label) ?? 0) + 1;
    numbers.set(label, number);
    const batch = { seq: index + 1, time: T + index, origin: ORIGINS[label] as number, born: T, number, entries };
    return { epoch: 1, batch };
  });
}

/** What two members do: `a` writes numbers 1 to 5, `b` 1 and 2. */
const LOG = logOf(
  ["1-a", set("own-1-a", "1-a:1")],
  ["2-b", set("own-2-b", "2-b:1")],
  ["1-a", set("left0", "1-a:2"), set("right0", "1-a:2")],
  ["2-b", set("shared1", "2-b:2")],
  ["1-a", addEntry(["sum1"], 2), set("shared1", "1-a:5"), add("once1", "1-a:6")],
);
const STATE = {
  "own-1-a": "1-a:1",
  "own-2-b": "2-b:1",
  left0: "1-a:2",
  right0: "1-a:2",
  shared1: "1-a:5",
  sum1: 2,
  once1: "1-a:6",
};
const write = (at: number, ...entries: Entry[]): Line => ["write", at, entries.map(textOf)];
const read = (at: number, ...seen: [string, string | null][]): Line => ["read", at, at, seen];

const A: readonly Line[] = [
  write(10, set("own-1-a", "1-a:1")),
  read(11, ["own-1-a", "1-a:1"], ["shared1", null]),
  ["ack", 12, 1],
  write(30, set("left0", "1-a:2"), set("right0", "1-a:2")),
  ["ack", 33, 3],
  write(50, addEntry(["sum1"], 2), set("shared1", "1-a:5"), add("once1", "1-a:6")),
  read(51, ["shared1", "1-a:5"]),
  ["result", 4, 2],
  ["result", 6, true],
  ["ack", 55, 6],
];
const B: readonly Line[] = [
  write(20, set("own-2-b", "2-b:1")),
  ["ack", 22, 1],
  read(31, ["own-1-a", "1-a:1"], ["left0", null], ["right0", null]),
  read(35, ["left0", "1-a:2"], ["right0", "1-a:2"], ["shared1", null]),
  write(40, set("shared1", "2-b:2")),
  ["ack", 42, 2],
  read(52, ["shared1", "2-b:2"]),
  ["sync", 56],
  read(60, ["shared1", "1-a:5"], ["left0", "1-a:2"]),
];

interface Changes extends Partial<Evidence> {
  readonly a?: readonly Line[];
  readonly b?: readonly Line[];
}

function problemsOf({ a = A, b = B, ...changes }: Changes = {}): string {
  const histories = [historyOf("1-a", a), historyOf("2-b", b)];
  const states = [{ by: "1-a", time: T + 1000, state: STATE }];
  return check({ log: LOG, histories, snapshots: [], states, ...changes }).join("\n");
}

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
});

/** Storage time in the log: as the monotonic clock shows it, from when that showed 0. */
const NOTES = [{ epoch: 1, leadMs: T, at: 0, offsetMs: 0 }];

/** In microseconds. */
const SECOND = 1_000_000;

test("what shows after it has expired, or is gone before, is found", () => {
  const log = [...LOG, ...logOf(["2-b", set("brief1", "2-b:3", T + 500)])].map(({ batch }, index) => ({
    epoch: 1,
    batch: { ...batch, seq: index + 1, time: T + index, number: index < 5 ? batch.number : 3 },
  }));
  const b = [...B, write(80, set("brief1", "2-b:3")), ["ack", 81, 3] as const];
  const seen = (at: number, tag: string | null): string =>
    problemsOf({ log, notes: NOTES, b: [...b, ["read", at, at + 1, [["brief1", tag]]]] });
  assert.equal(seen(0.49 * SECOND, "2-b:3"), "");
  assert.match(seen(0.52 * SECOND, "2-b:3"), /brief1 was 2-b:3 at \d+ us, which had expired/);
  assert.equal(seen(0.51 * SECOND, null), "");
  assert.match(seen(0.48 * SECOND, null), /nothing was at brief1 at \d+ us, where something has not expired yet/);
});

test("what is cleared, and set again by the same batch, shows as gone until that has its place", () => {
  const writes = [clearEntry(), set("brief1", "2-b:4", T + 500)];
  const log = [...LOG, ...logOf(["2-b", ...writes])].map(({ batch }, index) => ({
    epoch: 1,
    batch: { ...batch, seq: index + 1, time: T + index, number: index < 5 ? batch.number : 4 },
  }));
  const gone: Line = ["read", 81, 82, [["brief1", null]]];
  const seen = (...lines: Line[]): string => problemsOf({ log, notes: NOTES, states: [], b: [...B, ...lines] });
  const [clear, brief] = writes.map((entry) => write(80, entry)) as [Line, Line];
  assert.equal(seen(clear, gone, brief, ["ack", 83, 4]), "");
  assert.match(seen(clear, brief, ["ack", 81, 4], gone), /nothing was at brief1 at \d+ us, where something has not/);
});

test("an expiry that its ttl does not give is found", () => {
  const log = logOf(["1-a", set("own-1-a", "1-a:1", T + 700)]);
  const ending = (at: number, ttl: number): string => {
    const a: Line[] = [
      ["write", at, [textOf(set("own-1-a", "1-a:1"))], [ttl]],
      ["made", at + 5000],
      ["ack", at + 6000, 1],
    ];
    const states = [{ by: "1-a", time: T, state: { "own-1-a": "1-a:1" } }];
    return problemsOf({ log, notes: NOTES, a, b: [], states });
  };
  assert.equal(ending(0.2 * SECOND, 500), "");
  assert.match(ending(0.2 * SECOND, 400), /expires 9\d ms later than its ttl of 400 ms says/);
  assert.match(ending(0.3 * SECOND, 500), /expires -100 ms later than its ttl/);
});

test("a storage time that is set while a member has the storage open is found, and so is one that falls", () => {
  const set = (leadMs: number, at: number, offsetMs = 0): string =>
    problemsOf({ notes: [...NOTES, { epoch: 2, leadMs: T + leadMs, at: at / 1000, offsetMs }] });
  assert.equal(set(5, 40), "");
  assert.match(set(3_600_000, 40), /set by 3600000 ms between epochs 1 and 2, while 1-a had the storage open/);
  assert.match(set(-100, 99), /set by -100 ms/);
  assert.equal(set(3_600_000, 99), "", "nobody had it open");
  assert.match(set(3_600_000, 99, -5000), /is 5000 ms behind the wall clock/);
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
