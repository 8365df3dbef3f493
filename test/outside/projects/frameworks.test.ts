/**
 * Applications that are compiled before they run: of NestJS 11 in TypeScript, and standalone servers of Next.js. What this needs takes long to
 * install and much room: it runs where `CLUSTER_STORAGE_NIGHTLY` is set.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { eventually, freePort } from "../../examples/program.js";
import { installWith, linkPackages, pack, root } from "../packaging/packed.js";

const run = promisify(execFile);
const DEADLINE_MS = 240_000;
const PROJECTS = join(root, "test/outside/projects");
const NEEDED = ["lodash", "fastify-plugin"];
/** What the application of NestJS imports, and the platforms, which it installs with it. */
const NEST = ["@nestjs", "@fastify", "express", "express-session", "fastify", "reflect-metadata", "rxjs"];
const TYPES = ["node", "express", "express-session"].map((name) => `@types/${name}`);

describe("frameworks", { skip: process.env.CLUSTER_STORAGE_NIGHTLY ? false : "it is for the nightly run" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-frameworks-"));
  let archive = "";

  /** Runs a program of Node.js that must succeed; returns what it printed. */
  const printed = async (cwd: string, env: NodeJS.ProcessEnv, ...parameters: string[]): Promise<string> => {
    const { NODE_TEST_CONTEXT: _, ...others } = process.env;
    const options = { cwd, env: { ...others, ...env }, timeout: DEADLINE_MS, maxBuffer: 2 ** 26 };
    const call = run(process.execPath, parameters, options);
    const { stdout } = await call.catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
    return stdout;
  };

  before(async () => {
    archive = join(folder, (await pack(folder)).filename);
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  describe("NestJS 11, compiled to CommonJS", () => {
    const home = join(folder, "nest11");

    before(async () => {
      mkdirSync(home);
      await installWith(home, archive, [...NEEDED, ...TYPES]);
      linkPackages(home, NEST, join(PROJECTS, "nest11"));
      for (const file of ["package.json", "tsconfig.json", "main.ts"]) {
        cpSync(join(PROJECTS, "nest11", file), join(home, file));
      }
      await printed(home, {}, join(root, "node_modules/typescript/bin/tsc"), "-p", home);
    });

    for (const platform of ["express", "fastify"]) {
      it(`has sessions on ${platform}`, async () => {
        const answers = await printed(home, {}, "main.js", join(home, `data.${platform}`), platform);
        assert.deepEqual(JSON.parse(answers), [
          [1, 1],
          [2, 2],
          [1, 3],
        ]);
      });
    }
  });

  describe("Next.js", () => {
    const home = join(folder, "next");
    const servers: ChildProcess[] = [];

    before(() => {
      // Its bundler refuses links that lead out of the project.
      cpSync(join(PROJECTS, "next"), home, { recursive: true, verbatimSymlinks: true });
      for (const name of NEEDED)
        cpSync(join(root, "node_modules", name), join(home, "node_modules", name), { recursive: true });
      return installWith(home, archive, []);
    });

    after(async () => {
      for (const server of servers) {
        server.kill("SIGKILL");
        if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
      }
    });

    /** Starts the server of a folder; returns its process and how to count a visit. */
    const start = async (cwd: string): Promise<{ server: ChildProcess; count: () => Promise<unknown> }> => {
      const PORT = `${await freePort()}`;
      const env = { ...process.env, PORT, HOSTNAME: "127.0.0.1", DATA_DIR: join(cwd, "data") };
      const server = spawn(process.execPath, ["server.js"], { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
      servers.push(server);
      const ask = (method: string, path: string): Promise<Response> =>
        fetch(`http://127.0.0.1:${PORT}${path}`, { method, headers: { connection: "close" } });
      await eventually("it answers", async () => (await ask("GET", "/").catch(() => undefined))?.ok || undefined);
      return { server, count: async () => (await ask("POST", "/count")).json() };
    };

    for (const [way, EXTERNAL] of [
      ["bundled", ""],
      ["as one of serverExternalPackages", "1"],
    ]) {
      it(`has the package ${way} in its standalone server, failover included`, async () => {
        await printed(home, { EXTERNAL, NEXT_TELEMETRY_DISABLED: "1" }, "node_modules/next/dist/bin/next", "build");
        const standalone = join(folder, `standalone${EXTERNAL}`);
        cpSync(join(home, ".next/standalone"), standalone, { recursive: true, verbatimSymlinks: true });
        const copied = join(standalone, "node_modules/cluster-storage");
        if (EXTERNAL) assert.ok(existsSync(join(copied, "package.json")), "expected that it was not bundled");
        else rmSync(copied, { recursive: true, force: true });
        const [first, second] = [await start(standalone), await start(standalone)];
        assert.deepEqual(await first.count(), { visits: 1, isManager: true });
        assert.deepEqual(await second.count(), { visits: 2, isManager: false });
        first.server.kill("SIGKILL");
        await once(first.server, "exit");
        assert.deepEqual(await second.count(), { visits: 3, isManager: true });
      });
    }
  });
});
