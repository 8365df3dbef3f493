/**
 * Random requests. One after another they do what they do with a memory store. At the same time, in three processes, what becomes of
 * them is what the rules explain.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { randomOf } from "../proof/budget.js";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import { WAYS } from "./elsewhere.js";
import type { Framework, Step } from "./frameworks.js";
import { type Fields, outcomesOf, type Rules, textOf } from "./merge-model.js";
import { Browser, InProcessSite, memoryStore } from "./sites.js";
import { createStore } from "./stores.js";
import type { Site } from "./worker.js";

const SEED = Number(process.env.CLUSTER_STORAGE_SEED ?? 1);
const ROUNDS = Math.ceil(24 * RUNS);
const SEQUENCES = Math.ceil(6 * RUNS);
const LANES = 6;
const USED: readonly Framework[] = ["Express 5", "Fastify 5"];
const TOGETHER = [["orgId", "role"]];

/** Random choices. */
class Random {
  readonly #roll: () => number;

  constructor(seed: number) {
    this.#roll = randomOf(seed);
  }

  below(count: number): number {
    return Math.floor(this.#roll() * count);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Some of the items, in a random order. */
  some<T>(items: readonly T[], most: number): T[] {
    const left = [...items];
    const count = Math.min(items.length, 1 + this.below(most));
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0] as T);
  }
}

const NAMES = ["orgId", "role", "list", "visits", "text"];

function initialFields(random: Random): Fields {
  return { orgId: random.of(["A", "B"]), role: random.of(["admin", "viewer"]), list: [0], visits: 1, text: "t" };
}

/** Changes of a session that has all fields, or of one that may lack some; each of them of another field. */
function changes(random: Random, most: number, isWhole: boolean): Step[] {
  return random.some(NAMES, most).map((name): Step => {
    if (isWhole && random.below(6) === 0) return ["delete", name];
    if (name === "list") return isWhole ? ["push", name, random.below(9)] : ["set", name, [random.below(9)]];
    if (name === "visits") return isWhole ? ["increment", name] : ["set", name, random.below(9)];
    if (name === "orgId") return ["set", name, random.of(["A", "B", "C"])];
    return ["set", name, name === "role" ? random.of(["admin", "viewer"]) : `t${random.below(3)}`];
  });
}

/** What one of several requests does that run at the same time. */
function parallelSteps(random: Random): Step[] {
  const kind = random.below(10);
  if (kind === 0) return [];
  if (kind === 1) return [["destroy"]];
  const first = changes(random, 3, true);
  if (kind === 2) return [...first, ["save"], ...changes(random, 2, false)];
  if (kind === 3) return [...first, ["reload"], ...changes(random, 2, false)];
  return first;
}

const RULES: Record<string, Rules> = {};
for (const framework of USED) {
  RULES[framework] = { framework };
  RULES[`${framework}, together`] = { framework, together: TOGETHER };
  RULES[`${framework}, whole`] = { framework, merge: "whole" };
}

/** The fields of a session that is stored; null when there is none. */
async function storedFields(worker: Worker, sid: string): Promise<Fields | null> {
  await worker.call("storage.sync");
  const stored = await worker.call<Record<string, unknown> | null>("store.get", sid);
  if (stored === null) return null;
  const { cookie: _, ...fields } = stored;
  return fields;
}

async function runAtOnce(workers: readonly Worker[], rules: Rules, seed: number): Promise<void> {
  const random = new Random(seed);
  const initial = initialFields(random);
  const visitor = new Visitor();
  const set = Object.entries(initial).map(([name, value]): Step => ["set", name, value]);
  const { sid } = await visitor.ask(random.of(workers), ...set);
  const scripts = Array.from({ length: 2 + random.below(2) }, () => parallelSteps(random));
  const places = scripts.map((_, index) => ({ worker: random.of(workers), gate: `${seed}.${index}` }));
  const answers = places.map(({ worker, gate }, index) => {
    const copy = new Visitor();
    copy.cookie = visitor.cookie;
    return copy.ask(worker, ["gate", gate], ...(scripts[index] as Step[])).catch((error: Error) => error);
  });
  await Promise.all(places.map(({ worker, gate }) => worker.call("reached", gate)));
  const order = random.below(2) === 0 ? random.some([...scripts.keys()], scripts.length) : null;
  const isOneByOne = order !== null && order.length === scripts.length;
  for (const index of isOneByOne ? order : scripts.keys()) {
    const { worker, gate } = places[index] as (typeof places)[number];
    await worker.call("open", gate);
    if (isOneByOne) await answers[index];
  }
  await Promise.all(answers);
  const stored = await storedFields(random.of(workers), sid as string);
  const outcomes = outcomesOf(rules, initial, scripts, isOneByOne ? order : null);
  const said = JSON.stringify({ seed, initial, scripts, order: isOneByOne ? order : "at once" });
  assert.ok(
    outcomes.has(textOf(stored)),
    `${said}\ngot ${textOf(stored)}, expected one of\n${[...outcomes].join("\n")}`,
  );
}

test("what becomes of random requests at the same time is what the rules explain", async (t) => {
  const sites: Record<string, Site> = {};
  for (const [name, { framework, merge = "fields", together = [] }] of Object.entries(RULES)) {
    sites[name] = { framework, settings: {}, store: { prefix: name, merge, together } };
  }
  const application = new Application(t, sites);
  await application.startAll(3);
  for (const [name, rules] of Object.entries(RULES)) {
    await t.test(`${name}: ${ROUNDS} times`, () => {
      return rounds(ROUNDS, LANES, (round) => runAtOnce(application.at(name), rules, SEED * 1_000_003 + round));
    });
  }
});

/** What one of several requests does that run one after another. */
function sequentialSteps(random: Random): Step[] {
  const steps: Step[] = [];
  for (let count = 1 + random.below(5); count > 0; count--) {
    const kind = random.below(12);
    if (kind === 0) steps.push(["save"]);
    else if (kind === 1) steps.push(["save"], ["reload"]);
    else if (kind === 2) steps.push(["regenerate"]);
    else if (kind === 3) steps.push(["touch"]);
    else if (kind < 6) steps.push(["leave", random.of(WAYS)]);
    else steps.push(...changes(random, 2, false));
  }
  if (random.below(10) === 0) steps.push(["destroy"]);
  return steps;
}

async function runInSequence(t: TestContext, framework: Framework, merge: "fields" | "whole"): Promise<void> {
  const ours = await InProcessSite.start(t, framework, await createStore({ merge }));
  const theirs = await InProcessSite.start(t, framework, memoryStore());
  for (let sequence = 0; sequence < SEQUENCES; sequence++) {
    const seed = SEED * 1_000_003 + sequence;
    const random = new Random(seed);
    const [browser, memory] = [new Browser(ours), new Browser(theirs)];
    const history: Step[][] = [[["open"], ["set", "text", "t"]]];
    for (let count = 3 + random.below(8); count > 0; count--) history.push(sequentialSteps(random));
    for (const [index, steps] of history.entries()) {
      const [seen, expected] = [await browser.ask(...steps), await memory.ask(...steps)];
      const said = `seed ${seed}: ${JSON.stringify(history.slice(0, index + 1))}`;
      assert.deepEqual([seen.status, seen.fields], [expected.status, expected.fields], said);
      const [again, expectedAgain] = [await browser.ask(), await memory.ask()];
      assert.deepEqual(again.fields, expectedAgain.fields, said);
    }
  }
}

for (const framework of USED) {
  for (const merge of ["fields", "whole"] as const) {
    test(`${framework}, ${merge}: random requests one after another do what they do with a memory store, ${SEQUENCES} times`, (t) =>
      runInSequence(t, framework, merge));
  }
}
