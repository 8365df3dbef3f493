import assert from "node:assert/strict";
import { it } from "node:test";
import { inTime, pause } from "../../dist/session-store-tests/waiting.js";

it("work that must be done before a session ends is tried with a longer lifetime when it was not", async () => {
  assert.equal(await inTime(async () => {}), 200);
  const tried: number[] = [];
  const work = async (lifetimeMs: number): Promise<void> => {
    tried.push(lifetimeMs);
    if (tried.length === 1) await pause(lifetimeMs + 1);
  };
  assert.equal(await inTime(work), 1000);
  assert.deepEqual(tried, [200, 1000]);
});
