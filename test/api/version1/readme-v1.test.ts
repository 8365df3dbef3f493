import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const OBSERVER = new URL("observer.js", import.meta.url).href;
const DEADLINE_MS = 30_000;

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url));

/** What worker 1 prints, as promised by the comments of the example. */
const PROMISED = [
  "Hello, World!",
  "{ name: 'World', greeting: 'Hello' }",
  "null",
  "{ name: 'Mr. World', greeting: 'Hello' }",
  "Hi",
  "null",
  "{ name: 'Mr. World' }",
];

/** Runs an example until every worker has seen its final state; returns what each worker printed. */
async function run(name: string): Promise<Map<string, string[]>> {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-v1-"));
  const program = spawn(process.execPath, ["--import", OBSERVER, example(name)], { cwd: directory });
  let output = "";
  let errors = "";
  program.stderr.on("data", (chunk) => (errors += chunk));
  program.stdout.on("data", (chunk) => {
    output += chunk;
    if (output.match(/: final$/gm)?.length === cpus().length && isPrinted(output)) program.kill("SIGKILL");
  });
  const timer = setTimeout(() => program.kill("SIGKILL"), DEADLINE_MS);
  await once(program, "close");
  clearTimeout(timer);
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  assert.equal(errors, "");
  return byWorker(output);
}

const isPrinted = (output: string): boolean => (byWorker(output).get("1") ?? []).length > PROMISED.length;

function byWorker(output: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const [, worker, line] of output.matchAll(/^worker (\d+): (.*)$/gm)) {
    lines.set(worker as string, [...(lines.get(worker as string) ?? []), line as string]);
  }
  return lines;
}

describe("the example of version 1's README", () => {
  for (const name of ["version1.cjs", "version1.mjs"]) {
    it(`prints what it promised, in ${name}, and every worker ends with the same state`, async () => {
      const lines = await run(name);
      assert.deepEqual(
        lines.get("1")?.filter((line) => line !== "final"),
        PROMISED,
      );
      assert.equal(lines.size, cpus().length);
      for (const [worker, printed] of lines)
        assert.ok(printed.includes("final"), `worker ${worker} saw no final state`);
    });
  }

  it("differs in no more lines than it says", () => {
    const [cjs, mjs] = ["version1.cjs", "version1.mjs"].map((name) => readFileSync(example(name), "utf8").split("\n"));
    const body = (lines: string[] = []): string[] => lines.slice(lines.findIndex((line) => line.startsWith("if (")));
    const differing = body(cjs).filter((line, index) => line !== body(mjs)[index]);
    assert.deepEqual(
      differing.map((line) => line.trim()),
      ['const { Storage } = require("cluster-storage");'],
    );
  });
});
