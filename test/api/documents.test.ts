import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readme } from "../bench/report.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const MAX_README_WORDS = 2000;
/** Classes of other packages that ARCHITECTURE.md names. */
const PEERS = ["MemoryStore", "Map", "Date"];

const read = (name: string): string => readFileSync(join(root, name), "utf8");
const pagesIn = (folder: string): string[] => readdirSync(join(root, folder)).filter((name) => name.endsWith(".md"));
const documents = [...pagesIn("."), ...pagesIn("docs").map((name) => `docs/${name}`)];

/** The anchors that GitHub gives to the headings of a document. */
function anchorsOf(document: string): string[] {
  const headings = read(document).match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replace(/[^a-z0-9 _-]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** The links of a document to files of this repository: as they are written, the file from the root, and the anchor. */
function linksOf(document: string): Array<{ link: string; target: string; anchor: string | undefined }> {
  const { repository } = JSON.parse(read("package.json")) as { repository: { url: string } };
  const home = repository.url.replace(/^git\+|\.git$/g, "");
  const links = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
  return links.flatMap((link) => {
    const [place = "", anchor] = link.split("#");
    const path = place.startsWith(home) ? place.slice(home.length).replace(/^\/(?:blob|tree)\/main\//, "") : undefined;
    if (path !== undefined) return [{ link, target: path, anchor }];
    if (/^https?:/.test(place)) return [];
    return [{ link, target: place === "" ? document : join(dirname(document), place), anchor }];
  });
}

/** The links of a document that lead to nothing. */
function deadLinksOf(document: string): string[] {
  const isDead = ({ target, anchor }: { target: string; anchor: string | undefined }): boolean =>
    !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
  return linksOf(document)
    .filter(isDead)
    .map(({ link }) => link);
}

/** Whether the npm package has a file. */
function isPacked(name: string): boolean {
  const { files } = JSON.parse(read("package.json")) as { files: string[] };
  const always = ["LICENSE", "package.json"];
  return [...files, ...always].some((pattern) =>
    pattern.endsWith("*.md") ? dirname(name) === dirname(pattern) : name === pattern || name.startsWith(`${pattern}/`),
  );
}

/** The first cells of the rows of a table, in the part of a document below a heading. */
function rowsBelow(document: string, heading: string): string[] {
  const text = read(document);
  const start = text.indexOf(`\n${heading}\n`);
  const part = text.slice(start, text.indexOf("\n## ", start + 1));
  return [...part.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] as string);
}

/** The properties of an interface in a source file. */
function propertiesOf(file: string, name: string): string[] {
  const source = read(file);
  const body = source.slice(source.search(new RegExp(`interface ${name}\\b`)));
  return [...body.slice(0, body.indexOf("\n}\n")).matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(
    (match) => match[1] as string,
  );
}

/** The public methods and getters of a class in a source file. */
function membersOf(file: string): string[] {
  const found = read(file).matchAll(/^ {2}(?:static |async |get )*(\w+)(?:<[^>]*>)?\(/gm);
  return [...new Set([...found].map((match) => match[1] as string))].filter((name) => name !== "constructor");
}

describe("the README", () => {
  it(`has at most ${MAX_README_WORDS} words`, () => {
    const count = read("README.md").trim().split(/\s+/).length;
    assert.ok(count <= MAX_README_WORDS, `got ${count}`);
  });
});

describe("the documents", () => {
  for (const document of documents) {
    it(`have links that lead somewhere, in ${document}`, () => assert.deepEqual(deadLinksOf(document), []));
  }

  it("are found by the README: each page of docs", () => {
    const found = linksOf("README.md").map(({ target }) => target);
    assert.deepEqual(
      pagesIn("docs").filter((name) => !found.includes(`docs/${name}`) && name !== "session-stores.md"),
      [],
    );
    assert.ok(linksOf("docs/sessions.md").some(({ target }) => target === "docs/session-stores.md"));
  });

  it("that are in the npm package have links with a path to other files of the package only", () => {
    const missing = documents.filter(isPacked).flatMap((document) =>
      linksOf(document)
        .filter(({ link, target }) => !link.startsWith("https:") && !isPacked(target))
        .map(({ link }) => `${document}: ${link}`),
    );
    assert.deepEqual(missing, []);
  });

  it("name no path of a developer's machine and no host of a registry", () => {
    const foreign = /(^|[\s"'`(=])\/(work|root|home|Users)\/|https?:\/\/[a-z.-]*(registry|npmjs)\b/m;
    assert.deepEqual(
      documents.filter((document) => foreign.test(read(document))),
      [],
    );
  });

  it("describe every option, event and field of the statistics, and nothing else", () => {
    const described = [
      ["## Options", "src/core/options.ts", "StorageOptions"],
      ["## Events", "src/core/api.ts", "StorageEvents"],
      ["## Statistics", "src/core/api.ts", "StorageStats"],
    ] as const;
    for (const [heading, file, name] of described) {
      assert.deepEqual(rowsBelow("docs/reference.md", heading).sort(), propertiesOf(file, name).sort());
    }
  });

  it("describe every option of a session store", () => {
    const options = [...read("src/session-store/options.ts").matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1]);
    assert.deepEqual(rowsBelow("docs/sessions.md", "## Options").sort(), options.sort());
  });

  it("describe every option and result of a limit, and every option of its adapters", () => {
    const file = "src/core/replica/limit-options.ts";
    const described = [
      ["## Options", propertiesOf(file, "StorageLimitOptions")],
      ["## The result", propertiesOf(file, "StorageLimitResult")],
      ["## Limiters of other packages", ["prefix", "timeout", "onTimeout"]],
    ] as const;
    for (const [heading, names] of described)
      assert.deepEqual(rowsBelow("docs/limits.md", heading).sort(), [...names].sort());
  });

  it("describe every option of the suite for session stores", () => {
    const options = propertiesOf("src/session-store-tests/suite.ts", "SessionStoreTestOptions");
    assert.deepEqual(rowsBelow("docs/session-stores.md", "## How to use it").sort(), options.sort());
  });

  it("describe every method and getter of a storage, and of a session store", () => {
    const text = { reference: read("docs/reference.md"), sessions: read("docs/sessions.md") };
    const missing = (document: string, file: string, apart: string[]): string[] =>
      membersOf(file).filter((name) => !new RegExp(`\\b${name}\\b`).test(document) && !apart.includes(name));
    for (const file of ["storage", "coordinated-storage"])
      assert.deepEqual(
        missing(text.reference, `src/core/${file}.ts`, ["expectFunction", "expectOptions", "expectKnown"]),
        [],
      );
    // What express-session alone calls.
    const ofExpress = ["generate", "regenerate", "load", "createSession"];
    assert.deepEqual(missing(text.sessions, "src/session-store/store.ts", ofExpress), []);
  });

  it("say of each room what the linter says: which rooms it may import", async () => {
    const { ROOMS } = (await import(new URL("../../scripts/check-imports.mjs", import.meta.url).href)) as {
      ROOMS: Record<string, string>;
    };
    const others = (room: string, text: string): string[] =>
      text.split(" ").filter((name) => name === "core/index" || (Object.hasOwn(ROOMS, name) && name !== room));
    const checked = Object.entries(ROOMS)
      .filter(([room]) => !["index", "errors", "runtime"].includes(room))
      .map(([room, text]) => [
        room,
        others(room, text)
          .filter((name) => name !== "errors" && name !== "runtime")
          .sort(),
      ]);
    const rows = [...read("ARCHITECTURE.md").matchAll(/^\| `src\/[\w/-]*?([\w-]+)(?:\.ts)?` \|.*\|(.*)\|$/gm)];
    const described = rows.map(([, room, cell = ""]) => [
      room as string,
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name).sort(),
    ]);
    assert.deepEqual(Object.fromEntries(described), Object.fromEntries(checked));
  });

  it("name parts that the source has", () => {
    const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
    const source = names
      .filter((name) => name.endsWith(".ts"))
      .map((name) => read(`src/${name}`))
      .join("");
    const parts = [...read("ARCHITECTURE.md").matchAll(/`([A-Za-z]+[a-z][A-Z]\w+|[A-Z][a-z]+)`/g)];
    assert.deepEqual(
      parts
        .map(([, name]) => name as string)
        .filter((name) => !PEERS.includes(name) && !new RegExp(`\\b${name}\\b`).test(source)),
      [],
    );
  });

  it("show the figures that were measured last", () => {
    const results: unknown = JSON.parse(read("bench/results.json"));
    assert.ok(read("docs/figures.md").includes(readme.showFigures(results)), "run npm run bench -- --readme");
    assert.ok(read("README.md").includes(readme.showSummary(results)), "run npm run bench -- --readme");
  });
});
