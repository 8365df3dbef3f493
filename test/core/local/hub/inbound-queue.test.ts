import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Arrival, bytesOf, enqueue, stamp, takeBytes } from "../../../../dist/core/local/hub/inbound-queue.js";
import { isIntact, lengthOf, seqOf, timeOf } from "../../../../dist/core/log/frame.js";
import { batchFrame } from "../machine/manual-machine.js";

/** Puts frames side by side into one buffer and queues them. */
function arrive(queue: Arrival<string>[], member: string, frames: readonly Buffer[]): Buffer {
  const buffer = Buffer.concat(frames);
  for (let at = 0; at < buffer.length; at += lengthOf(buffer, at)) {
    enqueue(queue, member, buffer, at, at + lengthOf(buffer, at));
  }
  return buffer;
}

/** The seqs of the frames of arrivals, each of which must be sound. */
function seqsOf(arrivals: readonly Arrival<string>[]): number[] {
  return arrivals.flatMap((arrival) => {
    const seqs: number[] = [];
    for (let at = arrival.start; at < arrival.end; at += lengthOf(arrival.buffer, at)) {
      assert.ok(isIntact(arrival.buffer, at, at + lengthOf(arrival.buffer, at)));
      seqs.push(seqOf(arrival.buffer, at));
    }
    assert.equal(seqs.length, arrival.count);
    assert.equal(seqs[0], arrival.seq);
    return seqs;
  });
}

test("frames side by side of one member are one arrival; others are not", () => {
  const queue: Arrival<string>[] = [];
  const chunk = arrive(queue, "a", [batchFrame(1), batchFrame(2), batchFrame(3)]);
  assert.deepEqual(
    queue.map(({ member, count }) => [member, count]),
    [["a", 3]],
  );
  arrive(queue, "a", [batchFrame(4)]);
  arrive(queue, "b", [batchFrame(1)]);
  enqueue(queue, "a", chunk, 0, batchFrame(1).length);
  enqueue(queue, "a", chunk, batchFrame(1).length * 2, chunk.length);
  assert.deepEqual(
    queue.map(({ member, count }) => [member, count]),
    [
      ["a", 3],
      ["a", 1],
      ["b", 1],
      ["a", 1],
      ["a", 1],
    ],
  );
  assert.ok(bytesOf(queue[0] as Arrival<string>).equals(chunk));
  const shared: Arrival<string>[] = [];
  const first = batchFrame(1).length;
  enqueue(shared, "a", chunk, 0, first);
  enqueue(shared, "b", chunk, first, first * 2);
  assert.deepEqual(
    shared.map(({ member, count }) => [member, count]),
    [
      ["a", 1],
      ["b", 1],
    ],
  );
});

test("stamped frames have the next seqs and the time, and are sound", () => {
  const queue: Arrival<string>[] = [];
  const chunk = arrive(queue, "a", [batchFrame(1), batchFrame(2, "long ".repeat(50)), batchFrame(3)]);
  const [arrival] = queue as [Arrival<string>];
  assert.equal(stamp(arrival, 7, 41, 1234), true);
  assert.deepEqual(seqsOf(queue), [42, 43, 44]);
  assert.deepEqual([arrival.seq, arrival.time, arrival.count], [42, 1234, 3]);
  assert.equal(timeOf(chunk, 0), 1234);
});

test("stamping stops before the first damaged frame, wherever it is", () => {
  for (let damaged = 0; damaged < 3; damaged++) {
    const queue: Arrival<string>[] = [];
    const frames = [batchFrame(1), batchFrame(2), batchFrame(3)];
    const bad = frames[damaged] as Buffer;
    bad[bad.length - 2] = (bad.at(-2) as number) ^ 4;
    arrive(queue, "a", frames);
    const [arrival] = queue as [Arrival<string>];
    assert.equal(stamp(arrival, 1, 0, 5), false);
    assert.equal(arrival.count, damaged);
    assert.equal(bytesOf(arrival).length, batchFrame(1).length * damaged);
    if (damaged > 0) assert.deepEqual(seqsOf(queue), damaged === 1 ? [1] : [1, 2]);
  }
});

test("what was taken and what is left are together what was there, however often it is cut", () => {
  const chunks = fc.array(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }), { maxLength: 6 });
  const cuts = fc.array(fc.nat(8), { maxLength: 12 });
  fc.assert(
    fc.property(chunks, cuts, (sizes, steps) => {
      const queue: Arrival<string>[] = [];
      let number = 0;
      for (const [index, chunk] of sizes.entries()) {
        arrive(
          queue,
          index % 2 ? "a" : "b",
          chunk.map((size) => batchFrame(++number, "x".repeat(size))),
        );
      }
      let seq = 0;
      for (const arrival of queue) {
        assert.ok(stamp(arrival, 1, seq, 9));
        seq += arrival.count;
      }
      const all = Buffer.concat(queue.map(bytesOf));
      const lengths: number[] = [];
      for (let at = 0; at < all.length; at += lengthOf(all, at)) lengths.push(lengthOf(all, at));
      const taken: Arrival<string>[] = [];
      for (const step of [...steps, number]) {
        const bytes = lengths.splice(0, step).reduce((sum, length) => sum + length, 0);
        const part = takeBytes(queue, bytes);
        assert.equal(
          part.reduce((sum, arrival) => sum + bytesOf(arrival).length, 0),
          bytes,
        );
        taken.push(...part);
        seqsOf(queue);
      }
      assert.deepEqual(queue, []);
      assert.ok(Buffer.concat(taken.map(bytesOf)).equals(all));
      assert.deepEqual(
        seqsOf(taken),
        Array.from({ length: number }, (_, index) => index + 1),
      );
    }),
  );
});
