/**
 * Why the seat is taken by files and locks of this package: `manager-process`, which names a manager from the list of processes,
 * cannot name one that its own worker agrees with.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PACKAGE = createRequire(import.meta.url).resolve("manager-process");
const WORKERS = 4;
const DEADLINE_MS = 60_000;

/** Asks every worker once all of them are online, and ends when all have answered. */
const CLUSTER = `
const cluster = require("node:cluster");
if (cluster.isPrimary) {
  const answers = [];
  let onlineCount = 0;
  for (let count = 0; count < ${WORKERS}; count++) cluster.fork();
  cluster.on("online", () => {
    if (++onlineCount === ${WORKERS}) for (const worker of Object.values(cluster.workers)) worker.send("answer");
  });
  cluster.on("message", (_, answer) => {
    if (answers.push(answer) < ${WORKERS}) return;
    console.log(JSON.stringify(answers));
    process.exit();
  });
} else {
  const { isManager } = require(${JSON.stringify(PACKAGE)});
  const send = (answer) => process.send({ pid: process.pid, ...answer });
  process.on("message", () => isManager().then((isManager) => send({ isManager }), (error) => send({ error: error.message })));
}
`;

function program(t: TestContext, name: string, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-manager-process-"));
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe("manager-process", () => {
  it("names no worker of a cluster as the manager: each is missing from the list that it searches", async (t) => {
    const { stdout } = await run(process.execPath, [program(t, "workers.cjs", CLUSTER)], { timeout: DEADLINE_MS });
    const answers = JSON.parse(stdout) as ReadonlyArray<{ pid: number; isManager?: boolean; error?: string }>;
    assert.equal(new Set(answers.map(({ pid }) => pid)).size, WORKERS);
    assert.deepEqual(
      answers.filter(({ isManager }) => isManager !== false),
      [],
    );
  });

  it("cannot be imported into a process that was started from an ES module", async (t) => {
    const file = program(t, "module.mjs", `await import(${JSON.stringify(pathToFileURL(PACKAGE).href)});`);
    await assert.rejects(run(process.execPath, [file]), { code: 1, stderr: /TypeError: .*'filename'/ });
  });
});
