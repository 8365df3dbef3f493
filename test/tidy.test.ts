import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAX_LINES = 300;
/** Files where one class holds one invariant may be longer, up to `MAX_CLASS_LINES`; they are listed. */
const MAX_CLASS_LINES = 350;
const CLASS_FILES: readonly string[] = [
  "src/core/local/hub/host.ts",
  "src/core/local/hub/hub.ts",
  "src/core/local/member/hub-session.ts",
  "src/core/local/member/local-log.ts",
  "src/core/replica/pending-queue.ts",
  "src/core/replica/replica.ts",
  "src/core/storage.ts",
];
const MAX_EXPORTS = 20;
const MAX_CODES = 20;

const FOLDERS = ["src", "test", "bench", "examples", "scripts", "tools", "docs", ".ci", ".github"];
const DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"];
/** What people read besides `docs`; the change log may quote the words of others. */
const WRITTEN = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];
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
    .filter((name) => !/\.db(\.d)?(\/|$)|^docs\/api\//.test(name));
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
    const mostOf = (name: string): number => (CLASS_FILES.includes(name) ? MAX_CLASS_LINES : MAX_LINES);
    const long = code.filter((name) => read(name).split("\n").length - 1 > mostOf(name));
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

/** Words that stand for a thing which has another name here. Those with a second meaning, as "node" or "index", are not among them. */
const FOREIGN = new RegExp(
  `\\b(${[
    ...[
      "leaders?",
      "masters?",
      "brokers?",
      "journals?",
      "WAL",
      "AOF",
      "oplog",
      "memtable",
      "transactions?",
      "packets?",
    ],
    ...["checkpoints?", "vacuum\\w*", "optimistic\\w*", "dirty", "committed", "poisoned", "spoiled", "unsound"],
    ...["for ever"],
  ].join("|")})\\b`,
  "i",
);

describe("the words", () => {
  it("are one per thing in the source and the documents", () => {
    const texts = [...sources, ...files.filter((name) => /^docs\/[\w-]+\.md$/.test(name)), ...WRITTEN];
    const found = texts.flatMap((name) =>
      read(name)
        .split("\n")
        .filter((line) => FOREIGN.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    );
    assert.deepEqual(found, []);
  });

  it("of a test's name do not refer to what is not in the repository", () => {
    const tagged = tests.filter((name) => /\b(?:it|test|describe)\(\s*["'`]\[\d/.test(read(name)));
    assert.deepEqual(tagged, []);
  });
});

describe("the imports", async () => {
  interface Import {
    readonly file: string;
    readonly wanted: string;
    readonly room: string;
  }
  const { breaches, importsOf, ROOMS } = (await import(
    new URL("../scripts/check-imports.mjs", import.meta.url).href
  )) as {
    breaches(imports?: readonly Import[], rooms?: Record<string, string>): string[];
    importsOf(): Import[];
    ROOMS: Record<string, string>;
  };

  it("run as the table says", () => assert.deepEqual(breaches(), []));

  it("that break the table are found", () => {
    const made = { file: "core/log/frame", wanted: "core/state/table", room: "state" };
    assert.deepEqual(breaches([...importsOf(), made]), ["core/log/frame.ts imports core/state/table, but log may not"]);
    const outside = { file: "core/log/frame", wanted: "node:fs", room: "node:fs" };
    assert.deepEqual(breaches([...importsOf(), outside]), [
      "core/log/frame.ts imports node:fs, which only files, kernel may",
    ]);
  });

  it("that the table allows and no file needs are found", () => {
    assert.deepEqual(breaches(importsOf(), { ...ROOMS, log: `${ROOMS.log} state` }), [
      "the table allows log -> state, which no file uses",
    ]);
  });
});

describe("casts", () => {
  it("of errors to those of the system are in one place at most", () => {
    const found = sources.flatMap(
      (name) =>
        read(name)
          .match(/as NodeJS\.ErrnoException/g)
          ?.map(() => name) ?? [],
    );
    assert.ok(found.length <= 1, `got ${found}`);
  });
});

/** What tests of applications put clocks of their own in place of. */
const REPLACED =
  /\b(queueMicrotask|(?:set|clear)(?:Timeout|Interval|Immediate)|nextTick|hrtime|performance|Date|node:timers\S*|node:perf_hooks)\b/;

/** The code of a file without its comments, and without texts other than names of modules. */
function codeOf(text: string): string {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  return bare.replaceAll(/"(?!node:)(?:[^"\\\n]|\\.)*"/g, '""');
}

describe("the clock and the event loop", () => {
  it("are those of one file, which keeps them from when it was loaded", () => {
    const found = sources.filter((name) => REPLACED.test(codeOf(read(name))));
    assert.deepEqual(found, ["src/core/runtime.ts"]);
  });

  it("are found in code and not in comments or texts", () => {
    assert.equal(
      codeOf('/** setTimeout */ a("Date", import("node:timers")); // queueMicrotask').trim(),
      'a("", import("node:timers"));',
    );
    for (const code of [
      "setTimeout(end, 5)",
      "new Date()",
      "process.nextTick(end)",
      'import t from "node:timers/promises"',
    ])
      assert.match(codeOf(code), REPLACED);
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
