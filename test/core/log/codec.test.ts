import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkEntries, decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import {
  ALWAYS,
  addEntry,
  CLEAR,
  type Condition,
  clearEntry,
  DELETE,
  deleteEntry,
  type Entry,
  expireEntry,
  IF_ABSENT,
  KEEP,
  LEFT,
  leftEntry,
  patchEntry,
  setEntry,
  slotEntry,
  swapEntry,
} from "../../../dist/core/log/entry.js";
import { BATCH, HEADER_BYTES, isIntact, kindOf, STATE } from "../../../dist/core/log/frame.js";
import { MAX_DEPTH, MAX_KEY_BYTES } from "../../../dist/core/log/limits.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";
import { AS_KEYS, BY_TEXT, kindBits } from "../../../dist/core/log/step-kinds.js";

const anyUnits = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units));
const oddKeys = [
  "",
  "__proto__",
  "\0",
  "\ud800",
  "a\udc00b",
  "a".repeat(4096),
  "é".repeat(2048),
  "\ud800".repeat(2048),
  "a".repeat(33),
];
const key = fc.oneof(fc.string(), anyUnits, fc.constantFrom(...oddKeys));
const path = fc.array(key, { minLength: 1, maxLength: 5 });
const json = fc.jsonValue().map((value) => JSON.stringify(value));
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const time = fc.oneof(fc.constant(0), fc.nat(), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const condition = fc.constantFrom<Condition>(ALWAYS, IF_ABSENT);

/** A path and what its steps are: by their text, all keys, or some of them. */
const kindedPath = path.chain((keys) => {
  const bits = fc
    .array(fc.boolean(), { minLength: keys.length, maxLength: keys.length })
    .map((areKeys) => kindBits(keys.length, (depth) => areKeys[depth] === true));
  return fc.record({ path: fc.constant(keys), kinds: fc.oneof(fc.constantFrom(BY_TEXT, AS_KEYS), bits) });
});

const stamp = fc.oneof({ weight: 3, arbitrary: fc.constant("") }, { weight: 1, arbitrary: key });

const batchEntry: fc.Arbitrary<Entry> = fc.oneof(
  fc
    .record({ kinded: kindedPath, json, time, condition, stamp })
    .map(({ kinded, ...any }) => setEntry(kinded.path, any.json, any.time, any.condition, kinded.kinds, any.stamp)),
  path.map((any) => deleteEntry(any)),
  fc.record({ path, time }).map((any) => expireEntry(any.path, any.time)),
  fc
    .record({ kinded: kindedPath, amount: finite, time })
    .map(({ kinded, ...any }) => addEntry(kinded.path, any.amount, any.time, kinded.kinds)),
  fc
    .record({ path, json, expiresAt: fc.oneof(time, fc.constant(KEEP)), stamp })
    .map((any) => patchEntry(any.path, `{"set":{"a":${any.json}}}`, any.expiresAt, any.stamp)),
  fc.tuple(kindedPath, json, time).map(([any, to, at]) => swapEntry(any.path, `{"to":${to}}`, at, any.kinds)),
  fc.oneof(fc.constant(clearEntry()), key.map(leftEntry)),
);
const stateEntry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ key, json, time }).map((any) => slotEntry(any.key, any.json, any.time)),
  fc.record({ path, json }).map((any) => setEntry(any.path, any.json)),
  fc.record({ path, time }).map((any) => expireEntry(any.path, any.time)),
);
const entries = fc.array(batchEntry, { maxLength: 8 });
const content = fc.oneof(
  entries.map((list) => ({ kind: BATCH, list })),
  fc.array(stateEntry, { maxLength: 8 }).map((list) => ({ kind: STATE, list })),
);

/** A frame with these bytes as its body. */
const framed = (body: Buffer): Buffer => Buffer.concat([Buffer.alloc(HEADER_BYTES), body]);

/** What both ways of reading make of a body: the entries, or the error that both throw. */
function read(buffer: Buffer, start: number, end: number): Entry[] | MalformedError {
  try {
    checkEntries(buffer, start, end);
  } catch (error) {
    assert.ok(error instanceof MalformedError, `${error}`);
    return error;
  }
  return decodeEntries(buffer, start, end);
}

test("entries come back as they went in, wherever the frame lies", () => {
  fc.assert(
    fc.property(content, fc.nat(9), ({ kind, list }, before) => {
      const frame = encodeEntries(list, kind, { seq: 4 });
      assert.ok(isIntact(frame, 0, frame.length) && kindOf(frame, 0) === kind);
      const buffer = Buffer.concat([Buffer.alloc(before, 0xee), frame, Buffer.alloc(3, 0xee)]);
      checkEntries(buffer, before, before + frame.length);
      assert.deepEqual(decodeEntries(buffer, before, before + frame.length), list);
    }),
    { numRuns: 1000 },
  );
});

test("keys at the edges of what one, two and three bytes can carry come back as they went in", () => {
  for (const unit of [0, 127, 128, 255, 256, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0xffff]) {
    for (const length of [1, 31, 32, 33]) {
      const key = `${"k".repeat(length - 1)}${String.fromCharCode(unit)}`;
      const frame = encodeEntries([setEntry([key], "1")]);
      assert.deepEqual(decodeEntries(frame, 0, frame.length)[0]?.path, [key]);
    }
  }
});

test("every truncation of a body is malformed, and so is anything after it", () => {
  fc.assert(
    fc.property(entries, (list) => {
      const frame = encodeEntries(list);
      for (let end = HEADER_BYTES; end < frame.length; end++) {
        assert.ok(read(frame, 0, end) instanceof MalformedError);
        assert.throws(() => decodeEntries(frame, 0, end), MalformedError);
      }
      const longer = Buffer.concat([frame, Buffer.alloc(1)]);
      assert.throws(() => checkEntries(longer, 0, longer.length), MalformedError);
      assert.throws(() => decodeEntries(longer, 0, longer.length), MalformedError);
    }),
    { numRuns: 20 },
  );
});

test("whatever the bytes are, both readers agree, and throw nothing but MalformedError", (t) => {
  let count = 0;
  const isAgreed = (frame: Buffer) => {
    count++;
    const checked = read(frame, 0, frame.length);
    if (checked instanceof MalformedError && !checked.message.includes("nested")) {
      assert.throws(() => decodeEntries(frame, 0, frame.length), MalformedError);
    }
  };
  fc.assert(
    fc.property(entries, fc.nat(), fc.nat(255), (list, at, value) => {
      const frame = encodeEntries(list);
      frame[HEADER_BYTES + (at % (frame.length - HEADER_BYTES))] = value;
      isAgreed(frame);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (body) => isAgreed(framed(Buffer.from(body)))),
    { numRuns: 1000 },
  );
  t.diagnostic(`${count} bodies`);
});

test("a value without text, an unknown operation and a number that is none are malformed", () => {
  const set = encodeEntries([setEntry(["a"], "1")]);
  set.writeUInt32LE(0, set.length - 5);
  const add = encodeEntries([addEntry(["a"], 1)]);
  add.writeDoubleLE(Number.NaN, add.length - 8);
  const unknown = encodeEntries([clearEntry()]);
  unknown[HEADER_BYTES + 4] = 0;
  const patch = encodeEntries([patchEntry(["a"], "{}")]);
  patch.writeUInt32LE(0, patch.length - 6);
  const huge = framed(Buffer.from([0xff, 0xff, 0xff, 0xff, CLEAR, 0, 0]));
  const pathless = framed(Buffer.from([1, 0, 0, 0, DELETE, 0, 0]));
  const clearing = framed(Buffer.from([1, 0, 0, 0, CLEAR, 1, 0, 0, 0]));
  for (const frame of [
    set.subarray(0, -1),
    patch.subarray(0, -2),
    add,
    unknown,
    huge,
    pathless,
    clearing,
    framed(Buffer.alloc(0)),
  ]) {
    assert.ok(read(frame, 0, frame.length) instanceof MalformedError);
    assert.throws(() => decodeEntries(frame, 0, frame.length), MalformedError);
  }
});

test("a batch holds no slots, and a snapshot nothing but slots and what is in them", () => {
  const isRefused = (frame: Buffer) => {
    assert.ok(read(frame, 0, frame.length) instanceof MalformedError);
    assert.throws(() => decodeEntries(frame, 0, frame.length), MalformedError);
  };
  isRefused(encodeEntries([slotEntry("a", "1", 0)], BATCH));
  for (const foreign of [deleteEntry(["a"]), addEntry(["a"], 1), clearEntry(), patchEntry(["a"], "{}")]) {
    isRefused(encodeEntries([foreign], STATE));
  }
});

test("an empty batch is four bytes", () => {
  const frame = encodeEntries([]);
  assert.deepEqual([frame.length, kindOf(frame, 0)], [HEADER_BYTES + 4, BATCH]);
  assert.deepEqual(decodeEntries(frame, 0, frame.length), []);
});

test("keys and paths have limits, and what is too long changes nothing", () => {
  for (const longest of [
    "a".repeat(MAX_KEY_BYTES),
    "é".repeat(MAX_KEY_BYTES >> 1),
    "\ud800".repeat(MAX_KEY_BYTES >> 1),
  ]) {
    const list = [deleteEntry([longest])];
    const frame = encodeEntries(list);
    assert.deepEqual(read(frame, 0, frame.length), list);
    assert.throws(() => encodeEntries([deleteEntry([`${longest}aa`])]), RangeError);
  }
  const path = new Array(MAX_DEPTH).fill("k");
  const frame = encodeEntries([deleteEntry(path)]);
  assert.deepEqual(read(frame, 0, frame.length), [deleteEntry(path)]);
  assert.throws(() => encodeEntries([deleteEntry([...path, "k"])]), RangeError);
});

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

test("path and value together are nested at most MAX_DEPTH deep", () => {
  for (const steps of [1, 2, 100, 400, MAX_DEPTH - 1, MAX_DEPTH]) {
    const path = new Array(steps).fill("k");
    const deepest = MAX_DEPTH - (steps - 1);
    const fits = encodeEntries([setEntry(path, nested(deepest))]);
    checkEntries(fits, 0, fits.length);
    const tooDeep = encodeEntries([setEntry(path, nested(deepest + 1))]);
    assert.throws(() => checkEntries(tooDeep, 0, tooDeep.length), MalformedError, `${steps} steps`);
  }
});

test("a value in a patch is as deep as it is in the object", () => {
  for (const steps of [1, 2, 100, MAX_DEPTH - 1, MAX_DEPTH]) {
    const path = new Array(steps).fill("k");
    const deepest = MAX_DEPTH - steps;
    for (const part of ["set", "match"]) {
      const patch = (depth: number) => patchEntry(path, `{"${part}":{"a":${depth === 0 ? "1" : nested(depth)}}}`);
      const fits = encodeEntries([patch(deepest)]);
      checkEntries(fits, 0, fits.length);
      const tooDeep = encodeEntries([patch(deepest + 1)]);
      assert.throws(() => checkEntries(tooDeep, 0, tooDeep.length), MalformedError, `${steps} steps`);
    }
  }
});

test("a batch of many mebibytes is encoded, and a small one after it", () => {
  const long = JSON.stringify("é".repeat(3_000_000));
  const list = [setEntry(["a"], long), setEntry(["b"], "1")];
  const frame = encodeEntries(list);
  assert.deepEqual(decodeEntries(frame, 0, frame.length), list);
  assert.equal(encodeEntries([setEntry(["a"], "1")]).length, HEADER_BYTES + 4 + 3 + 3 + 4 + 1);
});

test("a departure is a path of one key with a type of its own, and stands in batches alone", () => {
  const frame = encodeEntries([leftEntry("a1")]);
  assert.deepEqual([...frame.subarray(HEADER_BYTES)], [1, 0, 0, 0, 0b0100_0000, 1, 0, 2, 0, ...Buffer.from("a1")]);
  assert.deepEqual(decodeEntries(frame, 0, frame.length), [leftEntry("a1")]);
  assert.equal(leftEntry("a1").type, LEFT);
  const inState = encodeEntries([leftEntry("a1")], STATE);
  assert.throws(() => checkEntries(inState, 0, inState.length), MalformedError);
  assert.throws(() => decodeEntries(inState, 0, inState.length), MalformedError);
});

test("a stamp stands in the first 4,096 entries of a batch, and has a field", () => {
  const stamped = setEntry(["k"], "{}", 0, ALWAYS, BY_TEXT, "at");
  const isRead = (frame: Buffer) => Array.isArray(read(frame, 0, frame.length));
  const after = (count: number) => [...Array.from({ length: count }, () => clearEntry()), stamped];
  assert.equal(isRead(encodeEntries(after(4095))), true);
  assert.equal(isRead(encodeEntries(after(4096))), false);
  assert.equal(isRead(encodeEntries([stamped], STATE)), false);
  const nameless = encodeEntries([{ ...stamped, stamp: "a" }]);
  nameless.writeUInt16LE(0, nameless.indexOf("k") + 1);
  assert.equal(isRead(Buffer.concat([nameless.subarray(0, nameless.indexOf("k") + 3), nameless.subarray(-6)])), false);
});

test("unknown bits of an entry, a condition of what has none, and numbers that are not finite, are malformed", () => {
  const frame = encodeEntries([addEntry(["n"], 1, 5)]);
  const expectMalformed = (changed: Buffer) => {
    assert.throws(() => decodeEntries(changed, 0, changed.length), MalformedError);
    assert.throws(() => checkEntries(changed, 0, changed.length), MalformedError);
  };
  const expectRefused = (entry: Entry, bit: number) => {
    const changed = encodeEntries([entry]);
    changed[HEADER_BYTES + 4] = (changed[HEADER_BYTES + 4] as number) | bit;
    expectMalformed(changed);
  };
  for (const bit of [0x08, 0x10, 0x40, 0x80]) expectRefused(addEntry(["n"], 1, 5), bit);
  for (const bit of [0x40, 0x80]) expectRefused(setEntry(["n"], "1"), bit);
  for (const bit of [0x01, 0x08, 0x10, 0x80]) expectRefused(leftEntry("a1"), bit);
  for (const number of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
    for (const place of [frame.length - 8, frame.length - 16]) {
      const changed = Buffer.from(frame);
      changed.writeDoubleLE(number, place);
      expectMalformed(changed);
    }
  }
});
