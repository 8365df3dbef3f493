import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAX_LINES = 300;
const MAX_EXPORTS = 15;
const MAX_CODES = 15;

const FOLDERS = ["src", "test", "bench", "examples", "scripts", "tools", "docs/images", ".ci", ".github"];
const DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"];
const SETTINGS = [
  "package.json",
  "package-lock.json",
  "biome.json",
  "tsconfig.json",
  "typedoc.json",
  ".gitignore",
  ".gitattributes",
];
const CODE = /\.(ts|mjs|cjs|js)$/;

const read = (name: string): string => readFileSync(join(root, name), "utf8");

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile() && !found.parentPath.includes("node_modules"))
    .map((found) => join(found.parentPath, found.name).slice(root.length))
    .filter((name) => !/\.db(\.d)?(\/|$)/.test(name));
}

const files = FOLDERS.flatMap(filesIn);
const code = files.filter((name) => CODE.test(name));
const sources = code.filter((name) => name.startsWith("src/"));
const tests = code.filter((name) => name.startsWith("test/") && name !== "test/tidy.test.ts");

function codes(): string[] {
  return [...new Set(read("src/core/errors.ts").match(/(?<=\| ")ERR_STORAGE_[A-Z_]+/g) ?? [])];
}

function someContain(names: readonly string[], text: string): boolean {
  return names.some((name) => read(name).includes(`"${text}"`));
}

/** The names that the package exports at its root, types included. */
function rootExports(): string[] {
  const lists = read("src/index.ts").matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g);
  return [...lists].flatMap((match) => (match[1] ?? "").split(",").map((name) => name.trim())).filter(Boolean);
}

describe("the files", () => {
  it(`have at most ${MAX_LINES} lines`, () => {
    const long = code.filter((name) => read(name).split("\n").length - 1 > MAX_LINES);
    assert.deepEqual(long, []);
  });

  it("have names that say what they hold", () => {
    const vague = code.filter((name) => /^(utils?|helpers?|common|misc|shared|types)\./.test(basename(name)));
    assert.deepEqual(vague, []);
  });

  it("name no path of a developer's machine and no host of a registry", () => {
    const foreign = /(^|[\s"'`(=])\/(work|root|home|Users)\/|https?:\/\/[a-z.-]*(registry|npmjs)\b|"resolved"/m;
    const found = [...files, ...DOCUMENTS, ...SETTINGS].filter((name) => existsSync(join(root, name)));
    assert.deepEqual(
      found.filter((name) => name !== "test/tidy.test.ts" && foreign.test(read(name))),
      [],
    );
  });
});

describe("the words", () => {
  it("are one per thing in the core", () => {
    const foreign = /\b(leaders?|masters?|journals?|vacuum|brokers?|checkpoints?|oplog|memtable)\b/i;
    assert.deepEqual(
      sources.filter((name) => foreign.test(read(name))),
      [],
    );
  });
});

describe("the error codes", () => {
  it(`are at most ${MAX_CODES}`, () => {
    assert.ok(codes().length > 0 && codes().length <= MAX_CODES, `got ${codes().length}`);
  });

  it("are each a heading of the documents", () => {
    const headings = read("docs/errors.md").match(/^#+ .*$/gm) ?? [];
    assert.deepEqual(
      codes().filter((name) => !headings.some((heading) => heading.includes(`\`${name}\``))),
      [],
    );
  });

  it("are each used in the source and met in a test", () => {
    const thrown = sources.filter((name) => name !== "src/core/errors.ts");
    assert.deepEqual({ notThrown: codes().filter((name) => !someContain(thrown, name)) }, { notThrown: [] });
    assert.deepEqual({ notTested: codes().filter((name) => !someContain(tests, name)) }, { notTested: [] });
  });
});

describe("the public surface", () => {
  it(`has at most ${MAX_EXPORTS} exports at the root`, () => {
    const names = rootExports();
    assert.ok(names.length > 0 && names.length <= MAX_EXPORTS, `got ${names.length}: ${names}`);
  });

  it("is described by documents that exist and point to files that exist", () => {
    for (const name of DOCUMENTS) assert.ok(existsSync(join(root, name)), `expected ${name}`);
    for (const name of DOCUMENTS) {
      const links = [...read(name).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map((match) => match[1] ?? "");
      const paths = [...read(name).matchAll(/`((?:src|test|bench|examples)\/[\w./-]+)`/g)].map(
        (match) => match[1] ?? "",
      );
      assert.deepEqual(
        [...links, ...paths].filter((path) => !existsSync(join(root, path))),
        [],
        `${name} points to files that are missing`,
      );
    }
  });
});
