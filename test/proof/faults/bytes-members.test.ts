/** Real members open damaged storages: they show what the files hold, and report what is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { isCampaign, randomOf, seeds } from "../budget.js";
import { type Damage, randomDamage } from "./bytes-damage.js";
import { open } from "./bytes-judge.js";
import { STORAGES, type Stored } from "./bytes-storages.js";
import { stageWith } from "./disk-scenes.js";
import type { Stage } from "./disk-stage.js";

const GATE = 60;

type Recover = "strict" | "salvage";

/** What the files hold, by the engine's functions alone; null when they refuse. */
function entriesIn(files: MemoryFiles, recover: Recover): Map<string, string> | null {
  let text: string;
  try {
    ({ text } = open(files.afterCrash(), recover, null));
  } catch {
    return null;
  }
  const slots = (JSON.parse(text) as string[]).map((slot) => slot.split(" "));
  return new Map(slots.map(([key = "", ...json]) => [key, json.join(" ")]));
}

async function expectTold(stage: Stage, damage: Damage, recover: Recover, entries: Map<string, string> | null) {
  const member = await stage.opened({ recover });
  const { failure, errors, replica } = member;
  if (entries === null) {
    const { code = "", message = "" } = (failure ?? {}) as NodeJS.ErrnoException;
    assert.match(code, /^ERR_STORAGE_(CORRUPT|FORMAT)$/);
    assert(message.includes("is missing") || damage.paths.some((path) => message.includes(path)), message);
    return;
  }
  assert.ifError(failure);
  assert.deepEqual(new Map(replica.entries().map(([key, value]) => [key, JSON.stringify(value)])), entries);
  await stage.pass(100);
  const isSalvaged = stage.disk.list("/data/app.db.d").some((name) => name.startsWith("corrupt."));
  const told = errors.find(({ message }) => message.includes("corrupt files were kept aside"));
  assert.equal(told !== undefined, isSalvaged, `reported: ${told?.message}`);
  if (told)
    assert(
      damage.paths.some((path) => told.message.includes(path)),
      told.message,
    );
}

async function tryOne(seed: number): Promise<void> {
  const roll = randomOf(seed);
  const stored = STORAGES[Math.floor(roll() * STORAGES.length)] as Stored;
  const damage = randomDamage(stored, roll);
  const files = stored.files.afterCrash();
  damage.apply(files);
  for (const recover of ["strict", "salvage"] as const) {
    const stage = stageWith(seed, files, [], { recover });
    stage.isDamaged = true;
    try {
      await expectTold(stage, damage, recover, entriesIn(files, recover));
    } catch (error) {
      const replay = `CLUSTER_STORAGE_SEED=${seed} node --test .test/proof/faults/bytes-members.test.js`;
      assert.fail(`${stored.name}, ${damage.what}, ${recover} (replay: ${replay}): ${(error as Error).stack}`);
    }
  }
}

test("members of a storage with corrupt files show what the files hold, and report what was lost and where", async (t) => {
  let count = 0;
  for (const seed of seeds(GATE)) {
    await tryOne(seed);
    if (++count % 10_000 === 0 && isCampaign) console.log(`${count} damaged storages`);
  }
  t.diagnostic(`${count} damaged storages`);
});
