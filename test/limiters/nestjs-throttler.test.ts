import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ClusterThrottlerStorage } from "../../dist/nestjs-throttler/index.js";
import { directoryOf, opened, PATIENT } from "./opened.js";

test("without a block, requests over the limit are refused until the window ends, and are not counted", async (t) => {
  const storage = await opened(t);
  const throttler = new ClusterThrottlerStorage({ storage, ...PATIENT });
  const records = [];
  for (let request = 0; request < 4; request++) records.push(await throttler.increment("k", 60_000, 2, 0, "default"));
  assert.deepEqual(records, [
    { totalHits: 1, timeToExpire: 60, isBlocked: false, timeToBlockExpire: 0 },
    { totalHits: 2, timeToExpire: 60, isBlocked: false, timeToBlockExpire: 0 },
    { totalHits: 3, timeToExpire: 60, isBlocked: true, timeToBlockExpire: 60 },
    { totalHits: 3, timeToExpire: 60, isBlocked: true, timeToBlockExpire: 60 },
  ]);
  assert.equal(storage.get(["nestjs-throttler/k"]), 2);
});

test("a block begins with the first request over the limit, and after it a new window begins", async (t) => {
  const storage = await opened(t);
  const throttler = new ClusterThrottlerStorage({ storage, ...PATIENT, prefix: "p/" });
  const ask = async (key: string, blockMs: number) => {
    const { totalHits, isBlocked, timeToBlockExpire } = await throttler.increment(key, 1000, 1, blockMs, "default");
    return [totalHits, isBlocked, timeToBlockExpire];
  };
  assert.deepEqual(
    [await ask("long", 600_000), await ask("long", 600_000)],
    [
      [1, false, 0],
      [2, true, 600],
    ],
  );
  assert.deepEqual(
    [await ask("short", 1000), await ask("short", 1000)],
    [
      [1, false, 0],
      [2, true, 1],
    ],
  );
  await sleep(1100);
  const { seq } = storage.stats();
  const [totalHits, isBlocked] = await ask("long", 600_000);
  assert.deepEqual([totalHits, isBlocked], [2, true], "the window is over, and the block goes on");
  assert.equal(storage.stats().seq, seq);
  assert.deepEqual(await ask("short", 1000), [1, false, 0]);
});

test("a storage that it has opened is closed with the application, and no other one", async (t) => {
  const storage = await opened(t);
  await new ClusterThrottlerStorage({ storage }).onApplicationShutdown();
  assert.equal(storage.closed, false);
  const own = new ClusterThrottlerStorage({ path: directoryOf(t) });
  assert.equal((await own.increment("k", 1000, 1, 0, "default")).totalHits, 1);
  await own.onApplicationShutdown();
  assert.equal(own.storage.closed, true);
  await assert.rejects(own.increment("k", 1000, 1, 0, "default"), { code: "ERR_STORAGE_CLOSED" });
});
