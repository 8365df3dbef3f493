import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEntries, decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import {
  ALWAYS,
  clearEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  patchEntry,
  setEntry,
  slotEntry,
} from "../../../dist/core/log/entry.js";
import { BATCH, HEADER_BYTES, STATE } from "../../../dist/core/log/frame.js";
import { MAX_DEPTH } from "../../../dist/core/log/limits.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";
import { AS_KEYS, BY_TEXT, kindBits, type StepKinds } from "../../../dist/core/log/step-kinds.js";

test("what the steps of a path are costs bytes only where they are mixed", () => {
  const lengthOf = (kinds: StepKinds, steps: number) =>
    encodeEntries([setEntry(new Array(steps).fill("7"), "1", 0, ALWAYS, kinds)]).length;
  for (const steps of [1, 2, 8, 9, MAX_DEPTH]) {
    assert.equal(lengthOf(AS_KEYS, steps), lengthOf(BY_TEXT, steps));
    const bits = kindBits(steps, (depth) => depth % 2 === 1);
    assert.equal(lengthOf(bits, steps), lengthOf(BY_TEXT, steps) + Math.ceil(steps / 8));
    const list = [setEntry(new Array(steps).fill("7"), "1", 0, ALWAYS, bits)];
    const frame = encodeEntries(list);
    checkEntries(frame, 0, frame.length);
    assert.deepEqual(decodeEntries(frame, 0, frame.length), list);
  }
});

test("what steps are is malformed where nothing is made, when it is said twice, or of more steps than there are", () => {
  const counted = HEADER_BYTES + 4 + 1;
  const path = ["a", "7", "8"];
  const expectMalformed = (entry: Entry, kind: number, change: (frame: Buffer) => void) => {
    const frame = encodeEntries([entry], kind);
    change(frame);
    assert.throws(() => checkEntries(frame, 0, frame.length), MalformedError);
    assert.throws(() => decodeEntries(frame, 0, frame.length), MalformedError);
  };
  const flag = (bits: number) => (frame: Buffer) => frame.writeUInt16LE(frame.readUInt16LE(counted) | bits, counted);
  for (const entry of [deleteEntry(path), expireEntry(path, 5), patchEntry(path, "{}"), clearEntry()]) {
    for (const bits of [0x8000, 0x4000]) expectMalformed(entry, BATCH, flag(bits));
  }
  expectMalformed(slotEntry("a", "1", 0), STATE, flag(0x8000));
  const mixed = setEntry(
    path,
    "1",
    0,
    ALWAYS,
    kindBits(3, (depth) => depth === 1),
  );
  expectMalformed(mixed, BATCH, flag(0x8000));
  for (const bit of [0x01, 0x08, 0x80]) {
    expectMalformed(mixed, BATCH, (frame) => {
      frame[counted + 2] = (frame[counted + 2] as number) | bit;
    });
  }
  for (const bits of [0x0400, 0x2000]) expectMalformed(mixed, BATCH, flag(bits));
});
