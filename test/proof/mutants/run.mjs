/**
 * Shows that the tests notice mistakes: makes one after the other in a copy of the project, and expects that a test fails.
 *
 *   npm run mutants                      all mutants
 *   npm run mutants -- seat.ts fence     those whose file or name contains one of these texts
 *
 * First the suites that are named in the lists must pass in a copy without a mistake.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Copy } from "./copy.mjs";
import { mutants } from "./list.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const LANES = Math.min(2, availableParallelism());
/** How much longer than without a mistake a suite may take before it counts as one that hangs. */
const PATIENCE = 5;
const LEAST_TIMEOUT_S = 20;

const texts = process.argv.slice(2);
const isChosen = ({ name, file }) => texts.length === 0 || texts.some((text) => `${file} ${name}`.includes(text));
const chosen = mutants.filter(isChosen);
const suites = [...new Set(chosen.flatMap(({ killedBy }) => killedBy))];

/** Takes jobs from a queue in several copies at the same time. */
async function inCopies(jobs, work) {
  const queue = [...jobs];
  const lanes = Array.from({ length: LANES }, async () => {
    const copy = new Copy(root);
    try {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) await work(copy, job);
    } finally {
      copy.remove();
    }
  });
  await Promise.all(lanes);
}

/** Seconds that each suite takes without a mistake. */
const secondsOf = new Map();

async function expectPassing() {
  await inCopies(suites, async (copy, suite) => {
    const { failure, output, seconds } = await copy.test(suite, 600, true);
    if (failure !== null) throw new Error(`expected ${suite} to pass without a mutant, got: ${failure}\n${output}`);
    secondsOf.set(suite, seconds);
  });
}

/** The first failure that a mutant causes; null when it survives. */
async function judge(copy, { file, from, to, killedBy }) {
  copy.mutate(file, from, to);
  try {
    for (const suite of killedBy) {
      const { failure } = await copy.test(suite, Math.max(LEAST_TIMEOUT_S, PATIENCE * secondsOf.get(suite)));
      if (failure !== null) return failure;
    }
    return null;
  } finally {
    copy.restore(file);
  }
}

function expectSound() {
  if (chosen.length === 0) throw new Error(`expected mutants that match ${texts.join(" or ")}, got none`);
  if (!existsSync(join(root, "dist")) || !existsSync(join(root, ".test"))) throw new Error('run "npm run build" first');
  const copy = new Copy(root);
  try {
    for (const { file, from, to } of chosen) {
      copy.mutate(file, from, to);
      copy.restore(file);
    }
  } finally {
    copy.remove();
  }
  const names = mutants.map(({ file, name }) => `${file}: ${name}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`expected one mutant of a name, got two: ${twice}`);
}

const startedAt = performance.now();
expectSound();
await expectPassing();
console.log(`${suites.length} suites pass without a mutant; ${chosen.length} mutants follow\n`);

const survivors = [];
await inCopies(chosen, async (copy, mutant) => {
  const from = performance.now();
  const failure = await judge(copy, mutant);
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  const label = `${mutant.file.replace("src/", "")}: ${mutant.name}`;
  if (failure === null) survivors.push(label);
  console.log(`${failure === null ? "SURVIVED" : "killed"}  ${seconds.padStart(5)} s  ${label}`);
  if (failure !== null) console.log(`                  ${failure}`);
});

const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(`\n${chosen.length} mutants, ${chosen.length - survivors.length} killed, ${seconds} s`);
for (const label of survivors) console.log(`survived: ${label}`);
process.exitCode = survivors.length > 0 ? 1 : 0;
