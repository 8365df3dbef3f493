import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { jsonOf } from "../../../dist/core/replica/value.js";

const refusal = (value: unknown): string => {
  let message = "";
  assert.throws(
    () => jsonOf(value, 1, 1000),
    (error: Error) => {
      message = error.message;
      return error instanceof TypeError;
    },
  );
  return message;
};

/** Objects of this realm and of another one. */
const both = (code: string): unknown[] => [new Function(`return ${code}`)(), runInNewContext(code)];

test("what is empty in JSON is refused as a value, with what to give instead, in every realm", () => {
  const cases = [
    ["Promise.resolve(1)", "a Promise: await it"],
    ["(async () => {})()", "a Promise: await it"],
    ["new Map([[1, 2]])", "a Map: give Object.fromEntries(map)"],
    ["new Set([1])", "a Set: give [...set]"],
    ["new WeakMap()", "a WeakMap: it cannot be listed"],
    ["new Error('no')", "an Error: give { name, message }"],
    ["Object.assign(new RangeError('no'), { code: 'E' })", "an Error: give"],
    ["/a/g", "a RegExp: give its source"],
    ["new ArrayBuffer(8)", "an ArrayBuffer: give text"],
  ];
  for (const [code, part] of cases as [string, string][]) {
    for (const value of both(code))
      assert.match(refusal(value), new RegExp(`JSON can carry, got ${part.replace(/[.*()[{}]/g, "\\$&")}`));
  }
});

test("within a value such objects are what JSON makes of them, and those that say what they are in JSON are that", () => {
  for (const value of both("({ map: new Map(), list: [new Set()], at: new Date(0) })")) {
    assert.equal(jsonOf(value, 1, 1000), '{"map":{},"list":[{}],"at":"1970-01-01T00:00:00.000Z"}');
  }
  const map = Object.assign(new Map(), { toJSON: () => [1] });
  assert.equal(jsonOf(map, 1, 1000), "[1]");
  assert.equal(
    jsonOf(
      new (class Point {
        x = 1;
      })(),
      1,
      1000,
    ),
    '{"x":1}',
  );
  assert.equal(jsonOf(Object.create(null), 1, 1000), "{}");
  for (const value of both("new Date(0)")) assert.equal(jsonOf(value, 1, 1000), '"1970-01-01T00:00:00.000Z"');
  assert.equal(jsonOf(new Uint8Array([1, 2]), 1, 1000), '{"0":1,"1":2}');
});

test("a BigInt is refused with its place", () => {
  assert.match(
    refusal({ user: { list: [1, { id: 5n }] } }),
    /got object: a BigInt at \["user","list","1","id"\]; give a string/,
  );
  assert.match(refusal(5n), /a BigInt at \[\]/);
  const shared = { n: 1n };
  assert.match(refusal({ a: { toJSON: () => shared } }), /a BigInt at \["a","n"\]/);
});
