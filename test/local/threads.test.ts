/** Compactions in real threads, of real files. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { diskFiles } from "../../dist/core/local/files.js";
import type { CompactRequest, CompactResult } from "../../dist/core/local/machine.js";
import { placeOf } from "../../dist/core/local/names.js";
import { workerThreads } from "../../dist/core/local/threads.js";
import { temporaryDirectory, until } from "../cluster/processes.js";
import { writeSegment } from "./stored.js";

/** A storage of one closed segment, in a directory of its own. */
function closedStorage(t: TestContext): CompactRequest {
  const place = placeOf(temporaryDirectory(t), "app");
  mkdirSync(place.directory);
  const segments = [writeSegment(diskFiles, 1, 1, [1, 20], null, place)];
  return { place, epoch: 1, snapshot: 0, segments };
}

/** Waits for a compaction, which alone keeps no process alive. */
async function compacted(request: CompactRequest): Promise<CompactResult> {
  const alive = setInterval(() => {}, 1000);
  try {
    return await new Promise((resolve, reject) => {
      workerThreads.compact(request, (error, result) => (result ? resolve(result) : reject(error)));
    });
  } finally {
    clearInterval(alive);
  }
}

/** How many threads this process has besides its main one. */
const threadCount = () => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;

test("a thread does one compaction after the other, and ends when there was none for 5 s", async (t) => {
  for (let round = 0; round < 2; round++) {
    assert.equal((await compacted(closedStorage(t))).snapshot, 20);
    assert.equal(threadCount(), 1);
    await sleep(3000);
  }
  assert.equal(threadCount(), 1);
  await until("the thread has ended", () => threadCount() === 0);
});

test("two at once have a thread each; one that fails says why, and its thread is not used again", async (t) => {
  const [request, other] = [closedStorage(t), closedStorage(t)];
  diskFiles.unlink(`${other.place.directory}/log.1.1`);
  const [whole, failed] = await Promise.allSettled([compacted(request), compacted(other)]);
  assert.equal(whole.status === "fulfilled" && whole.value.snapshot, 20);
  assert.equal(failed.status === "rejected" && failed.reason instanceof Error, true);
  await until("one thread is left", () => threadCount() === 1);
  assert.equal((await compacted(closedStorage(t))).snapshot, 20);
  assert.equal(threadCount(), 1);
});

test("one that is stopped is not heard of again, and the one behind it has a thread of its own", async (t) => {
  const stop = workerThreads.compact(closedStorage(t), () => assert.fail("expected not to hear of it"));
  stop();
  assert.equal((await compacted(closedStorage(t))).snapshot, 20);
  stop();
  assert.equal((await compacted(closedStorage(t))).snapshot, 20);
  await sleep(50);
});
