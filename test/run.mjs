/**
 * Runs the compiled tests with Node's own runner (Node 20 takes no glob patterns).
 *
 *   node test/run.mjs                        everything but what `npm run test:outside` runs
 *   node test/run.mjs --quick                what needs no other process, with few random cases: under a minute
 *   node test/run.mjs log/frame cluster     only files whose path contains one of these texts
 *   node test/run.mjs --test-name-pattern=x  options go on to `node --test`
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const compiled = join(root, ".test");

/** Whether the source is still there: the compiler leaves the output of deleted files behind. */
const hasSource = (file) => existsSync(join(root, "test", relative(compiled, file).replace(/\.js$/, ".ts")));

/** Parts of the paths of what is quick, and of what is not. */
const QUICK = ["core/", "api/conformance/", "proof/model/", "bench/", "tidy"];
const SLOW = ["hub/disk-full", "core/storage"];

const parameters = process.argv.slice(2);
const isQuick = parameters.includes("--quick");
const options = parameters.filter((parameter) => parameter.startsWith("-") && parameter !== "--quick");
const texts = parameters.filter((parameter) => !parameter.startsWith("-"));

/** What `npm run test:outside` runs, and a run of everything does not: its processes take long. */
const LEFT_TO_OUTSIDE = ["proof/chaos/chaos.", "examples/demo."];

/** Whether a file was asked for; what has packages of its own only by its name. */
function isChosen(file) {
  const path = relative(compiled, file).split(sep).join("/");
  if (isQuick && !(QUICK.some((text) => path.includes(text)) && !SLOW.some((text) => path.includes(text))))
    return false;
  if (path.startsWith("outside/")) return texts.some((text) => text.startsWith("outside/") && path.includes(text));
  if (texts.length === 0) return !LEFT_TO_OUTSIDE.some((text) => path.includes(text));
  return texts.some((text) => path.includes(text));
}

const files = readdirSync(compiled, { recursive: true })
  .filter((name) => name.endsWith(".test.js") && !name.includes("node_modules"))
  .map((name) => join(compiled, name))
  .filter(hasSource)
  .filter(isChosen)
  .sort();

if (files.length === 0) {
  console.error(
    `expected test files in .test that match ${JSON.stringify(texts)}, got none; run "npm run build" first`,
  );
  process.exit(1);
}

/** Longest that one file may take, in ms: a test that hangs must not hang the run. */
const FILE_TIMEOUT_MS = 600_000;
const defaults = [
  `--test-concurrency=${Math.min(2, availableParallelism())}`,
  `--test-timeout=${FILE_TIMEOUT_MS}`,
  "--test-reporter=spec",
].filter((preset) => !options.some((option) => option.startsWith(preset.split("=")[0])));

const runner = spawn(process.execPath, ["--test", ...defaults, ...options, ...files], {
  cwd: root,
  env: isQuick ? { CLUSTER_STORAGE_RUNS: "0.1", CLUSTER_STORAGE_QUICK: "1", ...process.env } : process.env,
  stdio: "inherit",
});
runner.on("exit", (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => runner.kill(signal));
