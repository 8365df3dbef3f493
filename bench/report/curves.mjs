/**
 * How a cost grows with a size. A curve has a `title`, what its sizes are (`x`), the `unit` of its figures, and `series`, each
 * with a `name` and `points`: a size `x` and the figures of its `rounds`.
 */

import { fitExponent, median } from "./statistics.mjs";
import { alignCells } from "./table.mjs";
import { show } from "./units.mjs";

/** The points of a series with the median of each. */
export const mediansOf = (series) => series.points.map(({ x, rounds }) => ({ x, y: median(rounds) }));

/** The exponent as text: with how many times the size to what power the figures grow. */
export function describeExponent(series) {
  const exponent = fitExponent(mediansOf(series));
  return exponent === null ? "no fit" : `~ n^${exponent.toFixed(2)}`;
}

/** The curve as a table of Markdown: a line for each series, a column for each size. */
export function showCurve(curve) {
  const sizes = [...new Set(curve.series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const lines = curve.series.map((series) => {
    const medians = new Map(mediansOf(series).map(({ x, y }) => [x, y]));
    const cells = sizes.map((size) => (medians.has(size) ? show(medians.get(size), curve.unit) : ""));
    return [series.name, ...cells, describeExponent(series)];
  });
  const headings = [curve.x, ...sizes.map((size) => size.toLocaleString("en")), "grows"];
  return `\n### ${curve.title}\n\n${alignCells([headings, ...lines])}`;
}
