import assert from "node:assert/strict";
import { test } from "node:test";
import { BLOCK_BYTES } from "../../../../dist/core/local/disk/frame-scanner.js";
import { nextIntactFrame } from "../../../../dist/core/local/disk/resync.js";
import { BATCH, seqOf } from "../../../../dist/core/log/frame.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { frameOf } from "./stored.js";

function find(content: Buffer, isPlausible = (_buffer: Buffer, _at: number) => true): number {
  const files = new MemoryFiles();
  files.put("/file", content);
  return nextIntactFrame(files, files.open("/file", "read"), 0, BATCH, isPlausible);
}

test("a frame is found at every place around the end of a block", () => {
  const frame = frameOf(1, 1);
  for (let before = BLOCK_BYTES - frame.length - 2; before <= BLOCK_BYTES + 2; before++) {
    assert.equal(find(Buffer.concat([Buffer.alloc(before), frame])), before);
  }
});

test("a frame is found after bytes that look like one", () => {
  const [first, second] = [frameOf(1, 1), frameOf(2, 1)];
  const damaged = Buffer.from(first);
  damaged[70] = 0xff;
  const ones = Buffer.alloc(500, 1);
  assert.equal(find(Buffer.concat([damaged, ones, second])), damaged.length + ones.length);
  assert.equal(find(Buffer.concat([damaged.subarray(0, 60), second])), 60);
});

test("a frame that is cut off, corrupt or not plausible is not found", () => {
  const frame = frameOf(1, 1);
  assert.equal(find(frame.subarray(0, -1)), -1);
  assert.equal(find(Buffer.alloc(3 * BLOCK_BYTES, 1)), -1);
  assert.equal(
    find(frame, (buffer, at) => seqOf(buffer, at) === 2),
    -1,
  );
  assert.equal(
    find(Buffer.concat([frame, frameOf(2, 1)]), (buffer, at) => seqOf(buffer, at) === 2),
    frame.length,
  );
});
