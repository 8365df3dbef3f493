/** What a run found, on the disk: `results.json`, `results.html` and a plot for each table and curve, all beside `run.mjs`. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { showPage } from "./page.mjs";
import { plotCurve, plotTable } from "./plots.mjs";

const DIRECTORY = fileURLToPath(new URL("..", import.meta.url));
const RESULTS = join(DIRECTORY, "results.json");
const PLOTS = join(DIRECTORY, "plots");

/** What is kept of earlier runs: the results of each question by its name. */
export function readResults() {
  try {
    return JSON.parse(readFileSync(RESULTS, "utf8"));
  } catch {
    return {};
  }
}

async function plotsOf(name, { tables = [], curves = [] }) {
  const plots = [];
  for (const [index, table] of tables.entries()) plots.push([`${name}-${index + 1}`, await plotTable(table)]);
  for (const [index, curve] of curves.entries()) plots.push([`${name}-curve-${index + 1}`, await plotCurve(curve)]);
  return plots.filter(([, svg]) => svg !== null);
}

/**
 * Keeps what was measured, beside the results of questions that were not asked this time.
 * @param measured By name of the question: `machine`, `date`, `title`, `says`, `tables`, `curves`, `notes`.
 * @param names All questions, in their order.
 */
export function keepResults(measured, names) {
  const earlier = readResults();
  const found = names.map((name) => [name, measured[name] ?? earlier[name]]).filter(([, result]) => result);
  writeFileSync(RESULTS, `${JSON.stringify(Object.fromEntries(found), null, 1)}\n`);
}

/** Makes the page and all plots anew, from all the results that are kept. */
export async function drawResults() {
  const found = Object.entries(readResults());
  rmSync(PLOTS, { recursive: true, force: true });
  mkdirSync(PLOTS);
  const plots = new Map();
  for (const [name, result] of found) {
    const svgs = await plotsOf(name, result);
    for (const [file, svg] of svgs) writeFileSync(join(PLOTS, `${file}.svg`), svg);
    plots.set(name, svgs);
  }
  writeFileSync(join(DIRECTORY, "results.html"), showPage(found, plots));
}
