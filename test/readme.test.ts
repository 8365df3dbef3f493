import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
/** What the programs import besides the package. */
const FRAMEWORKS = ["express", "express-session", "fastify"];
const README = readFileSync(join(root, "README.md"), "utf8");

/** The programs in the README: the blocks of code that import the package. */
const programs = [...README.matchAll(/```js\n(import [\s\S]*?)```/g)].map((match) => match[1] as string);

/** What a program prints, as its comments say. */
function promised(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1] as string);
}

/** What a program in a folder, which is a server, answers to the first request. */
async function answered(folder: string): Promise<unknown> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  const server = spawn(process.execPath, ["program.mjs"], { cwd: folder, env: { ...process.env, PORT: `${port}` } });
  const ended = once(server, "exit");
  try {
    for (const deadline = Date.now() + 30_000; ; await sleep(20)) {
      const response = await fetch(`http://localhost:${port}/`).catch((error: Error) => error);
      if (response instanceof Response) return await response.json();
      if (Date.now() > deadline || server.exitCode !== null) throw response;
    }
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

/** Options that the README says are the default. */
function documentedOptions(): string[] {
  const table = README.slice(README.indexOf("\n## Options"), README.indexOf("\n## Methods"));
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] as string);
}

describe("the README", () => {
  for (const [index, program] of programs.entries()) {
    const isServer = /\.listen\(/.test(program);
    it(`has program ${index + 1} that ${isServer ? "answers" : "prints what its comments say"}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "cluster-storage-readme-"));
      try {
        mkdirSync(join(folder, "node_modules"));
        symlinkSync(root, join(folder, "node_modules", "cluster-storage"), "dir");
        for (const name of FRAMEWORKS)
          symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
        writeFileSync(join(folder, "program.mjs"), program);
        if (isServer) assert.deepEqual(await answered(folder), { visits: 1 });
        else {
          const { stdout } = await run(process.execPath, ["program.mjs"], { cwd: folder, timeout: 60_000 });
          assert.deepEqual(stdout.trim().split("\n"), promised(program));
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  it("begins with a program of at most 15 lines", () => {
    assert.ok(programs.length > 0);
    const lines = (programs[0] ?? "").split("\n").filter((line) => line.trim() !== "");
    assert.ok(lines.length <= 15, `got ${lines.length}`);
  });

  it("describes every option", () => {
    const source = readFileSync(join(root, "src/core/options.ts"), "utf8");
    const body = source.slice(source.indexOf("interface StorageOptions"), source.indexOf("\n}\n"));
    const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1] as string);
    assert.deepEqual(documentedOptions().sort(), options.sort());
  });

  it("has a heading for each link within it", () => {
    const anchors = (README.match(/^#+ .*$/gm) ?? []).map((heading) =>
      heading
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^a-z0-9 _-]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = [...README.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1] as string);
    assert.deepEqual(
      links.filter((link) => !anchors.includes(link)),
      [],
    );
  });
});
