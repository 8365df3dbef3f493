/**
 * An application with sessions that a bundler has put into one file: it runs in a folder without node_modules, in two processes,
 * and when the manager is killed the other process takes over and knows the session.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { installWith, pack } from "./packaging/packed.js";

const run = promisify(execFile);
const DEADLINE_MS = 60_000;
/** What is installed where the application is bundled. */
const NEEDED = ["lodash", "fastify-plugin", "express", "express-session"];

const APPLICATION = `
import express from "express";
import session from "express-session";
import { ClusterSessionStore, Storage } from "cluster-storage";

async function main() {
  const storage = await Storage.open("app", { path: process.argv[2] });
  storage.on("error", (error) => console.error(error.message));
  const app = express();
  const store = new ClusterSessionStore({ storage });
  app.use(session({ store, secret: "s", resave: false, saveUninitialized: false }));
  app.get("/", (request, response) => {
    request.session.count = (request.session.count ?? 0) + 1;
    response.json(request.session.count);
  });
  const server = app.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ port: server.address().port, isManager: storage.isManager }));
  });
}

main();
`;

/** Modules of both formats, for which some bundlers take both builds of the package. */
const MIXED = {
  "mixed.mjs": `
    import { ClusterSessionStore, Storage } from "cluster-storage";
    import { other } from "./part.cjs";

    async function main() {
      const storage = await Storage.open("app", { path: process.argv[2] });
      const part = other(process.argv[2], storage);
      storage.set("a", 1);
      console.log(JSON.stringify([part.Storage === Storage, part.opened.get("a"), part.middleware.storage === storage]));
      await Promise.all([part.opened.close(), part.store.close()]);
      await storage.close();
    }

    main();
  `,
  "part.cjs": `
    const { Storage } = require("cluster-storage");
    const { clusterStorage } = require("cluster-storage/express");
    const { ClusterSessionStore } = require("cluster-storage/session-store");
    exports.other = (path, storage) => {
      const [opened, store] = [new Storage("app", { path }), new ClusterSessionStore({ path })];
      return { Storage, opened, store, middleware: clusterStorage({ storage }) };
    };
  `,
};

/** `require` for the CommonJS packages of the application in an ES module; the storage does not need it. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;

const outside = createRequire(new URL("../../test/outside/package.json", import.meta.url));
/** A package of the bundlers, which have no types that matter here. */
// biome-ignore lint/suspicious/noExplicitAny: the bundlers' own types are not needed to call them once.
const load = async (name: string): Promise<any> => {
  const loaded = await import(pathToFileURL(outside.resolve(name)).href);
  return loaded.default ?? loaded;
};

type Bundle = (entry: string, file: string) => Promise<void>;

function withEsbuild(format: "cjs" | "esm"): Bundle {
  return async (entry, outfile) => {
    const banner = format === "esm" ? { js: REQUIRE } : {};
    await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format, banner, logLevel: "error" });
  };
}

function withWebpack(isModule: boolean): Bundle {
  return async (entry, file) => {
    const webpack = await load("webpack");
    const [, path = "", filename = ""] = /^(.*)[\\\\/]([^\\\\/]+)$/.exec(file) ?? [];
    const module = {
      experiments: { outputModule: true },
      output: { path, filename, module: true, chunkFormat: "module" },
    };
    const output = isModule ? module : { output: { path, filename } };
    const options = { entry, mode: "production", target: "node20", context: join(entry, ".."), ...output };
    await new Promise<void>((resolve, reject) => {
      webpack(options, (error: Error | null, stats: { hasErrors(): boolean; toString(): string }) => {
        if (error || stats.hasErrors()) reject(error ?? new Error(stats.toString()));
        else resolve();
      });
    });
  };
}

function withRollup(format: "cjs" | "es"): Bundle {
  return async (entry, file) => {
    const { rollup } = await load("rollup");
    const names = ["@rollup/plugin-node-resolve", "@rollup/plugin-commonjs", "@rollup/plugin-json"];
    const [resolve, commonjs, json] = await Promise.all(names.map(load));
    const plugins = [
      (resolve.default ?? resolve)({ preferBuiltins: true }),
      (commonjs.default ?? commonjs)(),
      (json.default ?? json)(),
    ];
    const bundle = await rollup({ input: entry, plugins, onwarn: () => {} });
    await bundle.write({ file, format, inlineDynamicImports: true });
  };
}

/** It names its file itself, and puts what it takes for assets beside that: there must be none. */
const withNcc: Bundle = async (entry, file) => {
  const folder = `${file}.d`;
  await run(process.execPath, [outside.resolve("@vercel/ncc/dist/ncc/cli.js"), "build", entry, "-o", folder, "-q"]);
  const names = readdirSync(folder).filter((name) => name !== "package.json");
  assert.equal(names.length, 1, `expected one file, got ${names}`);
  renameSync(join(folder, names[0] as string), file);
};

const BUNDLES: readonly (readonly [name: string, extension: "cjs" | "mjs", bundle: Bundle])[] = [
  ["esbuild", "cjs", withEsbuild("cjs")],
  ["esbuild", "mjs", withEsbuild("esm")],
  ["webpack", "cjs", withWebpack(false)],
  ["webpack", "mjs", withWebpack(true)],
  ["rollup", "cjs", withRollup("cjs")],
  ["rollup", "mjs", withRollup("es")],
  ["ncc", "mjs", withNcc],
];

/** One process of the application. */
class Worker {
  readonly process: ChildProcess;
  #port = 0;

  constructor(file: string, data: string) {
    this.process = spawn(process.execPath, [file, data], {
      cwd: join(file, ".."),
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Resolves when it listens, with whether the manager is there. */
  async listening(): Promise<boolean> {
    const lines = createInterface({ input: this.process.stdout as NodeJS.ReadableStream });
    const [line] = await once(lines, "line", { signal: AbortSignal.timeout(DEADLINE_MS) });
    const { port, isManager } = JSON.parse(line);
    this.#port = port;
    return isManager;
  }

  /** The count of the session with that cookie, and its cookie. */
  async ask(cookie = ""): Promise<[count: number, cookie: string]> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const response = await fetch(`http://127.0.0.1:${this.#port}/`, { headers: { cookie }, signal });
    const set = response.headers.get("set-cookie") ?? cookie;
    return [(await response.json()) as number, set.split(";")[0] as string];
  }
}

describe("one bundled file", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-bundles-"));
  const project = join(folder, "project");
  const entry = join(project, "app.mjs");

  before(async () => {
    mkdirSync(project);
    const { filename } = await pack(folder);
    await installWith(project, join(folder, filename), NEEDED);
    writeFileSync(entry, APPLICATION);
    for (const [name, text] of Object.entries(MIXED)) writeFileSync(join(project, name), text);
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  for (const [name, bundle] of [
    ["esbuild", withEsbuild("cjs")],
    ["rollup", withRollup("cjs")],
  ] as const) {
    it(`of ${name}, of modules of both formats, has one replica`, async () => {
      const file = join(folder, `mixed.${name}.cjs`);
      await bundle(join(project, "mixed.mjs"), file);
      const { stdout } = await run(process.execPath, [file, join(folder, `data-${name}`)], { timeout: DEADLINE_MS });
      const [isOneBuild, ...found] = JSON.parse(stdout);
      assert.deepEqual(found, [1, true]);
      // esbuild goes by what each module says, and so is the one that shows two builds.
      if (name === "esbuild") assert.equal(isOneBuild, false);
    });
  }

  for (const [name, extension, bundle] of BUNDLES) {
    it(`of ${name} (${extension}) works without node_modules, sessions and failover included`, async (t) => {
      const home = mkdtempSync(join(tmpdir(), "cluster-storage-bundle-"));
      const built = join(folder, `${name}.${extension}`);
      await bundle(entry, built);
      const file = join(home, `app.${extension}`);
      copyFileSync(built, file);
      const workers = [new Worker(file, join(home, "data"))];
      t.after(async () => {
        for (const { process } of workers) {
          process.kill("SIGKILL");
          // A member that lives writes its files again when they are removed.
          if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
        }
        rmSync(home, { recursive: true, force: true, maxRetries: 10 });
      });
      const [manager] = workers as [Worker];
      assert.equal(await manager.listening(), true);
      const other = new Worker(file, join(home, "data"));
      workers.push(other);
      assert.equal(await other.listening(), false);
      const [first, cookie] = await manager.ask();
      assert.deepEqual([first, (await other.ask(cookie))[0]], [1, 2]);
      manager.process.kill("SIGKILL");
      await once(manager.process, "exit");
      assert.equal((await other.ask(cookie))[0], 3);
    });
  }
});
