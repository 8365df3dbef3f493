import assert from "node:assert/strict";
import { test } from "node:test";
import { addEntry, type Entry, setEntry } from "../../../dist/core/log/entry.js";
import { Table } from "../../../dist/core/state/table.js";
import { newOutcome } from "./samples.js";

const NOW = 1000;
const LATER = 1_000_000;

/** Performs entries at their times, each as pending; gives what takes all of them back. */
function perform(table: Table, entries: ReadonlyArray<readonly [entry: Entry, time: number]>): () => void {
  const undos = entries.map(([entry, time]) => {
    const outcome = newOutcome();
    table.execute(entry, time, true, outcome);
    return [entry, outcome.undo] as const;
  });
  return () => {
    for (const [entry, undo] of undos.reverse()) if (undo) table.takeBack(entry, undo);
  };
}

test("taking back what turned an array into an object restores the expiries of its elements", () => {
  const table = new Table();
  table.execute(setEntry(["list", "0", "x"], "1", NOW + 1000), NOW, false);
  const takeBack = perform(table, [
    [addEntry(["list", "name"], 0), NOW],
    [addEntry(["list", "0", "x"], 0), LATER],
  ]);
  assert.deepEqual(table.get(["list"], LATER), { 0: { x: 0 }, name: 0 });
  takeBack();
  assert.deepEqual(table.get(["list"], NOW), [{ x: 1 }]);
  assert.deepEqual(table.get(["list"], LATER), [{}]);
});

test("taking back what turned an array into an object restores elements that were changed and read since", () => {
  const table = new Table();
  table.execute(setEntry(["list", "0", "x"], "1"), NOW, false);
  const takeBack = perform(table, [
    [addEntry(["list", "name"], 0), NOW],
    [setEntry(["list", "0", "x"], "2"), NOW],
  ]);
  assert.deepEqual(table.get(["list"], NOW), { 0: { x: 2 }, name: 0 });
  takeBack();
  assert.deepEqual(table.get(["list"], NOW), [{ x: 1 }]);
});
