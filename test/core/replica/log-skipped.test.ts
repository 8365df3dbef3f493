/** Batches of this member that the log has skipped, since it can no longer be known whether they were applied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAndStamp, originOf } from "../../../dist/core/log/frame.js";
import type { KnownOrigin } from "../../../dist/core/log/log.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import { openReplica, tick } from "./opened-replica.js";

const HOUR_MS = 60 * 60 * 1000;

/** A snapshot of seq 2 with these origins and nothing else. */
function restoring(open: ReturnType<typeof openReplica>, origins: KnownOrigin[]): void {
  const head = { seq: 2, time: open.now, level: 1, origins };
  open.replica.sink.restoring(head);
  for (const frame of originFrames(head)) open.replica.sink.restored(frame, 0, frame.length);
}

/** A member whose first batch was on its way for so long that the log does not know its origin any more, and a later one. */
async function withForgottenBatch() {
  const open = openReplica();
  open.join();
  const skipped = open.replica.increment("n");
  await tick();
  open.now += 25 * HOUR_MS;
  open.replica.set("kept", 1);
  await tick();
  return { open, skipped };
}

test("a batch that the log skipped before a snapshot is reported as forgotten, and a later one in it as confirmed", async () => {
  const { open, skipped } = await withForgottenBatch();
  const flushed = open.replica.flush();
  const [first, second] = open.sent.map((frame) => originOf(frame, 0));
  assert.notEqual(first, second);
  open.replica.sink.disconnected();
  restoring(open, [[second as number, 1, open.now]]);
  open.join();
  await assert.rejects(skipped, { code: "ERR_STORAGE_EXPIRED" });
  await assert.rejects(flushed, { code: "ERR_STORAGE_EXPIRED" });
  assert.deepEqual([open.replica.pendingCount, open.replica.get("n"), open.sent.length], [0, null, 2]);
});

test("a batch is found in a snapshot wherever in its many origins the one of this member is", async () => {
  for (const place of [0, 2729, 2730, 5999]) {
    const open = openReplica();
    open.join();
    const found = [open.replica.increment("n"), open.replica.flush()];
    await tick();
    const own = originOf(open.sent[0] as Buffer, 0);
    open.replica.sink.disconnected();
    const origins = Array.from({ length: 6000 }, (_, index): KnownOrigin => [own + 1 + index, 1, open.now]);
    origins[place] = [own, 1, open.now];
    restoring(open, origins);
    open.join();
    const [incremented, flushed] = await Promise.allSettled(found);
    assert.equal(
      incremented?.status === "rejected" && incremented.reason.code,
      "ERR_STORAGE_EXPIRED",
      "not applied here",
    );
    assert.equal(flushed?.status, "fulfilled");
    assert.deepEqual([open.replica.pendingCount, open.sent.length], [0, 1]);
  }
});

test("a batch that the log skipped is reported as forgotten when a later one comes from the files", async () => {
  const { open, skipped } = await withForgottenBatch();
  open.replica.sink.disconnected();
  const later = open.sent[1] as Buffer;
  assert(checkAndStamp(later, 0, later.length, 2, 1, open.now));
  open.replica.sink.batch(later, 0, later.length);
  await assert.rejects(skipped, { code: "ERR_STORAGE_EXPIRED" });
  const { pendingCount, pendingBytes } = open.replica;
  assert.deepEqual([pendingCount, pendingBytes, open.replica.get("n"), open.replica.get("kept")], [0, 0, null, 1]);
});
