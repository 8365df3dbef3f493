/** What shows the results: a page and a plot for each table and curve, in the folder `out`, which is not committed. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { showPage } from "./page.mjs";
import { plotCurve, plotTable } from "./plots.mjs";
import { readResults } from "./results.mjs";

const OUT = fileURLToPath(new URL("../out/", import.meta.url));
const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));
/** The plots that the documents show: the name of the image, and that of the plot. */
const SHOWN = { get: "get-1", throughput: "throughput-5", sessions: "sessions-1" };

async function plotsOf(name, { tables = [], curves = [] }) {
  const plots = [];
  for (const [index, table] of tables.entries()) plots.push([`${name}-${index + 1}`, await plotTable(table)]);
  for (const [index, curve] of curves.entries()) plots.push([`${name}-curve-${index + 1}`, await plotCurve(curve)]);
  return plots.filter(([, svg]) => svg !== null);
}

/** Draws the page and all plots from all the results that are kept; returns the path of the page. */
export async function drawResults() {
  const found = Object.entries(readResults());
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT);
  const plots = new Map();
  for (const [name, result] of found) {
    const svgs = await plotsOf(name, result);
    for (const [file, svg] of svgs) writeFileSync(join(OUT, `${file}.svg`), svg);
    plots.set(name, svgs);
  }
  const page = join(OUT, "results.html");
  writeFileSync(page, showPage(found, plots));
  return page;
}

/** Writes the plots that the documents show to `docs/images`, from the results that are kept. */
export async function drawImages() {
  const plots = [];
  for (const [name, result] of Object.entries(readResults())) plots.push(...(await plotsOf(name, result)));
  const svgs = new Map(plots);
  mkdirSync(IMAGES, { recursive: true });
  for (const [image, plot] of Object.entries(SHOWN)) writeFileSync(join(IMAGES, `${image}.svg`), svgs.get(plot));
}
