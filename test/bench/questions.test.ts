import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const bench = new URL("../../bench/", import.meta.url);
const { QUESTIONS } = (await import(new URL("questions.mjs", bench).href)) as { QUESTIONS: string[] };

describe("the benchmark", () => {
  it("asks each question that there is, once", () => {
    const files = readdirSync(new URL("questions/", bench)).map((name) => name.replace(/\.mjs$/, ""));
    assert.deepEqual([...QUESTIONS].sort(), files.sort());
  });

  it("says what each question measures, in sentences", async () => {
    for (const name of QUESTIONS) {
      const question = (await import(new URL(`questions/${name}.mjs`, bench).href)) as Record<string, unknown>;
      assert.match(String(question.title), /^\w.*[^.]$/, name);
      assert.match(String(question.says), /^[a-z0-9].*\.$/i, name);
      assert.ok(Array.isArray(question.packages), name);
      assert.equal(typeof question.measure, "function", name);
    }
  });

  it("refuses a question that there is not, and names those that there are", async () => {
    const asked = promisify(execFile)(process.execPath, [fileURLToPath(new URL("run.mjs", bench)), "gte"]);
    await assert.rejects(asked, (error: Error & { code?: number; stderr?: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr ?? "", /expected some of .*\bget\b.*got gte/);
      return true;
    });
  });
});
