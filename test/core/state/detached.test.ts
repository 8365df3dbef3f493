import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  IF_ABSENT,
  patchEntry,
  setEntry,
  swapEntry,
} from "../../../dist/core/log/entry.js";
import { kindBits } from "../../../dist/core/log/step-kinds.js";
import { executeOn } from "../../../dist/core/state/detached.js";
import { Table } from "../../../dist/core/state/table.js";
import { digest } from "../../proof/model/comparing.js";
import { json, NOW, newOutcome, RUNS } from "./samples.js";

const below = fc.array(fc.constantFrom("x", "y", "0", "2"), { maxLength: 3 });
const times = fc.constantFrom(0, 0, NOW + 5, NOW + 2000);

/** Entries that address what is at `prefix` or below it. */
const entriesAt = (prefix: string[]) =>
  fc.oneof(
    fc
      .tuple(below, json, times, fc.constantFrom(0 as const, IF_ABSENT), fc.array(fc.boolean()))
      .map(([keys, value, at, condition, areKeys]): Entry => {
        const path = [...prefix, ...keys];
        const kinds = kindBits(path.length, (depth) => areKeys[depth] ?? false);
        return setEntry(path, JSON.stringify(value), at, condition, kinds);
      }),
    below.map((keys) => deleteEntry([...prefix, ...keys])),
    fc.tuple(below, times).map(([keys, at]) => expireEntry([...prefix, ...keys], at)),
    fc.tuple(below, fc.integer(), times).map(([keys, amount, at]) => addEntry([...prefix, ...keys], amount, at)),
    fc
      .tuple(below, fc.dictionary(fc.constantFrom("x", "y", "0"), json, { maxKeys: 2 }))
      .map(([keys, set]) => patchEntry([...prefix, ...keys], JSON.stringify({ set }))),
    fc
      .record({ keys: below, from: fc.option(json, { nil: undefined }), to: json, at: times })
      .map(({ keys, at, ...swap }) => swapEntry([...prefix, ...keys], JSON.stringify(swap), at)),
  );

for (const prefix of [["k"], ["k", "a"], ["k", "a", "0"]]) {
  test(`contents at ${prefix.join(".")} change outside of a table as they do in it`, () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(entriesAt(prefix), fc.constantFrom(NOW, NOW + 10)), { maxLength: 8 }), (all) => {
        const [inside, outside] = [new Table(), new Table()];
        for (const table of [inside, outside]) {
          table.execute(setEntry(["k"], '{"a":{"0":{"x":1},"other":2},"b":3}'), NOW, false);
        }
        for (const [entry, time] of all) {
          const holder = { contents: outside.replaceAt(prefix, null) };
          const outcome = newOutcome();
          const status = executeOn(holder, entry, prefix.length, time, outcome);
          outside.replaceAt(prefix, holder.contents);
          const expected = newOutcome();
          assert.equal(status, inside.execute(entry, time, false, expected));
          assert.equal(outcome.number, expected.number);
        }
        for (const time of [NOW, NOW + 6, NOW + 5000]) {
          assert.deepEqual(outside.get(["k"], time), inside.get(["k"], time));
        }
        if (all.every(([, time]) => time === NOW)) assert.equal(digest(outside), digest(inside));
      }),
      { numRuns: RUNS },
    );
  });
}
