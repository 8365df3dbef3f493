/**
 * Files are damaged while members have them open, and all else goes wrong that ends no member for good: frozen and blocked managers
 * that are replaced, a full or failing disk, members that join. In the end all members leave, and a new one must find
 * all that was ever confirmed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seeds } from "../budget.js";
import { Tally } from "./faults.js";
import { simulate } from "./simulation.js";
import type { World } from "./world.js";

/** Seeds in `npm test`. */
const GATE = 60;

/**
 * Connections break only with their process here: a member that is cut off, and has missed a batch, cannot heal what it must read to
 * come back.
 */
function damageFiles(world: World): void {
  const { settings, weather } = world;
  const durationMs = Math.max(1500, settings.durationMs);
  world.settings = { ...settings, persist: true, bystanders: 0, maxMemberBacklogBytes: 1_000_000, durationMs };
  const faults = { damage: 12, freeze: 3, block: 3, full: 2, blind: 1, open: 6 };
  world.weather = { ...weather, faults, everyMs: Math.min(150, weather.everyMs) };
}

test("whatever file is damaged while members hold what it held, a cold start finds all that was confirmed", async (t) => {
  const total = new Tally();
  let seedCount = 0;
  for (const seed of seeds(GATE)) {
    const { failure, tally, settings } = await simulate(seed, false, damageFiles);
    if (failure) {
      const replay = `CLUSTER_STORAGE_SEED=${seed} node --test .test/proof/simulation/damage.test.js`;
      const { lines } = await simulate(seed, true, damageFiles);
      console.log(lines.slice(-60).join("\n"));
      assert.fail(`seed ${seed} (replay: ${replay}) with ${settings}: ${failure.stack}`);
    }
    seedCount++;
    total.merge(tally);
  }
  t.diagnostic(`${seedCount} seeds, ${total.text}`);
});
