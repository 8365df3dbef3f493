/** The results as one page that needs nothing else. */
import { showCurve } from "./curves.mjs";
import { showTable } from "./table.mjs";

const STYLE = `body { font: 15px/1.5 sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 14px } th, td { padding: 3px 12px; text-align: left; border-bottom: 1px solid #ddd }
svg { max-width: 100%; height: auto } .says, .machine { color: #555 }`;

const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

/** A table of Markdown, as `showTable` and `showCurve` make them, as HTML. */
function tableOf(markdown) {
  const [title, headings, , ...rows] = markdown.trim().split("\n").filter(Boolean);
  const cells = (line, tag) =>
    line
      .slice(2, -2)
      .split(" | ")
      .map((cell) => `<${tag}>${escaped(cell.trim())}</${tag}>`)
      .join("");
  const body = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n");
  return `<h3>${escaped(title.slice(4))}</h3>\n<table>\n<tr>${cells(headings, "th")}</tr>\n${body}\n</table>`;
}

function sectionOf(name, result, plots) {
  const { title, says, machine, date, tables = [], curves = [], notes = [] } = result;
  return [
    `<section id="${name}">`,
    `<h2>${escaped(title)}</h2>`,
    `<p class="says">${escaped(says)}</p>`,
    ...tables.map((table) => tableOf(showTable(table))),
    ...curves.map((curve) => tableOf(showCurve(curve))),
    ...notes.map((note) => `<p>${escaped(note)}</p>`),
    ...plots.map(([, svg]) => `<figure>${svg}</figure>`),
    `<p class="machine">${escaped(`${date}; ${machine}`)}</p>`,
    "</section>",
  ].join("\n");
}

/**
 * The page.
 * @param found Pairs of a question's name and its results.
 * @param plots By name of the question, pairs of a file's name and its SVG.
 */
export function showPage(found, plots) {
  const links = found.map(([name, { title }]) => `<li><a href="#${name}">${escaped(title)}</a></li>`).join("\n");
  const sections = found.map(([name, result]) => sectionOf(name, result, plots.get(name))).join("\n");
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>cluster-storage: the benchmark</title>`;
  const body = `<h1>cluster-storage: the benchmark</h1>\n<ul>\n${links}\n</ul>\n${sections}`;
  return `<!doctype html>\n<html lang="en">\n<head>${head}<style>${STYLE}</style></head>\n<body>\n${body}\n</body>\n</html>\n`;
}
