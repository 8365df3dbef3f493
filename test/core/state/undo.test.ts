import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addEntry,
  clearEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  KEEP,
  type Path,
  patchEntry,
  setEntry,
  swapEntry,
} from "../../../dist/core/log/entry.js";
import type { Undo } from "../../../dist/core/state/executor.js";
import { Table } from "../../../dist/core/state/table.js";
import { assertFrozen, digest } from "../../proof/model/comparing.js";
import { idle, json, key, NOW, newOutcome, path, RUNS, sweepAll } from "./samples.js";

const change = fc.oneof(
  fc
    .tuple(path, json, fc.constantFrom(0, 0, NOW + 5, NOW + 2000))
    .map(([keys, value, at]) => setEntry(keys, JSON.stringify(value), at)),
  path.map((keys) => deleteEntry(keys)),
  fc.tuple(path, fc.constantFrom(0, NOW + 5)).map(([keys, at]) => expireEntry(keys, at)),
  fc.tuple(path, fc.integer()).map(([keys, amount]) => addEntry(keys, amount, NOW + 5)),
  fc
    .record({
      keys: path,
      set: fc.dictionary(key, json, { maxKeys: 2 }),
      remove: fc.array(key, { maxLength: 2 }),
      match: fc.dictionary(key, json, { maxKeys: 1 }),
      at: fc.constantFrom(KEEP, KEEP, 0, NOW + 5),
    })
    .map(({ keys, at, ...patch }) => patchEntry(keys, JSON.stringify(patch), at)),
  fc
    .record({ keys: path, from: fc.option(json, { nil: undefined }), to: json, at: fc.constantFrom(KEEP, 0, NOW + 5) })
    .map(({ keys, at, ...swap }) => swapEntry(keys, JSON.stringify(swap), at)),
);
const stepsOf = (entry: fc.Arbitrary<Entry>) =>
  fc.array(fc.tuple(entry, fc.constantFrom(NOW, NOW + 10), fc.boolean(), path), { maxLength: 15 });
/** A clear is not taken back: the slots before it are put back as a whole. */
const changes = stepsOf(change);
const steps = stepsOf(fc.oneof({ weight: 6, arbitrary: change }, { weight: 1, arbitrary: fc.constant(clearEntry()) }));

test("taking back restores value, expiries and existence, whatever was read in between", () => {
  fc.assert(
    fc.property(steps, changes, (first, then) => {
      const table = new Table();
      for (const [entry, time] of first) table.execute(entry, time, false);
      const before = digest(table);
      const undos: [Entry, Undo][] = [];
      for (const [entry, time, reads, read] of then) {
        const outcome = newOutcome();
        table.execute(entry, time, true, outcome);
        if (outcome.undo !== undefined) undos.push([entry, outcome.undo]);
        if (reads) assertFrozen(table.get(read, NOW));
      }
      for (const [index, [entry, undo]] of undos.reverse().entries()) {
        table.takeBack(entry, undo);
        if (then[index]?.[2]) table.get(then[index]?.[3] as Path, NOW);
      }
      assert.equal(digest(table), before);
    }),
    { numRuns: RUNS },
  );
});

test("a value that was returned never changes", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const table = new Table();
      const given: [unknown, string | undefined][] = [];
      for (const [entry, time, , read] of all) {
        table.execute(entry, time, false);
        const value = table.get(read, NOW);
        assertFrozen(value);
        given.push([value, JSON.stringify(value)]);
      }
      for (const [value, text] of given) assert.equal(JSON.stringify(value), text);
    }),
    { numRuns: RUNS },
  );
});

test("a restored copy is an equal state, and goes on equally", () => {
  fc.assert(
    fc.property(steps, steps, (first, then) => {
      const table = new Table();
      const apply = (target: Table, all: typeof first) => {
        for (const [entry] of all) {
          const seq = target.seq + 1;
          target.apply({
            seq,
            time: NOW + seq * 400,
            origin: 5 + (seq % 2),
            born: NOW,
            number: Math.ceil(seq / 2),
            entries: [entry],
          });
        }
      };
      apply(table, first);
      for (const [, , reads, read] of first) if (reads) table.get(read, NOW);
      const copy = new Table();
      copy.restore(table.head());
      copy.restoreEntries([...table.contents()]);
      assert.equal(digest(copy), digest(table));
      apply(table, then);
      apply(copy, then);
      idle(table, table.time + 100_000);
      idle(copy, copy.time + 100_000);
      sweepAll(table);
      sweepAll(copy);
      assert.equal(digest(copy), digest(table));
    }),
    { numRuns: RUNS },
  );
});
