import assert from "node:assert/strict";
import { test } from "node:test";
import { expireEntry, KEEP, setEntry, swapEntry } from "../../../dist/core/log/entry.js";
import { AS_KEYS } from "../../../dist/core/log/step-kinds.js";
import { APPLIED, TOO_FAR, UNMET } from "../../../dist/core/state/executor.js";
import { Table } from "../../../dist/core/state/table.js";
import { NOW, newOutcome } from "./samples.js";

/** A table that has a value under the key `k`. */
function tableOf(json: string, expiresAt = 0): Table {
  const table = new Table();
  table.execute(setEntry(["k"], json, expiresAt), NOW, false);
  return table;
}

const swap = (table: Table, path: string[], text: string, expiresAt = KEEP) =>
  table.execute(swapEntry(path, text, expiresAt), NOW, false);

test("a swap stores its value exactly where the other one is", () => {
  const cases: readonly [json: string, path: string[], text: string, status: number, after: unknown][] = [
    ["1", ["k"], '{"from":1,"to":2}', APPLIED, 2],
    ["1", ["k"], '{"from":2,"to":3}', UNMET, 1],
    ["1", ["k"], '{"to":3}', UNMET, 1],
    ["null", ["k"], '{"to":3}', UNMET, null],
    ["null", ["k"], '{"from":null,"to":3}', APPLIED, 3],
    ["1", ["k"], '{"from":"1","to":3}', UNMET, 1],
    ['{"a":1,"b":2}', ["k"], '{"from":{"b":2,"a":1},"to":{}}', APPLIED, {}],
    ['{"a":1,"b":2}', ["k"], '{"from":{"a":1},"to":{}}', UNMET, { a: 1, b: 2 }],
    ['{"a":1}', ["k"], '{"from":{"a":1,"b":2},"to":{}}', UNMET, { a: 1 }],
    ["[1,2]", ["k"], '{"from":[1,2,3],"to":{}}', UNMET, [1, 2]],
    ['{"a":1}', ["k", "a"], '{"from":1,"to":[1]}', APPLIED, { a: [1] }],
    ['{"a":1}', ["k", "b"], '{"to":{"c":1}}', APPLIED, { a: 1, b: { c: 1 } }],
    ['{"a":1}', ["k", "b", "c"], '{"to":null}', APPLIED, { a: 1, b: { c: null } }],
    ["[1,null]", ["k", "1"], '{"to":5}', APPLIED, [1, 5]],
    ["[1,null]", ["k", "1"], '{"from":null,"to":5}', UNMET, [1, null]],
    ["[1]", ["k", "length"], '{"from":1,"to":5}', UNMET, [1]],
    ["[]", ["k", "70000"], '{"to":5}', TOO_FAR, []],
  ];
  for (const [json, path, text, status, after] of cases) {
    const table = tableOf(json);
    assert.equal(swap(table, path, text), status, `${json} ${path} ${text}`);
    assert.deepEqual(table.get(["k"], NOW), after, `${json} ${path} ${text}`);
  }
});

test("a text that is none of a swap has no effect", () => {
  for (const text of ["{", "1", "[]", "null", "{}", '{"from":1}', '[{"to":1}]']) {
    const table = tableOf("1");
    assert.equal(swap(table, ["k"], text), UNMET, text);
    assert.equal(swap(table, ["other"], text), UNMET, text);
    assert.equal(table.get(["k"], NOW), 1);
  }
});

test("where nothing is, containers are created as the path says", () => {
  const table = new Table();
  swap(table, ["a", "1"], '{"to":5}');
  table.execute(swapEntry(["b", "1"], '{"to":5}', 0, AS_KEYS), NOW, false);
  assert.deepEqual([table.get(["a"], NOW), table.get(["b"], NOW)], [[null, 5], { 1: 5 }]);
});

test("a swap keeps the expiry of what is there, unless it has another one, and clears those below", () => {
  for (const [at, expected] of [
    [KEEP, NOW + 100],
    [0, Infinity],
    [NOW + 7, NOW + 7],
  ] as const) {
    const table = tableOf('{"a":{"x":1}}', NOW + 100);
    table.execute(expireEntry(["k", "a", "x"], NOW + 50), NOW, false);
    assert.equal(swap(table, ["k"], '{"from":{"a":{"x":1}},"to":{"a":{"x":2}}}', at), APPLIED);
    assert.equal(table.expiresAt(["k"], NOW), expected);
    assert.equal(table.expiresAt(["k", "a", "x"], NOW), expected);
  }
  const table = tableOf('{"a":1}');
  table.execute(expireEntry(["k", "a"], NOW + 50), NOW, false);
  swap(table, ["k", "a"], '{"from":1,"to":2}');
  assert.equal(table.expiresAt(["k", "a"], NOW), NOW + 50);
});

test("what has expired at the time of the swap is not there, swept or not, and leaves no expiry behind", () => {
  const table = tableOf('{"a":1,"b":2}', NOW + 100);
  table.execute(expireEntry(["k", "a"], NOW + 50), NOW, false);
  assert.equal(table.execute(swapEntry(["k"], '{"from":{"a":1,"b":2},"to":1}'), NOW + 60, false), UNMET);
  assert.equal(table.execute(swapEntry(["k", "a"], '{"to":3}'), NOW + 60, false), APPLIED);
  assert.equal(table.execute(swapEntry(["k"], '{"from":{"a":3,"b":2},"to":{"b":1}}'), NOW + 60, false), APPLIED);
  assert.equal(table.expiresAt(["k", "b"], NOW + 60), NOW + 100);
  assert.equal(table.execute(swapEntry(["k"], '{"to":7}'), NOW + 200, false), APPLIED);
  assert.equal(table.expiresAt(["k"], NOW + 200), Infinity);
});

test("its outcome holds until something in its slot expires", () => {
  const table = tableOf("1", NOW + 100);
  const outcome = newOutcome();
  table.execute(swapEntry(["k"], '{"from":1,"to":2}'), NOW, true, outcome);
  assert.equal(outcome.validUntil, NOW + 100);
});
