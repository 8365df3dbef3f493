/** Processes in which a thread cannot start as usual, or whose code is not on the disk any more: they open, and fail over. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { temporaryDirectory } from "../../proof/cluster/processes.js";
import { teardown } from "../../proof/cluster/teardown.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DEADLINE_MS = 60_000;
const PERMISSION = process.allowedNodeEnvironmentFlags.has("--permission")
  ? "--permission"
  : "--experimental-permission";

/** Opens the storage, or says why it does not open; adds one for each line that it reads. */
const programOf = (core: string, path: string, options = ""): string => `
  import { createInterface } from "node:readline";
  import { Storage } from ${JSON.stringify(core)};
  async function main() {
    const storage = await Storage.open("app", { path: ${JSON.stringify(path)}, ${options} });
    storage.on("error", (error) => console.error(error.message));
    console.log("open " + storage.isManager);
    for await (const _ of createInterface({ input: process.stdin })) console.log("is " + (await storage.increment("n")));
    await storage.close();
  }
  main().catch((error) => console.log(error.code + " " + error.message));
`;

interface Start {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Commands of the shell before the program. */
  readonly shell?: string;
}

class Program {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, file: string, { args = [], env = {}, shell = "" }: Start = {}) {
    const command = [...args, file].map((part) => `'${part}'`).join(" ");
    this.process = spawn("sh", ["-c", `${shell} exec '${process.execPath}' ${command}`], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.process.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    // A member that lives writes its files again when they are removed.
    teardown(t, async () => {
      this.process.kill("SIGKILL");
      if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
    });
  }

  async line(): Promise<string> {
    const timer = setTimeout(() => this.process.kill("SIGKILL"), DEADLINE_MS);
    const { value } = await this.#lines.next();
    clearTimeout(timer);
    return value ?? "nothing";
  }

  async add(): Promise<string> {
    this.process.stdin?.write("add\n");
    return this.line();
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }
}

/** A program that is one file, so that it needs few open files and no permission for others. */
async function bundled(t: TestContext, options = ""): Promise<string> {
  const folder = temporaryDirectory(t);
  const entry = join(folder, "in.mjs");
  const outfile = join(folder, "app.cjs");
  writeFileSync(entry, programOf(join(ROOT, "dist/index.js"), join(folder, "data"), options));
  await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "cjs", logLevel: "error" });
  return outfile;
}

/** Starts two processes, kills the manager, and expects the other one to go on. */
async function expectFailover(t: TestContext, file: string, start: Start = {}, beforeKill = () => {}): Promise<void> {
  const manager = new Program(t, file, start);
  assert.equal(await manager.line(), "open true");
  const other = new Program(t, file, start);
  assert.equal(await other.line(), "open false");
  assert.equal(await manager.add(), "is 1");
  beforeKill();
  await manager.kill();
  assert.equal(await other.add(), "is 2");
}

test("a failover uses the code that the process was started with, when that is removed or replaced on the disk", async (t) => {
  const folder = temporaryDirectory(t);
  const home = join(folder, "node_modules/cluster-storage");
  cpSync(join(ROOT, "dist"), join(home, "dist"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(home, "package.json"));
  cpSync(join(ROOT, "node_modules/lodash"), join(folder, "node_modules/lodash"), { recursive: true });
  const file = join(folder, "app.mjs");
  writeFileSync(file, programOf("cluster-storage", join(folder, "data")));
  await expectFailover(t, file, {}, () => {
    renameSync(join(folder, "node_modules"), join(folder, "old"));
    mkdirSync(join(home, "dist"), { recursive: true });
    writeFileSync(join(home, "dist/index.js"), "throw new Error('code of another version')");
  });
});

const PRELOADS: Readonly<Record<string, string>> = {
  "that takes long": "for (const end = Date.now() + 700; Date.now() < end; );",
  "that calls process.chdir": 'process.chdir("/");',
  "that calls process.umask": "process.umask(0o027);",
  "that throws in a thread":
    'if (!require("node:worker_threads").isMainThread) throw new Error("this preload runs in no thread");',
  "that ends threads": 'if (!require("node:worker_threads").isMainThread) process.exit(1);',
};

for (const [name, text] of Object.entries(PRELOADS)) {
  test(`a preload of NODE_OPTIONS ${name} does not keep a process from opening, or from taking over`, async (t) => {
    const file = await bundled(t);
    const preload = join(file, "../preload.cjs");
    writeFileSync(preload, text);
    await expectFailover(t, file, { env: { NODE_OPTIONS: `--require ${preload}` } });
  });
}

test("a preload that opens the storage itself shares it with the application", async (t) => {
  const folder = temporaryDirectory(t);
  const core = join(ROOT, "dist/index.js");
  const [preload, file] = [join(folder, "preload.mjs"), join(folder, "app.mjs")];
  const data = join(folder, "data");
  writeFileSync(
    preload,
    `import { Storage } from ${JSON.stringify(core)}; globalThis.flags = await Storage.open("app", { path: ${JSON.stringify(data)} });`,
  );
  writeFileSync(file, programOf(core, data));
  await expectFailover(t, file, { env: { NODE_OPTIONS: `--import file://${preload}` } });
});

test("a process whose working directory was removed opens, and takes over", async (t) => {
  const file = await bundled(t);
  const gone = join(temporaryDirectory(t), "gone");
  await expectFailover(t, file, { shell: `mkdir '${gone}' && cd '${gone}' && rmdir '${gone}' &&` });
});

test("under the permission model without threads a process opens, and takes over", async (t) => {
  const args = [PERMISSION, "--allow-fs-read=*", "--allow-fs-write=*"];
  if (process.allowedNodeEnvironmentFlags.has("--allow-net")) args.push("--allow-net");
  await expectFailover(t, await bundled(t), { args });
});

test("with few open files a process opens, or says that these are the reason", async (t) => {
  const file = await bundled(t, "timeout: 3000");
  for (const count of [22, 24, 26, 40, 64]) {
    const program = new Program(t, file, { shell: `ulimit -n ${count};` });
    const line = await program.line();
    if (count >= 40) assert.equal(line, "open true");
    else assert.match(line, /^(open true|ERR_STORAGE_(NOT_READY|RESOURCES|DIRECTORY) )/);
    await program.kill();
  }
});

test("a process that may not be the manager rejects in time when there is none", async (t) => {
  const program = new Program(t, await bundled(t, "candidate: false, timeout: 500"));
  assert.match(await program.line(), /^ERR_STORAGE_NOT_READY .*candidate is false here/);
});
