/** The examples of `docs/testing.md`, and one more program, pass by the test runners that they are for, with the packed package. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { installWith, linkPackages, pack, root } from "../packaging/packed.js";

const run = promisify(execFile);
const DEADLINE_MS = 240_000;
const OUTSIDE = join(root, "test/outside");
const FRAMEWORKS = ["express", "express-session", "fastify", "@fastify/cookie", "@fastify/session"];

/** The examples by the names that their first lines give them. */
const examples = new Map(
  [...readFileSync(join(root, "docs/testing.md"), "utf8").matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(
    ([, name = "", text = ""]) => [name, text],
  ),
);

/** The suite for session stores, for the store of this package. */
const SUITE = `
const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { ClusterSessionStore } = require("cluster-storage");
const { sessionStoreTests } = require("cluster-storage/session-store-tests");
const express = require("express");
const session = require("express-session");

const create = () => new ClusterSessionStore({ name: randomUUID(), persist: false });
sessionStoreTests({ test, assert, create, frameworks: { express: { express, session } } });
`;

/** Sessions and errors in TypeScript, for ts-jest, which also checks the types. */
const TYPED = `
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ClusterSessionStore, Storage, StorageError } from "cluster-storage";
import { clusterStorage } from "cluster-storage/express";
import express from "express";
import session from "express-session";
// @ts-expect-error its types are not installed
import request from "supertest";

declare module "express-session" {
  interface SessionData {
    visits: number;
  }
}

let storage: Storage;
beforeAll(async () => {
  storage = await Storage.open(randomUUID(), { persist: false });
});
afterAll(() => storage.close());

test("visits are counted for each client", async () => {
  const app = express();
  app.use(clusterStorage({ storage }));
  app.use(session({ store: new ClusterSessionStore({ storage }), secret: "s", resave: false, saveUninitialized: false }));
  app.get("/", async (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1;
    res.json([req.session.visits, await req.storage.increment("all")]);
  });
  const [ann, bob] = [request.agent(app), request.agent(app)];
  await ann.get("/").expect(200, [1, 1]);
  await ann.get("/").expect(200, [2, 2]);
  await bob.get("/").expect(200, [1, 3]);
});

test("errors are those of the package", async () => {
  storage.set("word", "a");
  // @ts-expect-error a ttl is a number
  expect(() => storage.set("word", "a", "1s")).toThrow(TypeError);
  await expect(storage.increment("word")).rejects.toThrow(StorageError);
});
`;

/** How a project compiles for ts-jest, and what that needs: `import` becomes `require`, or stays. */
const FORMATS = [
  { format: "CommonJS", type: "commonjs", preset: "ts-jest", options: "" },
  { format: "ES modules", type: "module", preset: "ts-jest/presets/default-esm", options: "--experimental-vm-modules" },
];

/** The example for Vitest, as the document says that Mocha runs it. */
const forMocha = (text: string): string => text.replace(/^import .*"vitest";\n/, "").replace("afterAll(", "after(");

describe("test runners", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-runners-"));

  /** A project of its own with these files, in which the packages above are found. */
  const project = (name: string, files: Readonly<Record<string, string | undefined>>): string => {
    const home = join(folder, name);
    mkdirSync(home);
    for (const [file, text] of Object.entries(files)) {
      assert.ok(text, `expected ${file} in the document`);
      writeFileSync(join(home, file), text);
    }
    writeFileSync(join(home, "package.json"), JSON.stringify({ name, private: true }));
    return home;
  };

  /** Runs a program of Node.js that must succeed; returns what it printed. */
  const passes = async (cwd: string, parameters: readonly string[], options = ""): Promise<string> => {
    const { NODE_TEST_CONTEXT: _, ...others } = process.env;
    const env = { ...others, NODE_OPTIONS: options, NO_COLOR: "1" };
    const call = run(process.execPath, [...parameters], { cwd, env, timeout: DEADLINE_MS, maxBuffer: 2 ** 26 });
    const { stdout, stderr } = await call.catch((error) => assert.fail(`${error.stdout}\n${error.stderr}`));
    return stdout + stderr;
  };

  before(async () => {
    const { filename } = await pack(folder);
    await installWith(folder, join(folder, filename), ["lodash", "fastify-plugin", ...FRAMEWORKS]);
    linkPackages(folder, ["@types/node", "@types/express", "@types/express-session"], root);
    linkPackages(folder, ["vitest", "supertest", "ts-jest", "@jest/globals"], OUTSIDE);
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  it("node:test runs its examples", async () => {
    const names = ["visits.test.mjs", "expiry.test.mjs"];
    const home = project("node", Object.fromEntries(names.map((name) => [name, examples.get(name)])));
    assert.match(await passes(home, ["--test", "--test-reporter=tap", ...names]), /^# pass 2$/m);
  });

  it("Vitest runs its example", async () => {
    const home = project("vitest", { "cart.test.mjs": examples.get("cart.test.mjs") });
    const cli = join(OUTSIDE, "node_modules/vitest/vitest.mjs");
    assert.match(await passes(home, [cli, "run"]), /Tests +1 passed/);
  });

  it("Mocha runs the same", async () => {
    const home = project("mocha", { "cart.test.mjs": forMocha(examples.get("cart.test.mjs") ?? "") });
    const cli = join(OUTSIDE, "node_modules/mocha/bin/mocha.js");
    assert.match(await passes(home, [cli, "cart.test.mjs"]), /1 passing/);
  });

  const nightly = { skip: process.env.CLUSTER_STORAGE_NIGHTLY ? false : "it is for the nightly run" };
  it("Jest runs the suite for session stores with the store of this package", nightly, async () => {
    const home = project("suite", { "suite.test.js": SUITE });
    const printed = await passes(home, [join(OUTSIDE, "node_modules/jest/bin/jest.js")]);
    assert.match(printed, /^Tests: +\d+ skipped, [4-9]\d passed/m);
  });

  for (const [version, name] of [
    ["29", "jest29"],
    ["30", "jest"],
  ]) {
    const cli = join(OUTSIDE, `node_modules/${name}/bin/jest.js`);
    const example = { "limit.test.js": examples.get("limit.test.js") };

    it(`Jest ${version} runs its example, values, errors and sessions of its realm, without any setting`, async () => {
      const home = project(`jest${version}`, example);
      cpSync(join(OUTSIDE, "runners/realm.cjs"), join(home, "realm.test.js"));
      assert.match(await passes(home, [cli]), /^Tests: +9 passed/m);
    });

    it(`Jest ${version} runs sessions of Fastify where it allows import()`, async () => {
      const home = project(`jest${version}vm`, {});
      cpSync(join(OUTSIDE, "runners/realm.cjs"), join(home, "realm.test.js"));
      const printed = await passes(home, [cli, "--verbose", "-t", "Fastify"], "--experimental-vm-modules");
      assert.match(printed, /✓ Fastify with sessions/);
    });
  }

  for (const { format, type, preset, options } of FORMATS) {
    it(`ts-jest runs a test in TypeScript that it compiles to ${format}`, async () => {
      const compilerOptions = {
        ...{ module: type === "module" ? "nodenext" : "commonjs", isolatedModules: type === "module" },
        ...{ target: "es2022", strict: true, esModuleInterop: true, types: ["node"] },
      };
      const home = project(`ts-jest-${type}`, {
        "visits.test.ts": TYPED,
        "tsconfig.json": JSON.stringify({ compilerOptions }),
        "jest.config.json": JSON.stringify({ preset }),
      });
      writeFileSync(join(home, "package.json"), JSON.stringify({ name: "typed", private: true, type }));
      const cli = join(OUTSIDE, "node_modules/jest/bin/jest.js");
      assert.match(await passes(home, [cli], options), /^Tests: +2 passed/m);
    });
  }
});
