import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkEntries, decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import { type Entry, LIMIT, limitEntry } from "../../../dist/core/log/entry.js";
import { HEADER_BYTES, STATE } from "../../../dist/core/log/frame.js";
import { MAX_DEPTH } from "../../../dist/core/log/limits.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";
import { AS_KEYS, BY_TEXT } from "../../../dist/core/log/step-kinds.js";

const entry: fc.Arbitrary<Entry> = fc
  .record({
    path: fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 5 }),
    json: fc.jsonValue().map((value) => JSON.stringify(value)),
    amount: fc.double({ noNaN: true, noDefaultInfinity: true }),
    kinds: fc.constantFrom(BY_TEXT, AS_KEYS),
  })
  .map(({ path, json, amount, kinds }) => limitEntry(path, json, amount, kinds));

function expectMalformed(frame: Buffer): void {
  assert.throws(() => checkEntries(frame, 0, frame.length), MalformedError);
  assert.throws(() => decodeEntries(frame, 0, frame.length), MalformedError);
}

test("limits come back as they went in, and no part of one is one", () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), (list) => {
      const frame = encodeEntries(list);
      checkEntries(frame, 0, frame.length);
      assert.deepEqual(decodeEntries(frame, 0, frame.length), list);
      for (let end = HEADER_BYTES; end < frame.length; end++) expectMalformed(frame.subarray(0, end));
    }),
    { numRuns: 200 },
  );
});

test("a limit is of type 9, an amount and the text of its rule, and stands in batches alone", () => {
  const frame = encodeEntries([limitEntry(["k"], "{}", 1)]);
  const amount = Buffer.alloc(8);
  amount.writeDoubleLE(1);
  const expected = [
    1,
    0,
    0,
    0,
    0b0100_0001,
    1,
    0,
    1,
    0,
    ...Buffer.from("k"),
    ...amount,
    2,
    0,
    0,
    0,
    ...Buffer.from("{}"),
  ];
  assert.deepEqual([...frame.subarray(HEADER_BYTES)], expected);
  assert.equal(LIMIT, 9);
  expectMalformed(encodeEntries([limitEntry(["k"], "{}", 1)], STATE));
});

test("other bits than those of a limit, an amount that is no number, and a rule without text or nested too deep, are malformed", () => {
  for (const bit of [0x02, 0x04, 0x08, 0x10, 0x80]) {
    const frame = encodeEntries([limitEntry(["k"], "{}", 1)]);
    frame[HEADER_BYTES + 4] = (frame[HEADER_BYTES + 4] as number) | bit;
    expectMalformed(frame);
  }
  for (const amount of [Number.NaN, Infinity]) expectMalformed(encodeEntries([limitEntry(["k"], "{}", amount)]));
  expectMalformed(encodeEntries([limitEntry(["k"], "", 1)]));
  const deepest = new Array(MAX_DEPTH).fill("k");
  const fits = encodeEntries([limitEntry(deepest, "{}", 1)]);
  checkEntries(fits, 0, fits.length);
  const tooDeep = encodeEntries([limitEntry(deepest, "[[]]", 1)]);
  assert.throws(() => checkEntries(tooDeep, 0, tooDeep.length), MalformedError);
});
