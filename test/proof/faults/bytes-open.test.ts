/**
 * Damages every byte of a small storage in every way while members have it open: whatever meets the damage first, what the members
 * hold is written again, and the end of all of them loses nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isCampaign, isReplay, seeds } from "../budget.js";
import { damagesOf } from "./bytes-damage.js";
import { judgeOpen, sample, TRIGGERS } from "./bytes-open.js";

/** In `npm test`: one damage of so many. */
const SHARE = 401;

test("whatever byte is damaged while members are open, it is healed, and a cold start finds all that was confirmed", async (t) => {
  const damages = [...damagesOf({ files: await sample() })];
  const outcomes: Record<string, number> = {};
  let count = 0;
  const numbers = isReplay ? [...seeds(0)] : damages.keys();
  for (const number of numbers) {
    if (!isReplay && !isCampaign && number % SHARE !== 0) continue;
    const damage = damages[number];
    assert(damage, `expected a number below ${damages.length}`);
    for (const trigger of TRIGGERS) {
      try {
        const outcome = await judgeOpen(damage, trigger);
        outcomes[`${trigger}: ${outcome}`] = (outcomes[`${trigger}: ${outcome}`] ?? 0) + 1;
      } catch (error) {
        const replay = `CLUSTER_STORAGE_SEED=${number} node --test .test/proof/faults/bytes-open.test.js`;
        assert.fail(`${damage.what}, ${trigger} (replay: ${replay}): ${(error as Error).stack}`);
      }
      if (++count % 5000 === 0) console.log(`${count} damages`);
    }
  }
  t.diagnostic(`${count} damages of ${damages.length} in ${TRIGGERS.length} ways; ${JSON.stringify(outcomes)}`);
});
