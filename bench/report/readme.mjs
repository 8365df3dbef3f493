/** The figures in the documents, from what the last runs found: five in the README, all that have a target in `docs/figures.md`. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readResults } from "./results.mjs";
import { median } from "./statistics.mjs";
import { alignCells } from "./table.mjs";
import { describeTarget, shareReached } from "./targets.mjs";
import { show } from "./units.mjs";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const FIGURES = fileURLToPath(new URL("../../docs/figures.md", import.meta.url));
const BETWEEN = /(<!-- figures: begin -->\n)[\s\S]*?(<!-- figures: end -->)/;
const HEADINGS = ["what", "cluster-storage", "to reach", "beside it, in the same run"];

/** What the README shows: the table by question and title, our row, and those that stand beside it. */
const SUMMARY = [
  {
    what: "reading an object",
    question: "get",
    title: 'get("key") of an object, per read',
    row: "cluster-storage",
    beside: ["Map", "keyv", "lmdb", "redis"],
  },
  {
    what: "from a write to its being visible in another process, median",
    question: "latency",
    title: "Write to visible, the median",
    row: "cluster-storage, idle, p50",
    beside: ["redis, published, p50"],
  },
  {
    what: "confirmed writes, 4 processes writing",
    question: "throughput",
    title: "4 members, all writing",
    row: "cluster-storage",
    beside: ["redis"],
  },
  {
    what: "manager killed, until a new write is confirmed, 8 processes",
    question: "failover",
    title: "8 members, killed 20 times, until confirmed",
    row: "cluster-storage, a new write of some member",
    beside: [],
  },
  {
    what: "memory per key in each process, 1,000,000 keys",
    question: "memory",
    title: "Bytes per key, 1,000,000 keys",
    row: "cluster-storage, joined and not read",
    beside: ["the bytes of key and value", "lru-cache"],
  },
];
const SUMMARY_HEADINGS = ["what", "cluster-storage", "beside it, in the same run"];

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

const machinesOf = (results) =>
  [...new Set(Object.values(results).map(({ machine }) => machine.split(";").slice(0, 3).join(";")))].join("; ");

/** All figures that have a target, as Markdown. */
export function showFigures(results) {
  const lines = Object.values(results).flatMap(({ tables = [] }) =>
    tables.flatMap((table) => (table.targets ?? []).map((target) => lineOf(table, target)).filter(Boolean)),
  );
  return `Measured by \`npm run bench\` on ${machinesOf(results)}.\n\n${alignCells([HEADINGS, ...lines])}\n`;
}

/**
 * The five figures of the README, as Markdown; a row that was not measured is left out.
 * @throws Error when a question has no table of that title any more.
 */
export function showSummary(results) {
  const lines = SUMMARY.map(({ what, question, title, row, beside }) => {
    const table = results[question]?.tables.find((table) => table.title === title);
    if (table === undefined) throw new Error(`expected results of a table "${title}"`);
    const figure = (name) => table.rows.find((row) => row.name === name && row.rounds !== undefined);
    const shown = (name) => show(median(figure(name).rounds), table.unit);
    const others = beside.filter(figure).map((name) => `${name.replace(/, .*/, "")} ${shown(name)}`);
    return figure(row) && [what, shown(row), others.join(", ")];
  });
  return `${alignCells([SUMMARY_HEADINGS, ...lines.filter(Boolean)])}\n`;
}

/**
 * Writes the figures between the marks in the README and in `docs/figures.md`.
 * @throws Error when there are no results, or some of them are of a short run, which does not show the speed.
 */
export function writeReadme() {
  const results = readResults();
  const found = Object.values(results);
  if (found.length === 0 || found.some(({ isShort }) => isShort))
    throw new Error('expected results of "npm run bench"');
  writeBetween(README, showSummary(results));
  writeBetween(FIGURES, showFigures(results));
}

function writeBetween(file, figures) {
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text.replace(BETWEEN, (_, begin, end) => `${begin}${figures}${end}`),
  );
}
