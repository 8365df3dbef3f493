import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivery } from "../../../../dist/core/local/member/delivery.js";
import { ProtocolError } from "../../../../dist/core/local/wire/frame-connection.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { setEntry } from "../../../../dist/core/log/entry.js";
import { BATCH, encodeJson, SEGMENT, type Stamp, seqOf } from "../../../../dist/core/log/frame.js";
import type { LogSink } from "../../../../dist/core/log/log.js";

const OWN_BYTES = 100;
const MAX_HELD_BYTES = 1024;
const START = { epoch: 3, segment: 2, offset: 1000, seq: 10, time: 500 };

function batch(seq: number, time = 500 + seq): Buffer {
  return encodeEntries([setEntry(["key"], `${seq}`)], BATCH, { epoch: 3, seq, time });
}

/** A delivery after `START`, of a member that has sent nine batches, of which its sink knows `waiting`; the calls of the sink. */
function begun(waiting = 9): { delivery: Delivery; calls: string[]; take: (frame: Buffer) => void } {
  const calls: string[] = [];
  const sink = {
    batch: (buffer: Buffer, start: number) => calls.push(`batch ${seqOf(buffer, start)}`),
    confirmed(seq: number, time: number) {
      if (waiting-- === 0) return 0;
      calls.push(`confirmed ${seq} at ${time}`);
      return OWN_BYTES;
    },
  } as unknown as LogSink;
  const delivery = new Delivery(sink, START, MAX_HELD_BYTES);
  for (let count = 0; count < 9; count++) delivery.sent();
  return { delivery, calls, take: (frame) => delivery.batch(frame, 0, frame.length) };
}

test("batches of others are delivered in order, and the position follows them", () => {
  const { delivery, calls, take } = begun();
  assert.deepEqual(delivery.position, { ...START, bytes: 0 });
  take(batch(11));
  take(batch(12));
  assert.deepEqual(calls, ["batch 11", "batch 12"]);
  const bytes = batch(12).length;
  assert.deepEqual(delivery.position, { ...START, offset: 1000 + bytes * 2, seq: 12, time: 512, bytes });
});

test("a frame that lies in the middle of a chunk counts by its own bytes", () => {
  const { delivery, calls } = begun();
  const frame = batch(11);
  delivery.batch(Buffer.concat([Buffer.alloc(33), frame, Buffer.alloc(5)]), 33, 33 + frame.length);
  assert.deepEqual(calls, ["batch 11"]);
  assert.equal(delivery.position.offset, 1000 + frame.length);
});

test("batches after own ones wait until those are confirmed", () => {
  const { delivery, calls, take } = begun();
  take(batch(11));
  take(batch(14));
  take(batch(15));
  take(batch(17));
  assert.deepEqual(calls, ["batch 11"]);
  assert.equal(delivery.position.seq, 11);
  delivery.confirm(12, 2, 512);
  assert.deepEqual(calls.slice(1), ["confirmed 12 at 512", "confirmed 13 at 512", "batch 14", "batch 15"]);
  delivery.confirm(16, 1, 516);
  assert.deepEqual(calls.slice(5), ["confirmed 16 at 516", "batch 17"]);
  const bytes = batch(11).length * 4 + OWN_BYTES * 3;
  assert.deepEqual(delivery.position, {
    ...START,
    offset: 1000 + bytes,
    seq: 17,
    time: 517,
    bytes: batch(17).length,
  });
});

test("a new segment moves the position after its first frame", () => {
  const { delivery, take } = begun();
  take(batch(11));
  const head = encodeJson(SEGMENT, { epoch: 4, seq: 11, time: 511, number: 1 }, { format: 2 });
  delivery.segment(head, 0, head.length);
  assert.deepEqual(delivery.position, { epoch: 4, segment: 1, offset: head.length, seq: 11, time: 511, bytes: 0 });
  take(batch(12));
  assert.equal(delivery.position.offset, head.length + batch(12).length);
});

/** A segment that would follow, but for one thing. */
function segment(delivery: Delivery, wrong: Stamp): void {
  const head = encodeJson(SEGMENT, { epoch: 4, seq: 10, time: 500, number: 1, ...wrong }, {});
  delivery.segment(head, 0, head.length);
}

test("what does not follow is refused, and nothing of it is delivered", () => {
  const flipped = batch(11);
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1;
  const wrong: Array<[string, (delivery: Delivery, take: (frame: Buffer) => void) => void]> = [
    ["a batch again", (_, take) => take(batch(10))],
    ["seq 0", (_, take) => take(batch(0))],
    ["a corrupt batch", (_, take) => take(flipped)],
    ["a corrupt batch after a gap", (_, take) => take(Object.assign(batch(13), { 60: 0xff }))],
    ["a confirm of the past", (delivery) => delivery.confirm(10, 1, 510)],
    ["a confirm after a gap", (delivery) => delivery.confirm(12, 1, 512)],
    ["a confirm of more than was sent", (delivery) => delivery.confirm(11, 10, 511)],
    ["a confirm of half a batch", (delivery) => delivery.confirm(11, 0.5, 511)],
    ["a confirm of no number", (delivery) => delivery.confirm(11, Number.NaN, 511)],
    ["a confirm that is older", (delivery) => delivery.confirm(11, 1, 499)],
    ["a confirm of no time", (delivery) => delivery.confirm(11, 1, Number.NaN)],
    ["a batch that is older", (_, take) => take(batch(11, 499))],
    ["a batch of no seq", (_, take) => take(batch(Number.NaN, 511))],
    ["a batch of no time", (_, take) => take(batch(11, Number.NaN))],
    ["a batch at the end of time", (_, take) => take(batch(11, Infinity))],
    ["a segment after a gap", (delivery) => segment(delivery, { seq: 11 })],
    ["a segment of the past", (delivery) => segment(delivery, { seq: 9 })],
    ["a segment that is older", (delivery) => segment(delivery, { time: 499 })],
    ["a segment of no number", (delivery) => segment(delivery, { number: -1 })],
  ];
  for (const [what, act] of wrong) {
    const { delivery, calls, take } = begun();
    assert.throws(() => act(delivery, take), ProtocolError, what);
    assert.deepEqual(calls, [], what);
    assert.deepEqual(delivery.position, { ...START, bytes: 0 }, what);
  }
});

test("what waits after a gap is in order, has room for what is confirmed, and is bounded", () => {
  const wrong: Array<[string, (delivery: Delivery, take: (frame: Buffer) => void) => void]> = [
    ["the same batch again", (_, take) => take(batch(14))],
    ["a batch before it", (_, take) => take(batch(13))],
    ["an older batch after it", (_, take) => take(batch(15, 513))],
    ["a confirm of its seq", (delivery) => delivery.confirm(11, 4, 511)],
    ["a confirm that is younger", (delivery) => delivery.confirm(11, 3, 515)],
    [
      "too much",
      (_, take) => {
        for (let seq = 15; seq < 15 + MAX_HELD_BYTES / batch(15).length; seq++) take(batch(seq));
      },
    ],
  ];
  for (const [what, act] of wrong) {
    const { delivery, calls, take } = begun();
    take(batch(14));
    assert.throws(() => act(delivery, take), ProtocolError, what);
    assert.deepEqual(calls, [], what);
  }
  const { delivery, take } = begun();
  for (let turn = 0; turn < 9; turn++) {
    const seq = 11 + turn * 9;
    for (let next = seq + 1; next < seq + 9; next++) take(batch(next));
    delivery.confirm(seq, 1, 500 + seq);
    assert.equal(delivery.position.seq, seq + 8, "what was delivered does not count any more");
  }
});

test("what was confirmed is not waited for any more", () => {
  const { delivery, calls } = begun(Infinity);
  delivery.confirm(11, 4, 511);
  delivery.confirm(15, 5, 511);
  assert.throws(() => delivery.confirm(20, 1, 511), ProtocolError);
  delivery.sent();
  delivery.confirm(20, 1, 511);
  assert.equal(calls.length, 10);
});

test("a confirm of what the sink does not wait for is refused", () => {
  const { delivery, calls } = begun(0);
  assert.throws(() => delivery.confirm(11, 1, 511), ProtocolError);
  assert.deepEqual(calls, []);
  assert.deepEqual(delivery.position, { ...START, bytes: 0 });
});
