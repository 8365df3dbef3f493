/** A copy of the project in a temporary directory, in which one source file at a time is changed. */
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import ts from "typescript";
import { bundleThreads } from "../../../scripts/bundle-threads.mjs";

const LEFT_OUT = new Set(["node_modules", ".git", "coverage"]);
const filter = (path) => !LEFT_OUT.has(basename(path));
/** As in `tsconfig.json`. The sources have only syntax that is erased, so one file alone compiles to what it compiles to with all. */
const COMPILER_OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  sourceMap: true,
};
const FAILED_TEST = /^\s*✖ (.+?)(?: \([\d.]+ms\))?$/m;

const compiled = (text) => ts.transpileModule(text, { compilerOptions: COMPILER_OPTIONS }).outputText;
/** The compiled code without the name of the file with its map. */
const codeOf = (text) => text.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "").trim();

const MOUNTS = "/proc/mounts";

/** Unmounts what a suite that was ended in the middle has left mounted, such as its small disks. */
function unmountBelow(directory) {
  if (!existsSync(MOUNTS)) return;
  for (const line of readFileSync(MOUNTS, "utf8").split("\n")) {
    const path = line.split(" ")[1] ?? "";
    if (path.startsWith(`${directory}/`)) execFileSync("umount", ["--lazy", path]);
  }
}

export class Copy {
  #root;
  #directory = mkdtempSync(join(tmpdir(), "mutant-"));

  constructor(root) {
    this.#root = root;
    for (const name of readdirSync(root)) {
      if (!LEFT_OUT.has(name)) cpSync(join(root, name), join(this.#directory, name), { recursive: true, filter });
    }
    symlinkSync(join(root, "node_modules"), join(this.#directory, "node_modules"));
  }

  /** Puts `to` in the place of `from`, which must occur exactly once in a source file. */
  mutate(file, from, to) {
    const source = readFileSync(join(this.#root, file), "utf8");
    const count = source.split(from).length - 1;
    if (count !== 1) throw new Error(`expected this text once in ${file}, got it ${count} times:\n${from}`);
    const before = readFileSync(this.#output(this.#root, file), "utf8");
    if (codeOf(compiled(source)) !== codeOf(before)) throw new Error(`expected the compiled ${file}, got an old one`);
    writeFileSync(this.#output(this.#directory, file), compiled(source.replace(from, () => to)));
  }

  restore(file) {
    cpSync(this.#output(this.#root, file), this.#output(this.#directory, file));
  }

  /**
   * Runs a suite until its first failure, and names that; null: there was none.
   * @param isWhole Whether it goes on to its end, so that `output` says more.
   */
  async test(suite, timeoutS, isWhole = false) {
    const temporary = join(this.#directory, "t");
    mkdirSync(temporary);
    bundleThreads(this.#directory);
    const startedAt = performance.now();
    const env = { ...process.env, TMPDIR: temporary };
    const { failure, output } = await firstFailure(this.#directory, suite, timeoutS, env, isWhole);
    unmountBelow(temporary);
    rmSync(temporary, { recursive: true, force: true, maxRetries: 10 });
    return { failure, output, seconds: (performance.now() - startedAt) / 1000 };
  }

  remove() {
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10 });
  }

  #output(root, file) {
    return join(root, file.replace(/^src\//, "dist/").replace(/\.ts$/, ".js"));
  }
}

/** Runs a suite as the leader of a group of processes, so that at the first failure all that it has started can be ended. */
function firstFailure(directory, suite, timeoutS, env, isWhole) {
  const args = [join(directory, "test/run.mjs"), suite, "--test-concurrency=1"];
  const runner = spawn(process.execPath, args, {
    cwd: directory,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve) => {
    let output = "";
    let isOver = false;
    const end = (failure) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      try {
        process.kill(-runner.pid, "SIGKILL");
      } catch {
        // All have ended by themselves.
      }
      resolve({ failure: failure?.replaceAll(directory, "") ?? null, output });
    };
    const timer = setTimeout(() => end(`${suite}: no end within ${Math.round(timeoutS)} s`), timeoutS * 1000);
    const read = (chunk) => {
      output += chunk;
      const test = FAILED_TEST.exec(output)?.[1];
      if (test !== undefined && !isWhole) end(`${suite}: ${test}`);
    };
    runner.stdout.setEncoding("utf8").on("data", read);
    runner.stderr.setEncoding("utf8").on("data", read);
    runner.on("close", (code, signal) => end(code === 0 ? null : `${suite}: ended with ${signal ?? code}`));
  });
}
