import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const README = readFileSync(join(root, "README.md"), "utf8");

/** The programs in the README: the blocks of code that import the package. */
const programs = [...README.matchAll(/```js\n(import [\s\S]*?)```/g)].map((match) => match[1] as string);

/** What a program prints, as its comments say. */
function promised(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1] as string);
}

/** Options that the README says are the default. */
function documentedOptions(): string[] {
  const table = README.slice(README.indexOf("## Options"), README.indexOf("## Methods"));
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] as string);
}

describe("the README", () => {
  for (const [index, program] of programs.entries()) {
    it(`has program ${index + 1} that prints what its comments say`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "cluster-storage-readme-"));
      try {
        mkdirSync(join(folder, "node_modules"));
        symlinkSync(root, join(folder, "node_modules", "cluster-storage"), "dir");
        writeFileSync(join(folder, "program.mjs"), program);
        const { stdout } = await run(process.execPath, ["program.mjs"], { cwd: folder, timeout: 60_000 });
        assert.deepEqual(stdout.trim().split("\n"), promised(program));
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
