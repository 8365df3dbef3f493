/**
 * Real processes under random violence: 4 to 16 members, forked, in a cluster or (in a campaign) under PM2, write and read at random while
 * they and their manager are killed, frozen and blocked, while 32 start at once, while some leave, and while all die at the
 * same moment. Processes also end in other ways, sockets are removed, the directory is copied and moved away.
 * The histories are checked against the one order of the log. See `settings.ts` for what a seed determines.
 */
import assert from "node:assert/strict";
import { availableParallelism, loadavg } from "node:os";
import { test } from "node:test";
import { isCampaign, isReplay, seeds } from "../budget.js";
import { runRound } from "./round.js";
import { type Kind, settingsOf } from "./settings.js";
import { Tally } from "./tally.js";

/** The gate: one seed of each kind of round, whose members are forked. The other ways are campaigns; PM2 is in `test/outside`. */
const GATE: readonly number[] = [1, 9, 17];

/** Time of violence in such a round, in ms. */
const GATE_VIOLENCE_MS: Readonly<Record<Kind, number>> = { violent: 4000, calm: 2000, moved: 3000 };

/** Seeds that failed once, and what that was. */
const FAILED_ONCE: readonly (readonly [seed: number, what: string])[] = [];

/** Rounds of a campaign between two lines about how far it is. */
const ROUNDS_PER_LINE = 10;

test("whatever happens to its processes, nothing confirmed is lost or doubled, and all members show one order", async (t) => {
  const total = new Tally();
  const failed = FAILED_ONCE.map(([seed]) => seed);
  for (const seed of seeds(0, isCampaign ? failed : [...failed, ...GATE])) {
    const whole = settingsOf(seed);
    const settings = isCampaign || isReplay ? whole : { ...whole, violenceMs: GATE_VIOLENCE_MS[whole.kind] };
    const { problems, directory, tally } = await runRound(t, settings);
    total.merge(tally);
    if (problems.length > 0) {
      const replay = `CLUSTER_STORAGE_SEED=${seed} node --test .test/proof/chaos/chaos.test.js`;
      const shown = problems.slice(0, 20).join("\n");
      assert.fail(
        `seed ${seed} (again: ${replay}) with ${JSON.stringify(settings)}: ${problems.length} problems, ` +
          `files kept in ${directory}\n${shown}`,
      );
    }
    if (isCampaign && total.counts.rounds % ROUNDS_PER_LINE === 0)
      console.log([total.text, ...total.noted, ...total.failovers].join("\n"));
  }
  t.diagnostic(`load average at the end ${loadavg()[0]?.toFixed(1)}, on ${availableParallelism()} processors`);
  for (const line of [total.text, ...total.noted, ...total.failovers]) t.diagnostic(line);
  const unseen = total.counts["rounds not seen whole"];
  assert.ok(
    unseen <= 1 + total.counts.rounds / 10,
    `${unseen} rounds that show nothing, ${total.counts.rounds} that do`,
  );
});
