/** Swaps and messages in frames. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEntries, decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import { PUBLISH, publishEntry, SWAP, swapEntry } from "../../../dist/core/log/entry.js";
import { HEADER_BYTES, STATE } from "../../../dist/core/log/frame.js";
import { MAX_DEPTH } from "../../../dist/core/log/limits.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** Both readers refuse a frame. */
function expectMalformed(frame: Buffer): void {
  assert.throws(() => checkEntries(frame, 0, frame.length), MalformedError);
  assert.throws(() => decodeEntries(frame, 0, frame.length), MalformedError);
}

test("a value in a swap is as deep as it is at its path", () => {
  for (const steps of [1, 2, 100, MAX_DEPTH - 1, MAX_DEPTH]) {
    const path = new Array(steps).fill("k");
    const deepest = MAX_DEPTH - (steps - 1);
    for (const swap of [(value: string) => `{"to":${value}}`, (value: string) => `{"from":${value},"to":1}`]) {
      const fits = encodeEntries([swapEntry(path, swap(nested(deepest)))]);
      checkEntries(fits, 0, fits.length);
      const tooDeep = encodeEntries([swapEntry(path, swap(nested(deepest + 1)))]);
      assert.throws(() => checkEntries(tooDeep, 0, tooDeep.length), MalformedError, `${steps} steps`);
    }
  }
});

test("a swap has a type of its own and a text, no condition and no stamp, and stands in batches alone", () => {
  const entry = swapEntry(["a"], '{"to":1}');
  const frame = encodeEntries([entry]);
  const bytes = [1, 0, 0, 0, 0b0110_0100, 1, 0, 1, 0, 97, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf, 8, 0, 0, 0];
  assert.deepEqual([...frame.subarray(HEADER_BYTES)], [...bytes, ...Buffer.from('{"to":1}')]);
  assert.equal(entry.type, SWAP);
  for (const bit of [0x08, 0x10, 0x80]) {
    const changed = Buffer.from(frame);
    changed[HEADER_BYTES + 4] = 0b0110_0100 | bit;
    expectMalformed(changed);
  }
  const inState = encodeEntries([entry], STATE);
  expectMalformed(inState);
});

test("a message has a type of its own, a channel, an end and a text, and stands in batches alone", () => {
  const entry = publishEntry("c", "[1]", 5);
  const frame = encodeEntries([entry]);
  const bytes = [1, 0, 0, 0, 0b0110_0101, 1, 0, 1, 0, 99, 0, 0, 0, 0, 0, 0, 0x14, 0x40, 3, 0, 0, 0];
  assert.deepEqual([...frame.subarray(HEADER_BYTES)], [...bytes, ...Buffer.from("[1]")]);
  checkEntries(frame, 0, frame.length);
  assert.deepEqual(decodeEntries(frame, 0, frame.length), [entry]);
  assert.equal(entry.type, PUBLISH);
  for (const bit of [0x08, 0x10, 0x80]) {
    const changed = Buffer.from(frame);
    changed[HEADER_BYTES + 4] = 0b0110_0101 | bit;
    expectMalformed(changed);
  }
  expectMalformed(encodeEntries([entry], STATE));
  const deep = (depth: number) => encodeEntries([publishEntry("c", nested(depth), 5)]);
  checkEntries(deep(MAX_DEPTH), 0, deep(MAX_DEPTH).length);
  assert.throws(() => checkEntries(deep(MAX_DEPTH + 1), 0, deep(MAX_DEPTH + 1).length), MalformedError);
});
