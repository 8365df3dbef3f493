/**
 * The tests that @fastify/rate-limit publishes with itself, with stores of this package in place of its own. They stop the clock, which stops
 * a store with threads, so here the clock goes on, and its own store fails the tests that are listed, too.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { root } from "../packaging/packed.js";

const HERE = join(root, "test/outside/limiters");
/** They need a clock that stands still, or three answers within one ms. */
const NEED_A_STOPPED_CLOCK = [
  "With global rate limit options",
  "With custom rate limit options",
  "With { increment: false } it reads the state without consuming it",
  "With { increment: false } and continueExceeding the peek mirrors the active window",
  "With { increment: false } and exponentialBackoff the peek reports the base window without escalating it",
  "With enabled IETF Draft Spec",
];

describe("the tests of @fastify/rate-limit", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-suite-"));
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  it("pass with the stores of this package, but for those that need a clock which stands still", async (t) => {
    cpSync(join(root, "node_modules/@fastify/rate-limit"), join(folder, "suite"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
    mkdirSync(join(folder, "packages"));
    symlinkSync(root, join(folder, "packages/cluster-storage"), "dir");
    const tests = readdirSync(join(folder, "suite/test"), { recursive: true })
      .filter(
        (name): name is string => typeof name === "string" && name.endsWith(".test.js") && !name.startsWith("redis"),
      )
      .map((name) => join("suite/test", name));
    const preloads = ["real-clock.cjs", "cluster-store.cjs"].flatMap((name) => ["--require", join(HERE, name)]);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, ["--test", "--test-reporter=tap", ...preloads, ...tests], {
      cwd: folder,
      env: { ...env, NODE_PATH: join(folder, "packages"), LOCAL_STORE: join(folder, "suite/store/LocalStore.js") },
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    await new Promise((resolve) => child.on("exit", resolve));
    const failed = [...output.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map((match) => match[1] as string);
    const passed = Number(/^# pass (\d+)$/m.exec(output)?.[1]);
    const unexpected = failed.filter((name) => !NEED_A_STOPPED_CLOCK.includes(name) && !name.endsWith(".test.js"));
    assert.deepEqual(unexpected, [], output.slice(-4000));
    assert.ok(passed >= 86, `${passed} passed`);
    t.diagnostic(`${passed} passed, ${failed.length} need a stopped clock`);
  });
});
