/**
 * The benchmark.
 *
 *   npm run bench                    every question, in about a quarter of an hour
 *   npm run bench -- get set         some of them
 *   npm run bench -- --short         fewer rounds and smaller sizes: whether it works, not how fast it is
 *   npm run bench -- --guard         under a minute: what must not get slower, beside the targets
 *   npm run bench -- --readme        writes the figures and images of the documents from `results.json`
 *
 * Each question is measured with its peers in the same run. They are the packages of `bench/package.json`, which are installed
 * when the first question is asked; the guard does without them. A `redis-server` on the PATH is measured too. The figures are
 * kept in `results.json`; a page and plots of them are drawn into the folder `out`.
 */
import { installIn } from "../scripts/own-packages.mjs";
import { guard } from "./guard.mjs";
import { killChildren } from "./measure/children.mjs";
import { QUESTIONS } from "./questions.mjs";
import { showCurve } from "./report/curves.mjs";
import { describeMachine, withVersions } from "./report/machine.mjs";
import { writeReadme } from "./report/readme.mjs";
import { keepResults } from "./report/results.mjs";
import { showTable } from "./report/table.mjs";

const OPTIONS = ["--short", "--guard", "--readme"];
/** Loaded when something is drawn: it needs packages of `bench/package.json`. */
const DRAWINGS = "./report/drawings.mjs";
const SHORT_ROUNDS = 2;
/** How many times less a short run writes. */
const SHORT_SHARE = 10;
/** Largest size of a curve in a short run. */
const SHORT_SIZE = 10_000;

const parameters = process.argv.slice(2);
const unknown = parameters.filter((name) => !QUESTIONS.includes(name) && !OPTIONS.includes(name));
if (unknown.length > 0) {
  console.error(`expected some of ${[...QUESTIONS, ...OPTIONS].join(", ")}, got ${unknown.join(", ")}`);
  process.exit(1);
}
const isShort = parameters.includes("--short");
const wanted = QUESTIONS.filter((name) => parameters.includes(name));

/** How much a question measures: `rounds(usual)`, `count(usual)`, and those of the `sizes` that must be measured. */
const extent = {
  rounds: (usual) => (isShort ? Math.min(SHORT_ROUNDS, usual) : usual),
  count: (usual) => (isShort ? Math.ceil(usual / SHORT_SHARE) : usual),
  sizes: (usual) => (isShort ? usual.filter((size) => size <= SHORT_SIZE) : usual),
};

async function ask(name) {
  const { title, says, packages, measure } = await import(`./questions/${name}.mjs`);
  console.log(`\n## ${title}\n\n${says}`);
  const start = Date.now();
  const { tables = [], curves = [], notes = [] } = await measure(extent);
  for (const table of tables) console.log(showTable(table));
  for (const curve of curves) console.log(showCurve(curve));
  for (const note of notes) console.log(`\n${note}`);
  console.log(`\n(${name}: ${Math.round((Date.now() - start) / 1000)} s)`);
  const machine = packages.length === 0 ? describeMachine() : `${describeMachine()}; ${withVersions(packages)}`;
  const date = new Date().toISOString().slice(0, 10);
  return { title, says, date, machine, isShort, tables, curves, notes };
}

/** One question that fails, because what it measured was wrong, does not take the others with it. */
async function askAll(names) {
  installIn("bench");
  for (const name of names) {
    try {
      keepResults({ [name]: await ask(name) }, QUESTIONS);
    } catch (error) {
      console.error(`\n${name} failed:`, error);
      process.exitCode = 1;
    } finally {
      killChildren();
    }
  }
  const { drawResults } = await import(DRAWINGS);
  console.log(`\nwritten: ${await drawResults()}`);
}

/** What the documents show: figures and images. */
async function writeDocuments() {
  writeReadme();
  installIn("bench");
  const { drawImages } = await import(DRAWINGS);
  await drawImages();
}

if (parameters.includes("--readme")) await writeDocuments();
else {
  console.log(describeMachine());
  if (parameters.includes("--guard")) process.exitCode = (await guard()) ? 0 : 1;
  else await askAll(wanted.length > 0 ? wanted : QUESTIONS);
}
