import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { npm, pack, root } from "./packed.js";

const run = promisify(execFile);
const compiler = join(createRequire(import.meta.url).resolve("typescript/package.json"), "..", "bin", "tsc");

const WORK = `
  const storage = new Storage("app", { path: process.argv[2] });
  storage.set("user", { name: "Ann", visits: 1 });
  const total = await storage.increment("user.visits", 2);
  console.log(JSON.stringify([storage.get("user.name"), total, storage.get("none"), new StorageError("ERR_STORAGE_CLOSED", "").code]));
  await storage.close();
`;
const PRINTED = ["Ann", 3, null, "ERR_STORAGE_CLOSED"];

const TYPED_WORK = `
  const options: StorageOptions = { path: process.argv[2] ?? ".", fsync: "never" };
  const storage: Storage = new Storage("app", options);
  const user: { name: string; visits: number } = storage.set("user", { name: "Ann", visits: 1 });
  const total: number = await storage.increment(["user", "visits"], 2);
  const name: string = storage.get<string>("user.name");
  const error = new StorageError("ERR_STORAGE_CLOSED", user.name);
  const code: StorageErrorCode = error.code;
  // @ts-expect-error a ttl is a number
  if (process.argv[3]) storage.set("user", user, "1s");
  console.log(JSON.stringify([name, total, storage.get("none"), code]));
  await storage.close();
`;
const TYPED_IMPORT = `import { Storage, StorageError, type StorageErrorCode, type StorageOptions } from "cluster-storage";`;

const TSCONFIG = {
  compilerOptions: {
    module: "nodenext",
    target: "es2023",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: false,
    types: ["node"],
    skipLibCheck: false,
  },
  include: ["*.ts"],
};

/** The programs of the engine's threads, which the build writes. */
const THREADS = ["dist/core/local/machine/thread-texts.js", "dist/core/local/machine/thread-texts.cjs"];

describe("the packed package", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-pack-"));
  let packed: string[] = [];
  let runs = 0;

  const write = (name: string, text: string): void => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  };

  /** Runs a program with a fresh data directory; returns what it printed. */
  const printed = async (name: string, ...options: string[]): Promise<unknown> => {
    const { stdout } = await run(process.execPath, [...options, join(folder, name), join(folder, `data${++runs}`)], {
      cwd: folder,
    });
    return JSON.parse(stdout);
  };

  before(async () => {
    const { files, filename } = await pack(folder);
    packed = files;
    write("package.json", JSON.stringify({ name: "consumer", private: true }));
    // What it needs comes from this project's own node_modules, so that no network is needed.
    const needed = ["lodash", "fastify-plugin", "@types/node", "undici-types"].map((name) =>
      join(root, "node_modules", name),
    );
    const install = ["install", "--offline", "--install-links", "--ignore-scripts", "--no-audit", "--no-fund"];
    await run(npm, [...install, `./${filename}`, ...needed], { cwd: folder });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has the compiled code, its source and the documents, and nothing else", () => {
    const expected =
      /^(package\.json|LICENSE|(README|ARCHITECTURE|CHANGELOG)\.md|docs\/([\w-]+\.md|images\/\w+\.svg)|dist\/.+\.(js|d\.ts)(\.map)?|dist\/cjs\/[\w-]+\.(d\.cts|cjs)|dist\/core\/.+\/thread-texts\.cjs|src\/.+\.(ts|md|json))$/;
    assert.deepEqual(
      packed.filter((name) => !expected.test(name)),
      [],
    );
    for (const name of ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "dist/index.js", ...THREADS]) {
      assert.ok(packed.includes(name), `expected ${name} in the package`);
    }
    assert.deepEqual(
      packed.filter((name) => /^test\/|\.test\./.test(name)),
      [],
    );
  });

  it("has the compiled code of each source file", () => {
    const sources = packed.filter((name) => /^src\/.*\.ts$/.test(name));
    const compiled = (name: string): string => name.replace(/^src\/(.*?)(\.d)?\.ts$/, "dist/$1.js");
    assert.ok(sources.length > 0);
    assert.deepEqual(
      sources.filter((name) => !packed.includes(compiled(name))),
      [],
    );
  });

  it("runs no script when it is installed and needs lodash and fastify-plugin only", () => {
    const { scripts, dependencies } = JSON.parse(
      readFileSync(join(folder, "node_modules/cluster-storage/package.json"), "utf8"),
    );
    assert.deepEqual(Object.keys(dependencies).sort(), ["fastify-plugin", "lodash"]);
    for (const name of ["preinstall", "install", "postinstall"]) assert.equal(scripts[name], undefined);
  });

  it("works from an ES module", async () => {
    write("app.mjs", `import { Storage, StorageError } from "cluster-storage";\n${WORK}`);
    assert.deepEqual(await printed("app.mjs"), PRINTED);
  });

  it("works from CommonJS", async () => {
    write("app.cjs", `const { Storage, StorageError } = require("cluster-storage");\n(async () => {${WORK}})();`);
    assert.deepEqual(await printed("app.cjs"), PRINTED);
  });

  it("is one class, imported and required", async () => {
    write(
      "both.cjs",
      `import("cluster-storage").then((module) => console.log(module.Storage === require("cluster-storage").Storage));`,
    );
    assert.equal(await printed("both.cjs"), true);
  });

  it("is two classes with one replica where require of ES modules is switched off", async () => {
    const text = `
      const { Storage } = require("cluster-storage");
      import("cluster-storage").then(async (module) => {
        const [path] = process.argv.slice(2);
        const first = await module.Storage.open("app", { path });
        const second = await Storage.open("app", { path });
        first.set("a", 1);
        console.log(JSON.stringify([module.Storage === Storage, second.get("a")]));
        await first.close();
        await second.close();
      });
    `;
    write("two.cjs", text);
    assert.deepEqual(await printed("two.cjs", "--no-experimental-require-module"), [false, 1]);
    assert.deepEqual(await printed("two.cjs"), [true, 1]);
  });

  it("has types for a TypeScript ES module", async () => {
    write("esm/package.json", JSON.stringify({ type: "module" }));
    write("esm/tsconfig.json", JSON.stringify(TSCONFIG));
    write("esm/app.ts", `${TYPED_IMPORT}\n${TYPED_WORK}`);
    await run(process.execPath, [compiler, "-p", join(folder, "esm")]).catch((error) => assert.fail(error.stdout));
    assert.deepEqual(await printed("esm/app.js"), PRINTED);
  });

  it("has types for TypeScript that compiles to CommonJS", async () => {
    write("cjs/package.json", JSON.stringify({ type: "commonjs" }));
    write("cjs/tsconfig.json", JSON.stringify(TSCONFIG));
    write("cjs/app.ts", `${TYPED_IMPORT}\nasync function main() {${TYPED_WORK}}\nvoid main();`);
    await run(process.execPath, [compiler, "-p", join(folder, "cjs")]).catch((error) => assert.fail(error.stdout));
    assert.match(readFileSync(join(folder, "cjs/app.js"), "utf8"), /require\("cluster-storage"\)/);
    assert.deepEqual(await printed("cjs/app.js"), PRINTED);
  });
});
