/**
 * Fails the n-th call of the files, once and forever, for every n and every answer that a disk gives to such a call, while the
 * real engine does each thing that it does with files. No member may crash or get stuck, nothing that was confirmed is
 * lost, and when the disk is healthy again so is the storage.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isCampaign, isReplay, randomOf, seeds } from "../budget.js";
import { perform, SCENES } from "./disk-scenes.js";
import { type Answer, answersTo, type Call } from "./disk-seam.js";
import { callSites } from "./disk-sites.js";
import type { Ending } from "./disk-stage.js";

/** One case of so many runs in `npm test`, and the first call that comes from each place in the source. */
const SHARE = 100;
/** Faults that only a loss of power shows. */
const SYNCS: ReadonlySet<Call> = new Set(["sync", "syncLater", "syncDirectory"]);
/** The scenes in which no failed sync is left out in `npm test`. */
const ALL_SYNCS: ReadonlySet<string> = new Set(["life", "removal"]);
const ENDINGS: readonly Ending[] = ["close", "kill", "power"];

interface Case {
  readonly scene: string;
  readonly seed: number;
  readonly at: number;
  readonly call: Call;
  readonly answer: Answer;
  readonly isLasting: boolean;
  readonly ending: Ending;
}

/** Cases that failed once: a number of the sweep, or a seed beyond it. */
const FAILED_ONCE: readonly number[] = [];

/** Every case of the fixed scenes, in an order that is the same for the same source; and the cases that no gate leaves out. */
async function sweep(): Promise<{ cases: Case[]; firsts: Set<Case> }> {
  const cases: Case[] = [];
  const firsts = new Set<Case>();
  const ways = new Set<string>();
  for (const scene of Object.keys(SCENES)) {
    for (const [index, { call, way }] of (await callsOf(scene, 1)).entries()) {
      for (const answer of answersTo(call)) {
        for (const isLasting of [false, true]) {
          const isSync = SYNCS.has(call);
          const ending = isSync ? "power" : (ENDINGS[cases.length % ENDINGS.length] as Ending);
          const next = { scene, seed: 1, at: index + 1, call, answer, isLasting, ending };
          cases.push(next);
          const isChosen = !ways.has(way) || (isSync && ALL_SYNCS.has(scene));
          if (answer === "EIO" && isChosen) firsts.add(next);
        }
      }
      ways.add(way);
    }
  }
  return { cases, firsts };
}

/** What a scene calls when nothing goes wrong. */
async function callsOf(name: string, seed: number) {
  const { seam, failure } = await perform(sceneOf(name), seed, null, "close");
  assert.ifError(failure);
  return seam.calls;
}

const sceneOf = (name: string) => SCENES[name] as (typeof SCENES)[string];

/** A scene at other times, and a fault of one of its calls. */
async function randomCase(seed: number): Promise<Case> {
  const roll = randomOf(seed);
  const pick = <T>(items: readonly T[]) => items[Math.floor(roll() * items.length)] as T;
  const scene = pick(Object.keys(SCENES));
  const calls = await callsOf(scene, seed);
  const at = 1 + Math.floor(roll() * calls.length);
  const { call } = calls[at - 1] as { call: Call };
  return { scene, seed, at, call, answer: pick(answersTo(call)), isLasting: roll() < 0.5, ending: pick(ENDINGS) };
}

/** The numbers of the cases to run: those of the sweep count from 1, a higher number is a seed. */
function* numbersOf({ cases, firsts }: { cases: readonly Case[]; firsts: ReadonlySet<Case> }): Generator<number> {
  yield* isReplay ? [] : FAILED_ONCE;
  for (const [index, next] of isReplay ? [] : cases.entries()) {
    if (isCampaign || index % SHARE === 0 || firsts.has(next)) yield index + 1;
  }
  yield* seeds(0);
}

test("whichever call of the files fails, nothing confirmed is lost and the storage is healthy when the disk is", async (t) => {
  const planned = await sweep();
  const failedSites = new Set<string>();
  const failedCalls = new Set<Call>();
  let caseCount = 0;
  for (const number of numbersOf(planned)) {
    const next = planned.cases[number - 1] ?? (await randomCase(number));
    const { seam, failure } = await perform(sceneOf(next.scene), next.seed, next, next.ending);
    if (failure) {
      const replay = `CLUSTER_STORAGE_SEED=${number} node --test .test/proof/faults/disk.test.js`;
      assert.fail(`${JSON.stringify(next)} (replay: ${replay}), at ${[...seam.failedSites]}: ${failure.stack}`);
    }
    for (const site of seam.failedSites) failedSites.add(site);
    if (seam.failedSites.size > 0) failedCalls.add(next.call);
    if (++caseCount % 5000 === 0) console.log(`${caseCount} cases`);
  }
  t.diagnostic(`${caseCount} faults of ${planned.cases.length} in the sweep, at ${failedSites.size} places`);
  if (isReplay) return;
  const missed = [...callSites()].filter(([site]) => !failedSites.has(site)).map((found) => found.join("  "));
  assert.deepEqual(missed, [], "calls of the files that never failed");
  const methods = new Set(planned.cases.map(({ call }) => call));
  assert.deepEqual(
    [...methods].filter((call) => !failedCalls.has(call)),
    [],
  );
});
