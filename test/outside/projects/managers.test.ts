/**
 * Installed by package managers that let a package find nothing but what it names: pnpm's node_modules, and Yarn's Plug'n'Play. And by npm
 * from git, where `prepare` compiles it. They fetch packages, so this runs where `CLUSTER_STORAGE_NIGHTLY` is set.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { npm, pack, root } from "../packaging/packed.js";

const run = promisify(execFile);
const DEADLINE_MS = 240_000;
const PROJECT = join(root, "test/outside/projects/sessions");
const INSTALLED = join(root, "test/outside/versions/node_modules");
const PNPM = join(INSTALLED, "@pnpm/exe.linux-x64/pnpm");
const YARN = join(INSTALLED, "@yarnpkg/cli-dist/bin/yarn.js");
const YARN_SETTINGS =
  "nodeLinker: pnp\nenableGlobalCache: false\nenableImmutableInstalls: false\nenableTelemetry: false\n";

/** The programs of the project: an ES module and CommonJS. */
const PROGRAMS = ["express.mjs", "fastify.cjs"];
const ANSWERS = [
  [1, 1],
  [2, 2],
  [1, 3],
];

describe("package managers", {
  skip: process.env.CLUSTER_STORAGE_NIGHTLY ? false : "it is for the nightly run",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-managers-"));
  let archive = "";

  /** Runs a program that must succeed; returns what it printed. */
  const printed = async (cwd: string, program: string, ...parameters: string[]): Promise<string> => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const call = run(program, parameters, { cwd, env, timeout: DEADLINE_MS, maxBuffer: 2 ** 26 });
    const { stdout } = await call.catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
    return stdout;
  };

  /** The project with these files more, and with the package among its dependencies. */
  const project = (name: string, files: Readonly<Record<string, string>> = {}): string => {
    const home = join(folder, name);
    cpSync(PROJECT, home, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    manifest.dependencies["cluster-storage"] = `file:${archive}`;
    writeFileSync(join(home, "package.json"), JSON.stringify(manifest));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(home, file), text);
    return home;
  };

  before(async () => {
    archive = join(folder, (await pack(folder)).filename);
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  it("pnpm installs it for applications with sessions", async () => {
    const home = project("pnpm");
    await printed(home, PNPM, "install", "--no-frozen-lockfile", "--store-dir", join(folder, "store"));
    assert.ok(!existsSync(join(home, "node_modules/lodash")), "expected that only what the project names is found");
    for (const program of PROGRAMS) {
      const answers = await printed(home, process.execPath, program, join(home, `data.${program}`));
      assert.deepEqual(JSON.parse(answers), ANSWERS);
    }
  });

  it("Yarn installs it for applications with sessions, without node_modules", async () => {
    const registry = (await printed(folder, npm, "config", "get", "registry")).trim();
    const home = project("yarn", {
      ".yarnrc.yml": `${YARN_SETTINGS}npmRegistryServer: ${JSON.stringify(registry)}\n`,
      // The project begins here, whatever is in the folders above.
      "yarn.lock": "",
    });
    await printed(home, process.execPath, YARN, "install");
    assert.ok(!existsSync(join(home, "node_modules")));
    for (const program of PROGRAMS) {
      const answers = await printed(home, process.execPath, YARN, "node", program, join(home, `data.${program}`));
      assert.deepEqual(JSON.parse(answers), ANSWERS);
    }
  });

  it("npm installs it from git, and compiles it", async () => {
    const home = project("git");
    const install = ["install", "--no-audit", "--no-fund", `git+${pathToFileURL(root)}`];
    await printed(home, npm, ...install);
    for (const program of PROGRAMS) {
      const answers = await printed(home, process.execPath, program, join(home, `data.${program}`));
      assert.deepEqual(JSON.parse(answers), ANSWERS);
    }
  });
});
