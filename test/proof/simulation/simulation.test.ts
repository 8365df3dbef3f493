/**
 * The whole engine over a simulated machine, while everything goes wrong that can: killed, frozen and blocked processes, broken
 * connections, a full or failing disk, a loss of power, clocks that are set by seconds to years, a machine that is suspended, members
 * that come and go. After each step each member must show exactly the log so far and its own pending writes, at the time that has
 * elapsed in truth, and in the end all members must be healthy.
 *
 * What is not covered: one call of real code is one event, so a compaction, a recovery or a claim is interrupted by the end
 * of its process at any file call, but never by other processes between two file calls. `test/proof/protocol` covers that.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isCampaign, seeds } from "../budget.js";
import { Tally } from "./faults.js";
import { simulate } from "./simulation.js";
import type { World } from "./world.js";

/** Seeds in `npm test`, besides those that failed once; `npm run campaign -- simulation 30` runs some 20,000. */
const GATE = 200;

/** Seeds that failed once, and what that was. */
const FAILED_ONCE: readonly (readonly [seed: number, what: string])[] = [
  [4, "whether a delete took effect was decided by when it was made, not by its place in the log"],
  [11, "a member that came back before its old connection was seen to end got confirms for the wrong batches"],
  [19, "a member file that could not be created was an error of opening"],
  [2, "a manager with a short stallTimeout was replaced again and again while it was idle"],
  [125, "the names of a new storage were not on the disk when its first write was confirmed"],
  [407472, "the rest of a segment that could not be begun stood in the way of all further ones"],
  [815, "app.db was not created when the last member left before its hub served"],
  [927, "a loss of power after destroy brought back segments without their snapshot"],
  [10542247, "a member that left while it was about to try again left a timer"],
  [559, "a manager that was closing left its own hub before that had folded the log"],
  [100732, "the same as in 559, with the hub's own member served last"],
  [852311011, "a loss of power right after a destroy left its end and took the last batch"],
  [2647895731, "a closing hub that could not list the members of a passing storage ended its thread"],
  [
    2795364981,
    "files that a loss of power had damaged, and that belonged to no member, were salvaged and then cleared: the checker took that for wrong",
  ],
  [1337, "a closed segment whose sync had failed was written again, and its manager's successor did not sync it"],
  [3855560456, "epochs began again after a loss of power, and the checker looked in segments from before"],
  [
    262172960,
    "a member that may not be the manager never came back to a manager whose challenger had died after its claim",
  ],
  [
    2403728025,
    "a new member that may not be the manager never found a manager whose challenger had died after its claim",
  ],
  [
    2421030388,
    "a loss of power took what was confirmed and left what a fenced manager had appended: the checker took that for the same",
  ],
  [1095, "a member whose batch was refused as expired could not write any more"],
];

/** Seeds that failed once, and what that was, since writes are gathered in batches. */
const FAILED_GATHERING: readonly (readonly [seed: number, what: string])[] = [
  [
    50519,
    "a manager in the event loop that left while it folded at its start folded twice at once, and left a file open",
  ],
  [51387, "the same as in 50519, and it left a timer"],
  [50395, "a loss of power brought back a copy whose note was removed, since a try after a failed sync did not sync"],
  [
    51279,
    "empty segments that a compaction had removed, which found nothing after the snapshot, were reported as missing",
  ],
  [
    53119,
    "a compaction in the event loop that was stopped while it waited for a sync kept its files until then: the checker took them for left open",
  ],
  [
    51638,
    "a manager that others did not reach gave up in the end, and its member left before there was another one: the checker expected a whole copy",
  ],
  [
    60225,
    "a member of a removed storage began another one with the time that it knew: the checker took that for wrong",
  ],
  [
    60671,
    "a member that stood still did not know yet that time had begun anew without it: the checker took that for wrong",
  ],
  [52898, "the same as in 51279, in a manager that had served for long"],
];

/** All those failed before members had limits and coordinated, and the first ones when each write was a batch of its own. */
function asBefore(world: World, isGathering: boolean): void {
  world.workload.limits.share = 0;
  world.workload.coordinateNothing();
  if (!isGathering) world.settings = { ...world.settings, maxInFlight: 1000 };
}

test("whatever goes wrong, all members show one order, nothing confirmed is lost, and all members are healthy in the end", async (t) => {
  const total = new Tally();
  let seedCount = 0;
  const ungathered = FAILED_ONCE.map(([failed]) => failed);
  const gathered = FAILED_GATHERING.map(([failed]) => failed);
  for (const seed of seeds(GATE, [...ungathered, ...gathered])) {
    const isOld = ungathered.includes(seed) || gathered.includes(seed);
    const prepare = isOld ? (world: World) => asBefore(world, gathered.includes(seed)) : undefined;
    const { failure, tally, settings } = await simulate(seed, false, prepare);
    if (failure) {
      const replay = `CLUSTER_STORAGE_SEED=${seed} node --test .test/simulation/simulation.test.js`;
      const { lines } = await simulate(seed, true, prepare);
      console.log(lines.slice(-40).join("\n"));
      assert.fail(`seed ${seed} (replay: ${replay}) with ${settings}: ${failure.stack}`);
    }
    seedCount++;
    total.merge(tally);
    if (isCampaign && seedCount % 10_000 === 0) console.log(`${seedCount} seeds, ${total.text}`);
  }
  t.diagnostic(`${seedCount} seeds, ${total.text}`);
});

test("a seed determines everything", async () => {
  const [once, again] = [await simulate(17, true), await simulate(17, true)];
  assert.deepEqual(once.lines, again.lines);
});
