/** Plots as SVG text, by vega-lite: bars for a table, lines on logarithmic axes for a curve. */
import { parse, View } from "vega";
import { compile } from "vega-lite";
import { describeExponent, mediansOf } from "./curves.mjs";
import { median } from "./statistics.mjs";
import { isLessBetter, show } from "./units.mjs";

const WIDTH_PX = 460;
const HEIGHT_PX = 260;
const ROW_PX = 20;
const OURS = "#2f6db5";
const LIMIT = "#555555";
const PEER = "#c3c9d0";
const CONFIG = {
  background: "white",
  font: "sans-serif",
  view: { stroke: null },
  axis: { labelLimit: 0, gridColor: "#eeeeee" },
  legend: { labelLimit: 0 },
};

async function svgOf(specification) {
  const { spec } = compile({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    config: CONFIG,
    ...specification,
  });
  const view = new View(parse(spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

/** Whether a row of a table is of this package: all that do not name another store begin so. */
export const isOurs = (name) => name.startsWith("cluster-storage") && !name.startsWith("cluster-storage 1");

function kindOf(name, table) {
  if (isOurs(name)) return "cluster-storage";
  return name === table.limit ? "physical limit" : "others";
}

/** The medians of a table as bars; null when there is nothing to compare. */
export async function plotTable(table) {
  const rows = table.rows.filter((row) => row.rounds !== undefined && median(row.rounds) > 0);
  if (rows.length < 2) return null;
  const values = rows.map(({ name, rounds }) => {
    const figure = median(rounds);
    return { name, figure, text: show(figure, table.unit), kind: kindOf(name, table) };
  });
  const figures = values.map(({ figure }) => figure);
  const isWide = Math.max(...figures) > 30 * Math.min(...figures);
  const scale = isWide ? { type: "log", domainMin: Math.min(...figures) / 2 } : { zero: true };
  const kinds = { domain: ["cluster-storage", "physical limit", "others"], range: [OURS, LIMIT, PEER] };
  const better = isLessBetter(table.unit) ? "less is better" : "more is better";
  const x = { field: "figure", type: "quantitative", scale, axis: { labels: false, ticks: false, title: null } };
  const y = { field: "name", type: "nominal", sort: null, title: null };
  return svgOf({
    title: { text: table.title, subtitle: isWide ? `${better}; logarithmic` : better, anchor: "start" },
    width: WIDTH_PX,
    height: rows.length * ROW_PX,
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: "bar", clip: true },
        encoding: {
          x: isWide ? { ...x, scale: { ...scale, nice: false } } : x,
          ...(isWide ? { x2: { datum: Math.min(...figures) / 2 } } : {}),
          color: { field: "kind", type: "nominal", scale: kinds, legend: { title: null, orient: "bottom" } },
        },
      },
      { mark: { type: "text", align: "left", dx: 4 }, encoding: { x, text: { field: "text" } } },
    ],
  });
}

/** A curve on logarithmic axes, with the exponent of each series in its legend. */
export async function plotCurve(curve) {
  const values = curve.series.flatMap((series) => {
    const name = `${series.name} ${describeExponent(series)}`;
    return mediansOf(series).map(({ x, y }) => ({ name, x, y: scaledTo(curve.unit, y) }));
  });
  const sizes = [...new Set(values.map(({ x }) => x))].sort((a, b) => a - b);
  const log = (field, title, axis) => ({
    field,
    type: "quantitative",
    scale: { type: "log", nice: false },
    title,
    axis,
  });
  return svgOf({
    title: { text: curve.title, anchor: "start" },
    width: WIDTH_PX,
    height: HEIGHT_PX,
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: log("x", curve.x, { values: sizes, format: ",d" }),
      y: log("y", AXIS[curve.unit].title, { format: "~s" }),
      color: { field: "name", type: "nominal", sort: null, title: null, legend: { orient: "bottom", columns: 1 } },
    },
  });
}

/** Times in seconds and sizes in bytes, so that the axis can write "us" and "MB" by itself. */
const AXIS = {
  ns: { title: "seconds", scale: 1e-9 },
  bytes: { title: "bytes", scale: 1 },
  "bytes/s": { title: "bytes per second", scale: 1 },
  "/s": { title: "per second", scale: 1 },
};

const scaledTo = (unit, value) => value * AXIS[unit].scale;
