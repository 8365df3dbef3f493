/** What a departure does to claims: it is a function of the log alone, in members and in folds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALWAYS, deleteEntry, type Entry, leftEntry, setEntry } from "../../../dist/core/log/entry.js";
import { BY_TEXT } from "../../../dist/core/log/step-kinds.js";
import { CLAIMS_PREFIX, claimsIn, claimsKeyOf } from "../../../dist/core/state/claims.js";
import { Table } from "../../../dist/core/state/table.js";

const NOW = 1_700_000_000_000;
const KEY = claimsKeyOf(["job"]);

const claim = (key: string, id: string, member: string, expiresAt = NOW + 1000): Entry =>
  setEntry([key, id], JSON.stringify({ member }), expiresAt, ALWAYS, BY_TEXT, "token");

/** A table that applies batches of one entry, a second one that is restored from a snapshot after each of them, and their time. */
function tables() {
  const state = { table: new Table(), restored: new Table(), time: NOW };
  const apply = (...entries: Entry[]): void => {
    const { seq } = state.table;
    const batch = { seq: seq + 1, time: state.time, origin: 5, born: NOW, number: seq + 1, entries };
    state.table.apply(batch);
    state.restored.apply(batch);
    const next = new Table();
    next.restore(state.restored.head());
    next.restoreEntries([...state.restored.contents()]);
    state.restored = next;
    assert.deepEqual(contents(state.restored), contents(state.table));
  };
  const contents = (table: Table) =>
    Object.fromEntries([...table.keys(state.time)].map((key) => [key, table.get([key], state.time)]));
  return { state, apply, contents: () => contents(state.table), holds: (key: string) => state.table.holds(key) };
}

test("names have keys of their own, and equal ones equal keys", () => {
  const names = [["a"], ["a", "b"], ["a/b"], ["a~1b"], ["a~b"], ["a", "", "b"], [""], ["", ""], ["__proto__"], ["a.b"]];
  const keys = names.map(claimsKeyOf);
  assert.equal(new Set(keys).size, names.length);
  assert.deepEqual(keys.slice(0, 5), ["lock:/a", "lock:/a/b", "lock:/a~1b", "lock:/a~01b", "lock:/a~0b"]);
  assert.ok(keys.every((key) => key.startsWith(CLAIMS_PREFIX)));
});

test("a departure ends the claims of its member, and no others; the key goes with its last claim", () => {
  const { apply, contents, holds } = tables();
  apply(claim(KEY, "c1", "m1"), claim(KEY, "c2", "m2"), claim(KEY, "c3", "m1"));
  apply(claim(claimsKeyOf(["other"]), "c4", "m1"), setEntry(["job"], '{"c1":{"member":"m1","token":1}}'));
  apply(leftEntry("m3"));
  assert.deepEqual(Object.keys(contents()[KEY] as object), ["c1", "c2", "c3"]);
  apply(leftEntry("m1"));
  assert.deepEqual(contents(), {
    [KEY]: { c2: { member: "m2", token: 4097 } },
    job: { c1: { member: "m1", token: 1 } },
  });
  apply(leftEntry("m2"), leftEntry("m2"));
  assert.equal(holds(KEY), false);
});

test("a departure also removes keys whose claims have all expired", () => {
  const { state, apply, contents, holds } = tables();
  apply(claim(KEY, "c1", "m1"), claim(KEY, "c2", "m2", NOW + 5000));
  state.time += 2000;
  apply(leftEntry("m3"));
  assert.deepEqual(contents(), { [KEY]: { c2: { member: "m2", token: 4097 } } });
  state.time += 4000;
  apply(leftEntry("m3"));
  assert.equal(holds(KEY), false);
});

test("what users write under such keys does no harm, and a clear or a removal ends claims too", () => {
  const { apply, contents, holds } = tables();
  for (const json of ["1", "null", "[]", '[{"member":"m1","token":1}]', '{"a":1}', '{"member":"m1","token":"x"}']) {
    apply(setEntry([KEY], json));
    apply(leftEntry("m1"));
    assert.deepEqual(contents()[KEY], JSON.parse(json));
  }
  apply(claim(KEY, "c1", "m1"));
  apply(leftEntry("m1"));
  assert.deepEqual(contents()[KEY], { member: "m1", token: "x" });
  apply(deleteEntry([KEY]), claim(KEY, "c1", "m1"), deleteEntry([KEY]));
  apply(leftEntry("m1"));
  assert.equal(holds(KEY), false);
  assert.deepEqual(claimsIn(null), []);
});
