/** The figures of the README, from what the last runs found: one line for each row that has a target, beside its peers. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readResults } from "./results.mjs";
import { median } from "./statistics.mjs";
import { alignCells } from "./table.mjs";
import { describeTarget, shareReached } from "./targets.mjs";
import { show } from "./units.mjs";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const BETWEEN = /(<!-- figures: begin -->\n)[\s\S]*?(<!-- figures: end -->)/;
const HEADINGS = ["what", "cluster-storage", "to reach", "beside it, in the same run"];

function lineOf(table, target) {
  const row = table.rows.find(({ name }) => name === target.row);
  if (row?.rounds === undefined) return null;
  const share = shareReached(target, table);
  const others = table.rows.filter(({ name, rounds }) => rounds !== undefined && !name.startsWith("cluster-storage,"));
  const beside = others
    .filter(({ name }) => name !== target.row)
    .map(({ name, rounds }) => `${name} ${show(median(rounds), table.unit)}`);
  const reached = share === null || share >= 1 ? "" : ` (${Math.floor(share * 100)} % of it)`;
  const what =
    target.row === "cluster-storage" ? table.title : `${table.title}: ${target.row.replace("cluster-storage, ", "")}`;
  const figure = show(median(row.rounds), table.unit);
  return [what, figure, `${describeTarget(target, table.unit)}${reached}`, beside.join(", ")];
}

/** The figures as Markdown. */
export function showFigures(results) {
  const all = Object.values(results);
  const lines = all.flatMap(({ tables = [] }) =>
    tables.flatMap((table) => (table.targets ?? []).map((target) => lineOf(table, target)).filter(Boolean)),
  );
  const machines = [...new Set(all.map(({ machine }) => machine.split(";").slice(0, 3).join(";")))].join("; ");
  return `Measured by \`npm run bench\` on ${machines}.\n\n${alignCells([HEADINGS, ...lines])}\n`;
}

/**
 * Writes them between the marks in the README.
 * @throws Error when there are no results, or some of them are of a short run, which says nothing of speed.
 */
export function writeReadme() {
  const results = readResults();
  const found = Object.values(results);
  if (found.length === 0 || found.some(({ isShort }) => isShort))
    throw new Error('expected results of "npm run bench"');
  const text = readFileSync(README, "utf8");
  writeFileSync(
    README,
    text.replace(BETWEEN, (_, begin, end) => `${begin}${showFigures(results)}${end}`),
  );
}
