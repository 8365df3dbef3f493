/** Tests of what the checker says of time: of what ends too early or too late, and of storage time itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clearEntry, type Entry } from "../../../dist/core/log/entry.js";
import { B, LOG, logOf, problemsOf, set, T, write } from "./checked-history.js";
import type { Line } from "./records.js";
import { textOf } from "./texts.js";
import type { Ordered } from "./witness.js";

/** Storage time in the log: as the monotonic clock shows it, from when that showed 0. */
const NOTES = [{ epoch: 1, leadMs: T, at: 0, offsetMs: 0 }];

/** In microseconds. */
const SECOND = 1_000_000;

/** The log, with one more batch of the second member. */
function followedBy(number: number, ...entries: Entry[]): Ordered[] {
  return [...LOG, ...logOf(["2-b", ...entries])].map(({ batch }, index) => ({
    epoch: 1,
    batch: { ...batch, seq: index + 1, time: T + index, number: index < 5 ? batch.number : number },
  }));
}

test("what shows after it has expired, or is gone before, is found", () => {
  const log = followedBy(3, set("brief1", "2-b:3", T + 500));
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
  const log = followedBy(4, ...writes);
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
