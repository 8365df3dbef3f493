/** The results of runs, on the disk: `results.json` beside `run.mjs`. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const RESULTS = fileURLToPath(new URL("../results.json", import.meta.url));

/** What is kept of earlier runs: the results of each question by its name. */
export function readResults() {
  try {
    return JSON.parse(readFileSync(RESULTS, "utf8"));
  } catch {
    return {};
  }
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
