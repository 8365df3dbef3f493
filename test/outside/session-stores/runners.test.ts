/** The suite for session stores finds the same by each test runner, from the packed package. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { installWith, linkPackages, pack, root } from "../packaging/packed.js";

const run = promisify(execFile);
const DEADLINE_MS = 240_000;
const OUTSIDE = join(root, "test/outside");
const FRAMEWORKS = ["express", "express-session", "fastify", "@fastify/cookie", "@fastify/session"];

/** express-session's own store, which passes some cases and fails others. */
const SUITE = `
import cookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { sessionStoreTests } from "cluster-storage/session-store-tests";
import express from "express";
import session from "express-session";
import fastify from "fastify";

sessionStoreTests({
  test,
  assert,
  create: () => new session.MemoryStore(),
  frameworks: { express: { express, session }, fastify: { fastify, cookie, session: fastifySession } },
  capabilities: { clear: false },
  expiryTolerance: 200,
});
`;

/** What a report in the format of Jest, which Vitest has too, says of a test. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** The outcomes by title, as a report says them. */
function outcomesIn(report: string): Record<string, string> {
  const { testResults } = JSON.parse(report) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const statuses: Record<string, string> = { pending: "skipped", disabled: "skipped" };
  return Object.fromEntries(results.map(({ title, status }) => [title, statuses[status] ?? status]));
}

/** The outcomes by title, as TAP says them. */
function outcomesInTap(report: string): Record<string, string> {
  const found = report.matchAll(/^(not ok|ok) \d+ - (.*?)(?: # (SKIP).*)?$/gm);
  return Object.fromEntries(
    [...found].map(([, status, title = "", skip]) => [
      title.replaceAll("\\#", "#"),
      skip ? "skipped" : status === "ok" ? "passed" : "failed",
    ]),
  );
}

describe("the suite for session stores", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-runners-"));
  let expected: Record<string, string> = {};

  /** Runs a program of Node.js, which fails as tests do; returns what it printed. */
  const printed = async (parameters: readonly string[], options = ""): Promise<string> => {
    const { NODE_TEST_CONTEXT: _, ...others } = process.env;
    const env = { ...others, NODE_OPTIONS: options };
    const call = run(process.execPath, [...parameters], { cwd: folder, env, timeout: DEADLINE_MS, maxBuffer: 2 ** 26 });
    return await call.then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    );
  };
  const report = (): string => readFileSync(join(folder, "report.json"), "utf8");

  before(async () => {
    const { filename } = await pack(folder);
    await installWith(folder, join(folder, filename), ["lodash", "fastify-plugin", ...FRAMEWORKS]);
    linkPackages(folder, ["vitest"], OUTSIDE);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "tested", private: true, type: "module" }));
    const withAssert = `import assert from "node:assert/strict";\n${SUITE}`;
    writeFileSync(join(folder, "node.test.mjs"), `import { test } from "node:test";\n${withAssert}`);
    writeFileSync(join(folder, "vitest.test.mjs"), `import { assert, test } from "vitest";\n${SUITE}`);
    writeFileSync(join(folder, "jest.test.mjs"), withAssert);
    expected = outcomesInTap(await printed(["--test-reporter=tap", "node.test.mjs"]));
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  it("runs by node:test", () => {
    const count = (wanted: string): number => Object.values(expected).filter((status) => status === wanted).length;
    assert.ok(count("passed") > 40 && count("failed") > 10, JSON.stringify(expected));
    assert.equal(count("skipped"), 1);
  });

  it("finds the same by Vitest, with its assert", async () => {
    const cli = join(OUTSIDE, "node_modules/vitest/vitest.mjs");
    await printed([cli, "run", "vitest.test.mjs", "--reporter=json", "--outputFile=report.json"]);
    assert.deepEqual(outcomesIn(report()), expected);
  });

  it("finds the same by Jest", async () => {
    const cli = join(OUTSIDE, "node_modules/jest/bin/jest.js");
    const parameters = ["--testMatch", "**/jest.test.mjs", "--json", "--outputFile=report.json"];
    await printed([cli, ...parameters], "--experimental-vm-modules");
    assert.deepEqual(outcomesIn(report()), expected);
  });
});
