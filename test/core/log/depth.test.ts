import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { depthOf } from "../../../dist/core/log/depth.js";
import { MAX_DEPTH } from "../../../dist/core/log/limits.js";

const depthOfText = (text: string, limit?: number) => depthOf(Buffer.from(text), 0, Buffer.byteLength(text), limit);

/** The naive way. */
function depth(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depth));
}

test("the depth of any JSON text is that of its value", () => {
  const strings = fc.oneof(fc.string(), fc.constantFrom('"', "\\", '\\"[', "[[[", "{", '\\\\"'));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      strings,
      fc.integer(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(strings, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const text = JSON.stringify(value);
      const found = depthOfText(text, 0);
      assert.equal(text.length < 2 ? 0 : depth(value), found);
    }),
    { numRuns: 1000 },
  );
});

test("a text that is too short to be deeper than the limit is not looked at, one that may be is", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  assert.equal(depthOfText(nested(MAX_DEPTH)), 0);
  assert.equal(depthOfText(nested(MAX_DEPTH + 1)), MAX_DEPTH + 1);
  assert.equal(depthOfText(`[${nested(MAX_DEPTH - 1)}${",1".repeat(9)}]`), MAX_DEPTH);
  assert.equal(depthOfText(nested(5), 5), 0);
  assert.equal(depthOfText(nested(5), 4), 5);
});

test("only the bytes of the text are looked at, and a string without end ends with them", () => {
  const buffer = Buffer.from(`[[[${"[1]"}]]]`);
  assert.equal(depthOf(buffer, 3, 6, 0), 1);
  assert.equal(depthOfText('["[[[[\\', 0), 1);
});
