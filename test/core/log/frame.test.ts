import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  address,
  BATCH,
  bornOf,
  checkAndStamp,
  crcOf,
  decodeJson,
  encodeFrame,
  encodeJson,
  epochOf,
  FrameLengthError,
  FrameSplitter,
  HEADER_BYTES,
  isFrameLength,
  isIntact,
  kindOf,
  lengthOf,
  numberOf,
  originOf,
  SEGMENT,
  seqOf,
  timeOf,
  writeHeader,
} from "../../../dist/core/log/frame.js";
import { MAX_FRAME_BYTES } from "../../../dist/core/log/limits.js";

const STAMP = { epoch: 7, seq: 2 ** 40, time: 1_700_000_000_123, origin: 2 ** 52 - 1, born: 12, number: 3 };

function frame(bodyBytes: number, seq = 1): Buffer {
  const body = Buffer.from(Array.from({ length: bodyBytes }, (_, index) => (index * 31 + seq) & 0xff));
  return encodeFrame(BATCH, { ...STAMP, seq }, body);
}

/** Pushes chunks and returns copies of the frames that come out. */
function split(splitter: FrameSplitter, chunks: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = [];
  for (const chunk of chunks) {
    splitter.push(chunk, (buffer, start, end) => {
      out.push(Buffer.from(buffer.subarray(start, end)));
      return true;
    });
  }
  return out;
}

test("a header gives back what was put in, and a frame without a body is intact", () => {
  for (const bytes of [0, 1, 1000]) {
    const made = frame(bytes, STAMP.seq);
    assert.deepEqual(
      [lengthOf(made, 0), kindOf(made, 0), isIntact(made, 0, made.length)],
      [HEADER_BYTES + bytes, BATCH, true],
    );
    assert.deepEqual([epochOf(made, 0), seqOf(made, 0), timeOf(made, 0)], [STAMP.epoch, STAMP.seq, STAMP.time]);
    assert.deepEqual([originOf(made, 0), bornOf(made, 0), numberOf(made, 0)], [STAMP.origin, STAMP.born, STAMP.number]);
  }
  assert.deepEqual(decodeJson(encodeJson(SEGMENT, {}, { a: ["é"] }), 0, encodeJson(SEGMENT, {}, { a: ["é"] }).length), {
    a: ["é"],
  });
});

test("every flipped byte of a frame is noticed, with every mask of one bit and more", (t) => {
  let faults = 0;
  for (const bytes of [0, 40]) {
    const made = frame(bytes);
    for (let at = 0; at < made.length; at++) {
      for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 0x55, 0xff]) {
        const copy = Buffer.from(made);
        copy[at] = (copy[at] as number) ^ mask;
        const length = lengthOf(copy, 0);
        const isNoticed = !isFrameLength(length) || length > copy.length || !isIntact(copy, 0, length);
        assert.ok(isNoticed, `byte ${at} ^ ${mask}`);
        faults++;
      }
    }
  }
  t.diagnostic(`${faults} flipped bytes`);
});

test("a frame that is followed by others is not intact with another length", () => {
  const stream = Buffer.concat([frame(64), Buffer.alloc(200), frame(10)]);
  for (let end = HEADER_BYTES; end <= stream.length; end++)
    assert.equal(isIntact(stream, 0, end), end === HEADER_BYTES + 64);
});

test("stamping keeps body and origin, and refuses a corrupt frame and leaves it as it is", () => {
  const made = frame(30);
  assert.equal(checkAndStamp(made, 0, made.length, 9, 100, 200), true);
  assert.deepEqual([epochOf(made, 0), seqOf(made, 0), timeOf(made, 0), originOf(made, 0)], [9, 100, 200, STAMP.origin]);
  assert.equal(isIntact(made, 0, made.length), true);
  assert.equal(
    crcOf(made, 0),
    crcOf(encodeFrame(BATCH, { ...STAMP, epoch: 9, seq: 100, time: 200 }, made.subarray(HEADER_BYTES)), 0),
  );
  made[60] = (made[60] as number) ^ 1;
  const before = Buffer.from(made);
  assert.equal(checkAndStamp(made, 0, made.length, 1, 1, 1), false);
  assert.deepEqual(made, before);
});

test("a frame can be addressed again", () => {
  const made = frame(30);
  address(made, 5, 6, 7);
  assert.deepEqual([originOf(made, 0), bornOf(made, 0), numberOf(made, 0)], [5, 6, 7]);
  assert.equal(isIntact(made, 0, made.length), true);
});

test("a stream that is cut in two at any place, or byte by byte, gives the same frames", () => {
  const frames = [frame(0, 1), frame(1, 2), frame(100, 3), frame(0, 4)];
  const stream = Buffer.concat(frames);
  for (let at = 0; at <= stream.length; at++) {
    assert.deepEqual(split(new FrameSplitter(1000), [stream.subarray(0, at), stream.subarray(at)]), frames);
  }
  const bytes = [...stream].map((byte) => Buffer.from([byte]));
  assert.deepEqual(split(new FrameSplitter(1000), bytes), frames);
});

test("a stream that is cut anywhere gives the same frames", () => {
  const sizes = fc.array(fc.nat(300), { maxLength: 12 });
  const cuts = fc.array(fc.nat(3000), { maxLength: 12 });
  fc.assert(
    fc.property(sizes, cuts, (bodies, places) => {
      const frames = bodies.map((bytes, index) => frame(bytes, index + 1));
      const stream = Buffer.concat(frames);
      const sorted = [0, ...places.map((place) => Math.min(place, stream.length)), stream.length].sort((a, b) => a - b);
      const chunks = sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
      assert.deepEqual(split(new FrameSplitter(1000), chunks), frames);
    }),
  );
});

test("an unfinished frame is not passed on, and a visitor that stops gets no more", () => {
  const [a, b] = [frame(10, 1), frame(10, 2)] as const;
  assert.deepEqual(split(new FrameSplitter(1000), [Buffer.concat([a, b]).subarray(0, a.length + b.length - 1)]), [a]);
  let visits = 0;
  new FrameSplitter(1000).push(Buffer.concat([a, b]), () => {
    visits++;
    return false;
  });
  assert.equal(visits, 1);
});

test("a length that no frame has is refused as soon as it is known, however it arrives", () => {
  for (const length of [0, 1, HEADER_BYTES - 1, 1001, 2 ** 31, 2 ** 32 - 1]) {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length);
    assert.throws(() => split(new FrameSplitter(1000), [head]), FrameLengthError);
    assert.throws(() => split(new FrameSplitter(1000), [frame(4), head]), FrameLengthError);
    assert.throws(() => split(new FrameSplitter(1000), [head.subarray(0, 2), head.subarray(2)]), FrameLengthError);
  }
  assert.equal(split(new FrameSplitter(1000), [frame(1000 - HEADER_BYTES)]).length, 1);
  assert.throws(() => split(new FrameSplitter(1000), [frame(1001 - HEADER_BYTES)]), FrameLengthError);
});

test("a frame longer than the limit is not created", () => {
  assert.throws(() => writeHeader(Buffer.alloc(HEADER_BYTES), 0, MAX_FRAME_BYTES + 1, BATCH, {}), RangeError);
});
