import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RateLimiterRes, RateLimiterUnion } from "rate-limiter-flexible";
import { RateLimiterStorage } from "../../dist/rate-limiter-flexible/index.js";
import { opened, PATIENT } from "./opened.js";

/** What a limiter answers, refusals included. */
const answerOf = (promise: Promise<RateLimiterRes>): Promise<RateLimiterRes> =>
  promise.catch((refused: unknown) => {
    if (refused instanceof RateLimiterRes) return refused;
    throw refused;
  });

test("exactly the points are allowed, and what is consumed is counted on, with the time until the next window", async (t) => {
  const storage = await opened(t);
  const limiters = [1, 2].map(() => new RateLimiterStorage({ storage, ...PATIENT, points: 5, duration: 60 }));
  const consumed = Array.from({ length: 12 }, (_, index) =>
    (limiters[index % 2] as RateLimiterStorage).consume("ann").then(
      () => true,
      () => false,
    ),
  );
  assert.equal((await Promise.all(consumed)).filter(Boolean).length, 5);
  const res = await answerOf((limiters[0] as RateLimiterStorage).consume("ann", 2));
  assert.deepEqual([res.consumedPoints, res.remainingPoints, res.isFirstInDuration], [14, 0, false]);
  assert.ok(res.msBeforeNext > 50_000 && res.msBeforeNext <= 60_000);
  assert.equal(storage.get(["rlflx:ann"]), 14);
});

test("get, set, penalty, reward, block and delete do what those of the package do", async (t) => {
  const storage = await opened(t);
  const limiter = new RateLimiterStorage({ storage, ...PATIENT, points: 3, duration: 60, keyPrefix: "a" });
  assert.equal(await limiter.get("k"), null);
  const first = await limiter.consume("k");
  assert.deepEqual([first.consumedPoints, first.isFirstInDuration, first.remainingPoints], [1, true, 2]);
  assert.equal((await limiter.penalty("k", 2)).consumedPoints, 3);
  assert.equal((await limiter.reward("k", 1)).consumedPoints, 2);
  assert.equal((await limiter.get("k"))?.remainingPoints, 1);
  await limiter.set("k", 1, 30);
  const set = await limiter.get("k");
  assert.ok(set?.consumedPoints === 1 && set.msBeforeNext <= 30_000);
  await limiter.block("k", 120);
  const blocked = await answerOf(limiter.consume("k"));
  assert.ok(blocked.msBeforeNext > 110_000 && blocked.consumedPoints === 5);
  assert.deepEqual([await limiter.delete("k"), await limiter.delete("k")], [true, false]);
  assert.equal((await limiter.consume("k", 3)).remainingPoints, 0);
});

test("what is consumed too much blocks for the block's duration, and a duration of 0 is forever", async (t) => {
  const storage = await opened(t);
  const limiter = new RateLimiterStorage({ storage, ...PATIENT, points: 1, duration: 1, blockDuration: 100 });
  await limiter.consume("k");
  assert.equal((await answerOf(limiter.consume("k"))).msBeforeNext, 100_000);
  await sleep(1100);
  assert.ok((await answerOf(limiter.consume("k"))).msBeforeNext > 90_000);
  const forever = new RateLimiterStorage({ storage, ...PATIENT, points: 2, duration: 0, keyPrefix: "forever" });
  assert.equal((await forever.consume("k")).msBeforeNext, -1);
  assert.equal((await forever.get("k"))?.msBeforeNext, -1);
  assert.equal(storage.ttl(["forever:k"]), Infinity);
});

test("it works in what the package makes of limiters, and refuses what is none", async (t) => {
  const storage = await opened(t);
  const options = { storage, ...PATIENT, points: 1, duration: 60 };
  const union = new RateLimiterUnion(
    new RateLimiterStorage({ ...options, keyPrefix: "a" }),
    new RateLimiterStorage({ ...options, keyPrefix: "b", points: 2 }),
  );
  await union.consume("k");
  await assert.rejects(union.consume("k"));
  const limiter = new RateLimiterStorage(options);
  await assert.rejects(limiter.consume("k", 0.5), TypeError);
  assert.throws(() => new RateLimiterStorage({ ...options, storage: undefined as never }), /storeClient|storage/);
  assert.throws(() => new RateLimiterStorage({ ...options, timeout: 0 }), RangeError);
  await storage.close();
  await assert.rejects(limiter.consume("k"), { code: "ERR_STORAGE_CLOSED" });
});
