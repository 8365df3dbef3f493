import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clearEntry, deleteEntry, type Entry, setEntry } from "../../../dist/core/log/entry.js";
import type { StateView } from "../../../dist/core/log/log.js";
import { Op, type PendingBatch } from "../../../dist/core/replica/op.js";
import { PendingQueue } from "../../../dist/core/replica/pending-queue.js";
import { Table } from "../../../dist/core/state/table.js";

const NOW = 1_700_000_000_000;
const FEW = 300;
/** The slots are in parts, to which each write moves a key. */
const DIVIDED = 16_400;
/** They are divided among parts when a few more come. */
const FEWER = 16_382;
const MANY = 40_000;

/** What a member holds of keys that are numbers. */
function open(count: number) {
  const pending = new PendingQueue();
  const table = new Table();
  for (let key = 0; key < count; key++) table.execute(setEntry([`${key}`], "0", key % 7 ? 0 : NOW + 50), NOW, false);
  const it = {
    pending,
    table,
    others: (entry: Entry) => pending.execute(table, entry, NOW),
    own(entry: Entry) {
      pending.write(table, new Op(entry, NOW, null), 1);
      (pending.open as PendingBatch).frame = Buffer.alloc(1);
    },
    confirm() {
      const [oldest] = pending.batches;
      if (oldest !== undefined) pending.confirm(table, oldest, NOW);
    },
    refuse() {
      const [oldest] = pending.batches;
      if (oldest !== undefined) pending.refuse(table, oldest);
    },
    sweep() {
      table.time = NOW + 10_000;
      table.sweep(64, (key) => pending.isBusy(key));
    },
    look: () => pending.perform(table),
    /** The confirmed state, copied at once. */
    copy: () => textOf(pending.view(table)),
  };
  return it;
}

function textOf(view: StateView): string {
  return linesOf([...view.entries()]);
}

/** Equal for entries that make equal states. */
function linesOf(entries: Entry[]): string {
  return entries
    .map(({ type, path, json, expiresAt }) => JSON.stringify([path, type, json, expiresAt]))
    .sort()
    .join("\n");
}

type State = ReturnType<typeof open>;
type Step = (state: State) => void;

function stepsOf(count: number): fc.Arbitrary<Step[]> {
  const keys = fc
    .oneof(
      fc.nat(count - 1),
      fc.nat({ max: 50 }).map((extra) => count + extra),
    )
    .map(String);
  const entry = fc.oneof(
    keys.map((key) => setEntry([key], "1")),
    keys.map((key) => deleteEntry([key])),
    keys.map((key) => setEntry([key, "x"], "2")),
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: entry.map((one) => (it: State) => void it.others(one)) },
    { weight: 6, arbitrary: entry.map((one) => (it: State) => it.own(one)) },
    {
      weight: 8,
      arbitrary: fc.constantFrom<Step>(
        (it) => it.confirm(),
        (it) => it.refuse(),
        (it) => it.look(),
        (it) => it.sweep(),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Step>(
        (it) => void it.others(clearEntry()),
        (it) => it.own(clearEntry()),
      ),
    },
  );
  return fc.array(step, { maxLength: 30, size: "max" });
}

for (const [count, numRuns] of [
  [FEW, 300],
  [FEWER, 30],
  [DIVIDED, 30],
  [MANY, 10],
] as const) {
  test(`a view of ${count} keys gives what was confirmed when it was taken, whatever changes while it is read`, () => {
    fc.assert(
      fc.property(stepsOf(count), stepsOf(count), fc.nat(count), (first, then, pieces) => {
        const it = open(count);
        for (const step of first) step(it);
        const expected = it.copy();
        const view = it.pending.view(it.table);
        const entries = view.entries()[Symbol.iterator]();
        const read: Entry[] = [];
        const take = (limit: number) => {
          for (let taken = 0; taken < limit; taken++) {
            const next = entries.next();
            if (next.done) return;
            read.push(next.value);
          }
        };
        for (const step of then) {
          take(pieces);
          step(it);
        }
        take(Infinity);
        assert.equal(linesOf(read), expected);
      }),
      { numRuns },
    );
  });
}

test("a view that is given up keeps nothing, and gives nothing more", () => {
  const it = open(FEW);
  const view = it.pending.view(it.table);
  const entries = view.entries()[Symbol.iterator]();
  entries.next();
  assert.ok(it.pending.isBusy("5"), "what a view has still to give is not swept");
  view.close();
  view.close();
  assert.ok(!it.pending.isBusy("5"));
  assert.equal(entries.next().done, true);
});

test("a view that was read to its end needs no close", () => {
  const it = open(FEW);
  textOf(it.pending.view(it.table));
  assert.ok(!it.pending.isBusy("5"));
});
