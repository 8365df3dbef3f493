import assert from "node:assert/strict";
import type { Pair, Promised } from "./suite.js";

const HOUR_MS = 3_600_000;

/** Calls of both sides at the same time; how many are allowed. */
async function allowedOf(pair: Pair, path: string, options: { limit: number; windowMs: number }, count: number) {
  const calls = Array.from({ length: count }, () => [
    pair.storage.limit([path], options),
    pair.other.call<{ allowed: boolean }>("limit", [path], options),
  ]).flat();
  return (await Promise.all(calls)).filter(({ allowed }) => allowed).length;
}

export const limits: readonly Promised[] = [
  {
    name: "both sides together are allowed exactly the limit, by both algorithms",
    async try(pair) {
      for (const algorithm of ["window", "gcra"] as const) {
        const options = { limit: 30, windowMs: HOUR_MS, algorithm, timeout: 60_000 };
        assert.equal(await allowedOf(pair, algorithm, options, 40), 30);
        await pair.settle();
        const look = await pair.other.call<{ used: number; remaining: number }>("limit", [algorithm], {
          ...options,
          cost: 0,
        });
        assert.deepEqual([look.used, look.remaining], [30, 0]);
      }
    },
  },
  {
    name: "once a limit is reached, refused calls write nothing, and a reset makes room",
    async try(pair) {
      const options = { limit: 2, windowMs: HOUR_MS, timeout: 60_000 };
      await pair.storage.limit("k", { ...options, cost: 2 });
      const { seq } = pair.storage.stats();
      for (let call = 0; call < 1000; call++) assert.equal((await pair.storage.limit("k", options)).allowed, false);
      assert.equal(pair.storage.stats().seq, seq);
      await pair.other.call("delete", "k");
      await pair.other.call("flush");
      await pair.settle();
      assert.equal((await pair.storage.limit("k", options)).used, 1);
    },
  },
  {
    name: "a window ends on both sides at the same time",
    async try(pair) {
      const options = { limit: 1, windowMs: 300, timeout: 60_000 };
      const first = await pair.storage.limit("k", options);
      const { retryAfter } = await pair.other.call<{ retryAfter: number }>("limit", "k", options);
      assert.ok(first.allowed && retryAfter <= 300);
      await new Promise((resolve) => setTimeout(resolve, retryAfter));
      assert.equal(await allowedOf(pair, "k", options, 2), 1);
    },
  },
];
