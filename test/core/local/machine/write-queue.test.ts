/** What a connection does with more than the operating system takes at once. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Writable } from "node:stream";
import { test } from "node:test";
import { WriteQueue } from "../../../../dist/core/local/machine/write-queue.js";

const STEP_BYTES = 256 * 1024;

/** A stream whose reader takes what was handed over when the test says so. */
class Reader extends Writable {
  readonly taken: Buffer[] = [];
  /** Bytes of each write that was handed over. */
  readonly handed: number[] = [];
  #done: ((error?: Error) => void) | null = null;

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#take([chunk], done);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.taken);
  }

  #take(chunks: Buffer[], done: (error?: Error) => void): void {
    this.taken.push(...chunks);
    this.handed.push(Buffer.concat(chunks).length);
    this.#done = done;
  }

  /** The write at hand is over, or has failed. */
  async go(error?: Error): Promise<void> {
    const done = this.#done;
    this.#done = null;
    done?.(error);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

test("little is handed over at once, as it is", () => {
  const reader = new Reader();
  const queue = new WriteQueue(reader);
  const frames = [randomBytes(10), randomBytes(1000)];
  queue.write(frames);
  assert.deepEqual([reader.handed, queue.queuedBytes], [[1010], 1010]);
  assert.equal(reader.taken[0], frames[0], "without a copy");
});

test("much is handed over in steps, each when the one before is taken, so the queue shrinks as the reader takes it", async () => {
  const reader = new Reader();
  const queue = new WriteQueue(reader);
  const frames = [700_000, 10, 300_000, 5].map((length) => randomBytes(length));
  const all = Buffer.concat(frames);
  queue.write(frames.slice(0, 2));
  queue.write(frames.slice(2));
  assert.equal(queue.queuedBytes, all.length);
  let left = all.length;
  while (left > 0) {
    await reader.go();
    assert.ok(
      queue.queuedBytes < left && left - queue.queuedBytes <= STEP_BYTES,
      `${left} became ${queue.queuedBytes}`,
    );
    left = queue.queuedBytes;
  }
  assert.ok(reader.bytes.equals(all));
  assert.ok(reader.handed.every((bytes) => bytes <= STEP_BYTES) && reader.handed.length <= 6, `${reader.handed}`);
});

test("what is written while other bytes are on their way keeps its order, whatever the sizes", async () => {
  for (let round = 0; round < 20; round++) {
    const reader = new Reader();
    const queue = new WriteQueue(reader);
    const written: Buffer[] = [];
    for (let index = 0; index < 60; index++) {
      const sizes = [1, 100, STEP_BYTES / 2, STEP_BYTES / 2 + 1, STEP_BYTES, 3 * STEP_BYTES + 7];
      const frames = Array.from({ length: 1 + (index % 3) }, () =>
        randomBytes(sizes[(index * 7 + round) % 6] as number),
      );
      written.push(...frames);
      queue.write(frames);
      if ((index + round) % 4 === 0) await reader.go();
    }
    queue.end();
    while (!reader.writableFinished) await reader.go();
    assert.ok(reader.bytes.equals(Buffer.concat(written)));
    assert.equal(queue.queuedBytes, 0);
  }
});

test("the stream ends after all that was written, at once when nothing waits", async () => {
  const reader = new Reader();
  const queue = new WriteQueue(reader);
  queue.write([randomBytes(3 * STEP_BYTES)]);
  queue.end();
  assert.equal(reader.writableEnded, false);
  for (let step = 0; step < 3; step++) await reader.go();
  assert.deepEqual([reader.bytes.length, reader.writableEnded], [3 * STEP_BYTES, true]);
  const idle = new Reader();
  new WriteQueue(idle).end();
  assert.equal(idle.writableEnded, true);
});

test("a stream that is destroyed, or fails, is given nothing more, and nothing waits any longer", async () => {
  const [destroyed, failed] = [new Reader(), new Reader()];
  const queues = [destroyed, failed].map((reader) => {
    const queue = new WriteQueue(reader);
    queue.write([randomBytes(10 * STEP_BYTES)]);
    return queue;
  });
  destroyed.destroy();
  const error = once(failed, "error");
  await failed.go(new Error("broken pipe"));
  await error;
  for (const reader of [destroyed, failed]) {
    await reader.go();
    assert.equal(reader.handed.length, 1);
  }
  queues[0]?.write([randomBytes(STEP_BYTES)]);
  for (const queue of queues) {
    queue.end();
    assert.ok(queue.queuedBytes <= STEP_BYTES, `${queue.queuedBytes}`);
  }
});
