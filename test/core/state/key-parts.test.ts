import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteEntry, setEntry } from "../../../dist/core/log/entry.js";
import { Table } from "../../../dist/core/state/table.js";
import { randomOf } from "../../proof/budget.js";
import { idle, NOW, put, sweepAll } from "./samples.js";

test("the keys come in parts, between two of which the table may change: one that is live all the time comes once", () => {
  const random = randomOf(7);
  for (const count of [10, 16_384, 17_000, 40_000]) {
    const table = new Table();
    const lasting = Array.from({ length: count }, (_, index) => `kept/${index}`);
    for (const key of lasting) put(table, [key], 1);
    put(table, ["other"], 1);
    table.execute(setEntry(["kept/expired"], "1", NOW - 1), NOW - 2, false);
    const found: string[] = [];
    let number = 0;
    for (const keys of table.keyParts("kept/", () => NOW)) {
      found.push(...keys.filter((key) => !key.startsWith("kept/new")));
      for (let writes = 0; writes < 500; writes++) {
        const key = `kept/new${number++}`;
        put(table, [key], 1);
        if (random() < 0.5) table.execute(deleteEntry([key]), NOW, false);
      }
    }
    assert.deepEqual(found.sort(), lasting.sort(), `${count} keys`);
  }
});

test("a table holds what is expired until it is swept", () => {
  const table = new Table();
  table.execute(setEntry(["k"], "1", NOW - 2000), NOW - 3000, false);
  assert.deepEqual([table.holds("k"), table.hasKey("k", NOW), table.holds("other")], [true, false, false]);
  idle(table, NOW);
  sweepAll(table);
  assert.equal(table.holds("k"), false);
});
