/** Text in an entry that is no JSON: a faulty member can send it, and all members must hold the same afterwards. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addEntry, deleteEntry, IF_ABSENT, setEntry } from "../../../dist/core/log/entry.js";
import { APPLIED } from "../../../dist/core/state/executor.js";
import { Table } from "../../../dist/core/state/table.js";
import { NOW } from "./samples.js";

/** The same table as another member has it: loaded from a snapshot. */
function reloaded(table: Table): Table {
  const next = new Table();
  next.restore(table.head());
  next.restoreEntries([...table.contents()]);
  return next;
}

const shown = (table: Table): string =>
  JSON.stringify([...table.keys(NOW)].sort().map((key) => [key, table.get([key], NOW)]));

const NO_JSON = ["nul", "{", "[1", '{"a":1}}', "", "\0", "undefined", "NaN", "01", "\ufeff1"];

test("a value whose text is no JSON is null, on every member and at every time", () => {
  for (const text of NO_JSON) {
    const entries = [
      setEntry(["top"], text),
      setEntry(["below", "a", "b"], text),
      setEntry(["array", "1"], text),
      setEntry(["text"], '{"a":1}'),
      setEntry(["text", "b"], text),
      setEntry(["later"], text),
    ];
    const lazy = new Table();
    const eager = new Table();
    for (const entry of entries) {
      assert.equal(lazy.execute(entry, NOW, false), APPLIED);
      assert.equal(eager.execute(entry, NOW, false), APPLIED);
      shown(eager);
    }
    const members = [lazy, eager, reloaded(lazy), reloaded(eager)];
    const follow = [
      setEntry(["top", "x"], "1"),
      setEntry(["below", "a", "b", "c"], "2", 0, IF_ABSENT),
      addEntry(["array", "1"], 5),
      setEntry(["later"], "3", 0, IF_ABSENT),
      deleteEntry(["text", "b"]),
    ];
    for (const entry of follow) {
      const statuses = new Set(members.map((member) => member.execute(entry, NOW, false)));
      assert.equal(statuses.size, 1, `${entry.path} after ${JSON.stringify(text)}`);
    }
    const states = new Set([...members, ...members.map(reloaded)].map(shown));
    const expected = { array: [null, 5], below: { a: { b: { c: 2 } } }, later: null, text: { a: 1 }, top: { x: 1 } };
    assert.deepEqual([...states], [JSON.stringify(Object.entries(expected))]);
  }
});
