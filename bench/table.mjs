/** Prints one question as a table. */

export const ns = (value) => `${Math.round(value).toLocaleString("en")} ns`;
export const us = (value) => `${(value / 1e3).toFixed(value < 100e3 ? 1 : 0)} us`;
export const ms = (value) => `${(value / 1e6).toFixed(1)} ms`;
export const perSecond = (value) => `${Math.round(value).toLocaleString("en")}/s`;
export const times = (value) => `${value.toFixed(2)}x`;

/**
 * @param title The question.
 * @param columns Their headings.
 * @param rows Lists of texts, as long as `columns` at most.
 */
export function printTable(title, columns, rows) {
  const lines = [columns, ...rows].map((row) => columns.map((_, index) => String(row[index] ?? "")));
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  const format = (line) => `| ${line.map((cell, index) => cell.padEnd(widths[index])).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  console.log([`\n### ${title}\n`, format(lines[0]), rule, ...lines.slice(1).map(format)].join("\n"));
}
