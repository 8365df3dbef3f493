import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FrameRun, InboundQueue } from "../../../../dist/core/local/hub/inbound-queue.js";
import { isIntact, lengthOf, seqOf, timeOf } from "../../../../dist/core/log/frame.js";
import { batchFrame } from "../machine/manual-machine.js";

/** Puts frames side by side into one buffer and queues them. */
function arrive(queue: InboundQueue<string>, member: string, frames: readonly Buffer[]): Buffer {
  const buffer = Buffer.concat(frames);
  for (let at = 0; at < buffer.length; at += lengthOf(buffer, at)) {
    queue.add(member, buffer, at, at + lengthOf(buffer, at));
  }
  return buffer;
}

/** Where the frames of a buffer begin. */
function startsOf(buffer: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 0; at < buffer.length; at += lengthOf(buffer, at)) starts.push(at);
  return starts;
}

/** The seqs of the frames of runs, each of which must be intact. */
function seqsOf(runs: readonly FrameRun<string>[]): number[] {
  return runs.flatMap(({ bytes, count, seq, length }) => {
    assert.equal(bytes.length, length);
    const seqs = startsOf(bytes).map((at) => {
      assert.ok(isIntact(bytes, at, at + lengthOf(bytes, at)));
      return seqOf(bytes, at);
    });
    assert.equal(seqs.length, count);
    assert.equal(seqs[0], seq);
    return seqs;
  });
}

/** The member of each stamped run, and how many frames it has. */
const runsOf = (queue: InboundQueue<string>) => queue.stamped.map(({ member, count }) => [member, count]);

test("frames of one member that lie side by side are one run; others are not", () => {
  const queue = new InboundQueue<string>(0);
  const chunk = arrive(queue, "a", [batchFrame(1), batchFrame(2), batchFrame(3)]);
  queue.stamp(1, 5);
  assert.deepEqual(runsOf(queue), [["a", 3]]);
  assert.ok(queue.stamped[0]?.bytes.equals(chunk));
  arrive(queue, "a", [batchFrame(4)]);
  arrive(queue, "b", [batchFrame(1)]);
  queue.add("a", chunk, 0, batchFrame(1).length);
  queue.add("a", chunk, batchFrame(1).length * 2, chunk.length);
  queue.stamp(1, 5);
  assert.deepEqual(runsOf(queue), [
    ["a", 3],
    ["a", 1],
    ["b", 1],
    ["a", 1],
    ["a", 1],
  ]);
  const shared = new InboundQueue<string>(0);
  const first = batchFrame(1).length;
  shared.add("a", chunk, 0, first);
  shared.add("b", chunk, first, first * 2);
  shared.stamp(1, 5);
  assert.deepEqual(runsOf(shared), [
    ["a", 1],
    ["b", 1],
  ]);
});

test("stamped frames have the next seqs and the time, and are intact", () => {
  const queue = new InboundQueue<string>(41);
  const chunk = arrive(queue, "a", [batchFrame(1), batchFrame(2, "long ".repeat(50)), batchFrame(3)]);
  assert.equal(queue.hasReceived, true);
  assert.equal(queue.stamp(7, 1234).size, 0);
  assert.deepEqual([queue.isEmpty, queue.hasReceived], [false, false]);
  assert.deepEqual(seqsOf(queue.stamped), [42, 43, 44]);
  assert.equal(queue.stamped[0]?.time, 1234);
  assert.equal(timeOf(chunk, 0), 1234);
});

test("stamping stops before the first corrupt frame of a member, wherever it is, and takes nothing after it", () => {
  for (let corrupt = 0; corrupt < 3; corrupt++) {
    const queue = new InboundQueue<string>(0);
    const frames = [batchFrame(1), batchFrame(2), batchFrame(3)];
    const bad = frames[corrupt] as Buffer;
    bad[bad.length - 2] = (bad.at(-2) as number) ^ 4;
    arrive(queue, "a", frames);
    arrive(queue, "b", [batchFrame(1)]);
    arrive(queue, "a", [batchFrame(4)]);
    assert.deepEqual([...queue.stamp(1, 5)], ["a"]);
    const expected: (string | number)[][] = [["b", 1]];
    if (corrupt > 0) expected.unshift(["a", corrupt]);
    assert.deepEqual(runsOf(queue), expected);
    assert.deepEqual(
      seqsOf(queue.stamped),
      Array.from({ length: corrupt + 1 }, (_, index) => index + 1),
    );
  }
});

test("what is retained is stamped again, with the seqs that follow the given one, in the order in which it came", () => {
  const queue = new InboundQueue<string>(0);
  for (const member of ["a", "b", "a"]) arrive(queue, member, [batchFrame(1)]);
  queue.stamp(1, 5);
  arrive(queue, "b", [batchFrame(2)]);
  queue.retain((member) => member === "b", 8);
  assert.deepEqual(runsOf(queue), []);
  queue.stamp(1, 6);
  assert.deepEqual(seqsOf(queue.stamped), [9, 10]);
  assert.deepEqual(
    queue.stamped.map(({ member, time }) => [member, time]),
    [
      ["b", 6],
      ["b", 6],
    ],
  );
});

test("what was taken and what is left are together what was stamped, however often it is cut", () => {
  const chunks = fc.array(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }), { maxLength: 6 });
  const cuts = fc.array(fc.nat(8), { maxLength: 12 });
  fc.assert(
    fc.property(chunks, cuts, (sizes, steps) => {
      const queue = new InboundQueue<string>(0);
      let number = 0;
      for (const [index, chunk] of sizes.entries()) {
        arrive(
          queue,
          index % 2 ? "a" : "b",
          chunk.map((size) => batchFrame(++number, "x".repeat(size))),
        );
      }
      assert.equal(queue.stamp(1, 9).size, 0);
      const all = Buffer.concat(queue.stamped.map(({ bytes }) => bytes));
      const lengths = startsOf(all).map((at) => lengthOf(all, at));
      const taken: FrameRun<string>[] = [];
      for (const step of [...steps, number]) {
        const wanted = lengths.splice(0, step).reduce((sum, length) => sum + length, 0);
        const part = queue.take(wanted);
        assert.equal(
          part.reduce((sum, { bytes }) => sum + bytes.length, 0),
          wanted,
        );
        taken.push(...part);
        seqsOf(queue.stamped);
      }
      assert.deepEqual([queue.stamped.length, queue.hasReceived], [0, false]);
      assert.ok(Buffer.concat(taken.map(({ bytes }) => bytes)).equals(all));
      assert.deepEqual(
        seqsOf(taken),
        Array.from({ length: number }, (_, index) => index + 1),
      );
    }),
  );
});
