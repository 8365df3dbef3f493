/**
 * A measured table as text.
 *
 * A table has a `title`, a `unit`, the name of the row that is its physical `limit` (or none), `rows` and `targets`. A row has
 * a `name` and the figures of its `rounds`, or says why it is `absent`; `note` is a remark on the row.
 */
import { deviation, median, ratio } from "./statistics.mjs";
import { describeTarget, shareReached } from "./targets.mjs";
import { show, showTimes } from "./units.mjs";

const HEADINGS = ["what", "median", "spread", "to the limit", "to reach", "reached"];

/** Lines up cells, as a table of Markdown. */
export function alignCells(lines) {
  const widths = lines[0].map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  const format = (line) => `| ${line.map((cell, index) => cell.padEnd(widths[index])).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [format(lines[0]), rule, ...lines.slice(1).map(format)].join("\n");
}

function cellsOf(row, table) {
  const name = row.note === undefined ? row.name : `${row.name} (${row.note})`;
  if (row.rounds === undefined) return [name, `absent: ${row.absent}`, "", "", "", ""];
  const limit = table.rows.find(({ name }) => name === table.limit);
  const targets = (table.targets ?? []).filter((target) => target.row === row.name);
  const shares = targets.map((target) => shareReached(target, table));
  return [
    name,
    show(median(row.rounds), table.unit),
    `± ${show(deviation(row.rounds), table.unit)}`,
    limit?.rounds === undefined ? "" : showTimes(ratio(row.rounds, limit.rounds)),
    targets.map((target) => describeTarget(target, table.unit)).join(", "),
    shares.map(describeShare).join(", "),
  ];
}

function describeShare(share) {
  if (share === null) return "not measured";
  return share >= 1 ? "yes" : `${Math.floor(share * 100)} %`;
}

/** The table, with its title, as Markdown. Columns that are empty in all rows are left out. */
export function showTable(table) {
  const lines = [HEADINGS, ...table.rows.map((row) => cellsOf(row, table))];
  const used = HEADINGS.map((_, index) => lines.slice(1).some((line) => line[index] !== ""));
  const limit = table.limit === undefined ? "" : ` (the limit: ${table.limit})`;
  return `\n### ${table.title}${limit}\n\n${alignCells(lines.map((line) => line.filter((_, index) => used[index])))}`;
}
