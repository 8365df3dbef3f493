import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEntries, decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import { deleteEntry, leftEntry, levelEntry, levelGiven } from "../../../dist/core/log/entry.js";
import { STATE } from "../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../dist/core/log/levels.js";
import { Table } from "../../../dist/core/state/table.js";

test("a level that this version does not speak ends what can be read, and what names none is malformed", () => {
  const frame = encodeEntries([levelEntry(1)]);
  assert.deepEqual(decodeEntries(frame, 0, frame.length), [levelEntry(1)]);
  assert.deepEqual([levelGiven([levelEntry(3)]), levelGiven([leftEntry("a1")])], [3, 0]);
  const next = encodeEntries([levelEntry(2), deleteEntry(["a"])]);
  for (const read of [decodeEntries, checkEntries])
    assert.throws(() => read(next, 0, next.length), {
      code: "ERR_STORAGE_PROTOCOL",
      message: /^expected the log to be at a level that this version .* \(level 1\), got level 2: run the version /,
    });
  for (const name of ["0", "1.5", "x", ""]) {
    const wrong = encodeEntries([{ ...levelEntry(1), path: [name] }]);
    for (const read of [decodeEntries, checkEntries])
      assert.throws(() => read(wrong, 0, wrong.length), { name: "MalformedError", message: /^expected a level, got/ });
  }
  const inState = encodeEntries([levelEntry(1)], STATE);
  assert.throws(() => decodeEntries(inState, 0, inState.length), { name: "MalformedError" });
});

test("a process lets the log be raised to what it speaks, and no further than it is told", () => {
  assert.deepEqual(spokenLevels(Number.MAX_SAFE_INTEGER), { least: 1, most: 1, max: 1 });
  assert.deepEqual(spokenLevels(1), { least: 1, most: 1, max: 1 });
});

test("the level of a log is part of its state, rises, never falls, and is given by hubs only", () => {
  const table = new Table();
  let seq = 0;
  const apply = (origin: number, level: number) =>
    table.apply({ seq: ++seq, time: seq, origin, born: 0, number: 1, entries: [levelEntry(level)] });
  assert.equal(table.head().level, 1);
  apply(4711, 5);
  assert.equal(table.head().level, 1);
  apply(0, 3);
  apply(0, 2);
  assert.equal(table.head().level, 3);
  const other = new Table();
  other.restore(table.head());
  assert.equal(other.level, 3);
  assert.deepEqual([...table.contents()], [], "it is under no key");
});
