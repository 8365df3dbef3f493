/** The generated part of `docs/session-stores.md`: which store passes which case. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type SessionStoreCase,
  type SessionStoreGroup,
  sessionStoreCases,
} from "../../../dist/session-store-tests/index.js";
import { root } from "../packaging/packed.js";

/** What became of the tests of a store, by their titles. */
export type Outcomes = Readonly<Record<string, "passed" | "failed" | "skipped">>;

/** The cells of the column of a store, by the names of the cases. */
export type Column = Readonly<Record<string, string>>;

const PAGE = join(root, "docs/session-stores.md");
const [BEGIN, END] = ["<!-- generated: begin -->", "<!-- generated: end -->"];
const HEADINGS: Readonly<Record<SessionStoreGroup, string>> = {
  contract: "### The contract",
  robustness: "### Robustness",
  "parallel requests": "### Parallel requests",
};

/** Returns what a table says of a case: yes, no, or with which framework only. */
function cellOf({ name }: SessionStoreCase, outcomes: Outcomes): string {
  const tests = Object.entries(outcomes).filter(([title]) => title.includes(`: ${name} [`));
  const passing = tests.filter(([, outcome]) => outcome === "passed").map(([title]) => title);
  if (tests.some(([, outcome]) => outcome === "skipped")) return "–";
  if (passing.length === tests.length) return "yes";
  if (passing.length === 0) return "no";
  return passing[0]?.includes("@fastify/session:") ? "Fastify" : "Express";
}

export function columnOf(outcomes: Outcomes): Column {
  return Object.fromEntries(sessionStoreCases.map((tested) => [tested.name, cellOf(tested, outcomes)]));
}

/** Returns the text of the page's generated part. */
export function generated(columns: Readonly<Record<string, Column>>, versions: string): string {
  const stores = Object.keys(columns);
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = (group: SessionStoreGroup): string[] => {
    const cases = sessionStoreCases.filter((tested) => tested.group === group);
    return [
      HEADINGS[group],
      "",
      row(["", ...stores]),
      row(["", ...stores].map(() => "---")),
      ...cases.map(({ name }) => row([name, ...stores.map((store) => columns[store]?.[name] ?? "")])),
      "",
      "Where each case comes from:",
      "",
      ...cases.map(({ name, edge, sources }) => `- **${name}.** ${edge} ${sources.map(linkOf).join(", ")}`),
      "",
    ];
  };
  const groups = Object.keys(HEADINGS) as SessionStoreGroup[];
  return [versions, "", ...groups.flatMap(table)].join("\n");
}

/** The link of an issue or pull request (one leads to the other), or of a document. */
function linkOf(source: string): string {
  const [place = "", number] = source.split("#");
  const [repository = "", document] = place.split(": ");
  const path = document === undefined ? `/issues/${number}` : "#readme";
  return `[${source}](https://github.com/${repository}${path})`;
}

/** Returns the columns of the page as it is. */
export function columnsOnPage(): Record<string, Record<string, string>> {
  const columns: Record<string, Record<string, string>> = {};
  let stores: string[] = [];
  for (const line of readFileSync(PAGE, "utf8").split("\n")) {
    if (!line.startsWith("| ")) continue;
    const [name = "", ...cells] = line.slice(2, -2).split(" | ");
    if (name === "") stores = cells;
    else if (!name.startsWith("---")) {
      for (const [index, store] of stores.entries()) {
        columns[store] ??= {};
        (columns[store] as Record<string, string>)[name] = cells[index] ?? "";
      }
    }
  }
  return columns;
}

/** Returns the generated part of the page as it is. */
export function partOnPage(): string {
  return readFileSync(PAGE, "utf8").split(`${BEGIN}\n`)[1]?.split(END)[0] ?? "";
}

export function writePart(part: string): void {
  const [before = ""] = readFileSync(PAGE, "utf8").split(BEGIN);
  const after = readFileSync(PAGE, "utf8").split(END)[1] ?? "";
  writeFileSync(PAGE, `${before}${BEGIN}\n${part}${END}${after}`);
}
