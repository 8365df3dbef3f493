import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../dist/core/local/connection.js";
import { Delivery } from "../../dist/core/local/delivery.js";
import { encodeEntries } from "../../dist/core/log/codec.js";
import { setEntry } from "../../dist/core/log/entry.js";
import { BATCH, encodeJson, SEGMENT, seqOf } from "../../dist/core/log/frame.js";
import type { LogSink } from "../../dist/core/log/log.js";

const OWN_BYTES = 100;
const START = { epoch: 3, segment: 2, offset: 1000, seq: 10, time: 500 };

function batch(seq: number, time = 500 + seq): Buffer {
  return encodeEntries([setEntry(["key"], `${seq}`)], BATCH, { epoch: 3, seq, time });
}

/** A delivery behind `START`, and what it told its sink. */
function begun(): { delivery: Delivery; told: string[]; take: (frame: Buffer) => void } {
  const told: string[] = [];
  const sink = {
    batch: (buffer: Buffer, start: number) => told.push(`batch ${seqOf(buffer, start)}`),
    confirmed(seq: number, time: number) {
      told.push(`confirmed ${seq} at ${time}`);
      return OWN_BYTES;
    },
  } as unknown as LogSink;
  const delivery = new Delivery(sink, START);
  return { delivery, told, take: (frame) => delivery.batch(frame, 0, frame.length) };
}

test("batches of others are delivered in order, and the mark follows them", () => {
  const { delivery, told, take } = begun();
  assert.deepEqual(delivery.mark, { ...START, bytes: 0 });
  take(batch(11));
  take(batch(12));
  assert.deepEqual(told, ["batch 11", "batch 12"]);
  const bytes = batch(12).length;
  assert.deepEqual(delivery.mark, { ...START, offset: 1000 + bytes * 2, seq: 12, time: 512, bytes });
});

test("a frame that lies in the middle of a chunk counts by its own bytes", () => {
  const { delivery, told } = begun();
  const frame = batch(11);
  delivery.batch(Buffer.concat([Buffer.alloc(33), frame, Buffer.alloc(5)]), 33, 33 + frame.length);
  assert.deepEqual(told, ["batch 11"]);
  assert.equal(delivery.mark.offset, 1000 + frame.length);
});

test("batches behind own ones wait until those are confirmed", () => {
  const { delivery, told, take } = begun();
  take(batch(11));
  take(batch(14));
  take(batch(15));
  take(batch(17));
  assert.deepEqual(told, ["batch 11"]);
  assert.equal(delivery.mark.seq, 11);
  delivery.confirm(12, 2, 512);
  assert.deepEqual(told.slice(1), ["confirmed 12 at 512", "confirmed 13 at 512", "batch 14", "batch 15"]);
  delivery.confirm(16, 1, 516);
  assert.deepEqual(told.slice(5), ["confirmed 16 at 516", "batch 17"]);
  const bytes = batch(11).length * 4 + OWN_BYTES * 3;
  assert.deepEqual(delivery.mark, {
    ...START,
    offset: 1000 + bytes,
    seq: 17,
    time: 517,
    bytes: batch(17).length,
  });
});

test("a new segment moves the mark behind its first frame", () => {
  const { delivery, take } = begun();
  take(batch(11));
  const head = encodeJson(SEGMENT, { epoch: 4, seq: 11, time: 511, number: 1 }, { format: 2 });
  delivery.segment(head, 0);
  assert.deepEqual(delivery.mark, { epoch: 4, segment: 1, offset: head.length, seq: 11, time: 511, bytes: 0 });
  take(batch(12));
  assert.equal(delivery.mark.offset, head.length + batch(12).length);
});

test("what does not follow is refused, and nothing of it is delivered", () => {
  const flipped = batch(11);
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1;
  const wrong: Array<[string, (delivery: Delivery, take: (frame: Buffer) => void) => void]> = [
    ["a batch again", (_, take) => take(batch(10))],
    ["seq 0", (_, take) => take(batch(0))],
    ["a damaged batch", (_, take) => take(flipped)],
    ["a damaged batch behind a gap", (_, take) => take(Object.assign(batch(13), { 60: 0xff }))],
    ["a confirm of the past", (delivery) => delivery.confirm(10, 1, 510)],
    ["a confirm behind a gap", (delivery) => delivery.confirm(12, 1, 512)],
    ["a segment behind a gap", (delivery) => delivery.segment(encodeJson(SEGMENT, { epoch: 4, seq: 11 }, {}), 0)],
    ["a segment of the past", (delivery) => delivery.segment(encodeJson(SEGMENT, { epoch: 4, seq: 9 }, {}), 0)],
  ];
  for (const [what, act] of wrong) {
    const { delivery, told, take } = begun();
    assert.throws(() => act(delivery, take), ProtocolError, what);
    assert.deepEqual(told, [], what);
    assert.deepEqual(delivery.mark, { ...START, bytes: 0 }, what);
  }
});
