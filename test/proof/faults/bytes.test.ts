/**
 * Damages every byte of small storages in every way, opens them, and looks: never a wrong value, never another error than one
 * that names the damaged file, and never a silent loss of what is intact.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isCampaign, isReplay, randomOf, seeds } from "../budget.js";
import { type Damage, damagesOf, randomDamage } from "./bytes-damage.js";
import { judge, MODES } from "./bytes-judge.js";
import { STORAGES, type Stored } from "./bytes-storages.js";

/** In `npm test`: one damage of so many, and so many at random. */
const SHARE = 40;
const RANDOM = 500;

/** Damages that failed once: a number of those of single files, or a seed beyond them. */
const FAILED_ONCE: readonly number[] = [];

interface Case {
  readonly stored: Stored;
  readonly damage: Damage;
}

function randomCase(seed: number): Case {
  const roll = randomOf(seed);
  const stored = STORAGES[Math.floor(roll() * STORAGES.length)] as Stored;
  return { stored, damage: randomDamage(stored, roll) };
}

/** The numbers of the cases to run: those of single damages count from 1, a higher number is a seed. */
function* numbersOf(count: number): Generator<number> {
  yield* isReplay ? [] : FAILED_ONCE;
  for (let number = 1; number <= count && !isReplay; number++) if (isCampaign || number % SHARE === 0) yield number;
  for (let number = count + 1; number <= count + RANDOM && !isReplay; number++) yield number;
  yield* seeds(0);
}

test("whatever byte is corrupt, nothing wrong is read, and nothing that is intact is lost without a report", (t) => {
  const cases = STORAGES.flatMap((stored) => [...damagesOf(stored)].map((damage): Case => ({ stored, damage })));
  const outcomes: Record<string, number> = {};
  let openCount = 0;
  for (const number of numbersOf(cases.length)) {
    const { stored, damage } = cases[number - 1] ?? randomCase(number);
    for (const mode of MODES) {
      let outcome = "";
      try {
        outcome = judge(stored, damage, mode);
      } catch (error) {
        const replay = `CLUSTER_STORAGE_SEED=${number} node --test .test/proof/faults/bytes.test.js`;
        assert.fail(`${stored.name}, ${damage.what}, ${mode} (replay: ${replay}): ${(error as Error).stack}`);
      }
      const kind = `${mode}: ${outcome}`;
      outcomes[kind] = (outcomes[kind] ?? 0) + 1;
      if (++openCount % 200_000 === 0) console.log(`${openCount} damaged storages opened`);
    }
  }
  t.diagnostic(`${openCount} damaged storages opened, ${cases.length} single damages; ${JSON.stringify(outcomes)}`);
});
