/** The programs in the documents: found, installed in a folder of their own, and run. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
export const root = fileURLToPath(new URL("../..", import.meta.url));
/** What the programs import besides the package. */
const FRAMEWORKS = [
  ...["express", "express-session", "express-rate-limit", "rate-limiter-flexible"],
  ...["fastify", "@fastify/cookie", "@fastify/session", "@fastify/rate-limit"],
];
export const DEADLINE_MS = 60_000;

export interface Block {
  readonly title: string;
  readonly text: string;
}

/** The blocks of code in a document. */
export function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), "utf8");
  const found = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)];
  return found.map((match, index) => ({ title: `${document}, block ${index + 1}`, text: match[1] as string }));
}

/** A folder with the package and the frameworks installed, and a program. */
export function install(name: string, program: string): string {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-readme-"));
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  mkdirSync(join(folder, "node_modules", "@fastify"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules", "cluster-storage"), "dir");
  for (const name of FRAMEWORKS) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(join(folder, name), program);
  return folder;
}

/** What a program prints. */
export async function printed(name: string, program: string): Promise<string[]> {
  const folder = install(name, program);
  const { stdout } = await run(process.execPath, [name], { cwd: folder, timeout: DEADLINE_MS });
  return stdout.split("\n").filter((line) => line !== "");
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** Runs a server in a folder, in a process group of its own, while `use` asks it. */
export async function serve(folder: string, use: (url: string, server: ChildProcess) => Promise<void>): Promise<void> {
  const port = await freePort();
  const env = { ...process.env, PORT: `${port}` };
  const server = spawn(process.execPath, ["app.mjs"], { cwd: folder, env, detached: true });
  const ended = once(server, "exit");
  try {
    const url = `http://localhost:${port}/`;
    for (const deadline = Date.now() + DEADLINE_MS; ; await sleep(20)) {
      const error = await fetch(`${url}nothing`).then(
        () => null,
        (error: Error) => error,
      );
      if (error === null) break;
      if (Date.now() > deadline || server.exitCode !== null) throw error;
    }
    await use(url, server);
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}
