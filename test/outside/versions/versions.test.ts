/**
 * The packed package in each version of Node.js, in Bun and Deno, and in NestJS. What this needs takes long to install and much room: it runs where
 * `CLUSTER_STORAGE_NIGHTLY` is set.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { installWith, linkPackages, pack, root } from "../packaging/packed.js";

const run = promisify(execFile);
const DEADLINE_MS = 240_000;
const OUTSIDE = join(root, "test/outside");
const VERSIONS = join(OUTSIDE, "versions");
const FRAMEWORKS = ["express", "express-session", "fastify", "@fastify/cookie", "@fastify/session"];

/** The example of `docs/testing.md` for node:test, with Fastify and sessions. */
const visits = /^```js\n\/\/ visits.test.mjs\n([\s\S]*?)^```$/m.exec(
  readFileSync(join(root, "docs/testing.md"), "utf8"),
)?.[1];

const ONE_CLASS = `
  const required = require("cluster-storage");
  import("cluster-storage").then(async ({ Storage }) => {
    const storage = await Storage.open("app", { path: process.argv[2] });
    console.log(Storage === required.Storage, storage.set("a", 1));
    await storage.close();
  });
`;

describe("versions", { skip: process.env.CLUSTER_STORAGE_NIGHTLY ? false : "it is for the nightly run" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-versions-"));

  /** Runs a program of Node.js that must succeed; returns what it printed. */
  const printed = async (node: string, ...parameters: string[]): Promise<{ stdout: string; stderr: string }> => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const options = { cwd: folder, env: { ...env, NO_COLOR: "1" }, timeout: DEADLINE_MS, maxBuffer: 2 ** 26 };
    return await run(node, parameters, options).catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
  };

  before(async () => {
    const { filename } = await pack(folder);
    await installWith(folder, join(folder, filename), ["lodash", "fastify-plugin", ...FRAMEWORKS]);
    linkPackages(folder, ["supertest"], OUTSIDE);
    linkPackages(folder, ["@nestjs", "reflect-metadata", "rxjs"], VERSIONS);
    assert.ok(visits, "expected the example in the document");
    writeFileSync(join(folder, "visits.test.mjs"), visits);
    writeFileSync(join(folder, "one.cjs"), ONE_CLASS);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "versions", private: true }));
    cpSync(join(OUTSIDE, "runners/realm.cjs"), join(folder, "realm.test.js"));
    cpSync(join(VERSIONS, "nest.mjs"), join(folder, "nest.mjs"));
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  for (const version of ["20", "22", "24", "26"]) {
    const node = join(VERSIONS, `node_modules/node${version}/bin/node`);

    it(`Node.js ${version} has one class, imported and required, without a warning`, async () => {
      const { stdout, stderr } = await printed(node, "one.cjs", join(folder, `data${version}`));
      assert.deepEqual([stdout, stderr], ["true 1\n", ""]);
    });

    it(`Node.js ${version} runs an application with sessions`, async () => {
      const { stdout } = await printed(node, "--test", "--test-reporter=tap", "visits.test.mjs");
      assert.match(stdout, /^# pass 1$/m);
    });

    it(`Node.js ${version} runs Jest`, async () => {
      const { stderr } = await printed(node, join(OUTSIDE, "node_modules/jest/bin/jest.js"), "realm.test");
      assert.match(stderr, /^Tests: +7 passed/m);
    });
  }

  for (const [name, program, ...parameters] of [
    ["Bun", "@oven/bun-linux-x64/bin/bun"],
    ["Deno", "@deno/linux-x64-glibc/deno", "run", "-A"],
  ] as const) {
    it(`${name} has one class, imported and required`, async () => {
      const data = join(folder, `data${name}`);
      const { stdout } = await printed(join(VERSIONS, "node_modules", program), ...parameters, "one.cjs", data);
      // Deno has no `close` of a thread's port, and prints so at the end.
      assert.match(stdout, /^true 1\n/);
    });
  }

  for (const platform of ["express", "fastify"]) {
    it(`NestJS has sessions on ${platform}`, async () => {
      const { stdout } = await printed(process.execPath, "nest.mjs", join(folder, platform), platform);
      assert.deepEqual(JSON.parse(stdout), [
        [1, 1],
        [2, 2],
        [1, 3],
      ]);
    });
  }
});
