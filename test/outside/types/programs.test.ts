/** Programs for each framework by itself, and the declarations without any, as consumers compile them. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type ts from "typescript";
import { consumer, problemsIn, root, STRICT } from "./compiler.js";

const LOOSE: ts.CompilerOptions = { ...STRICT, exactOptionalPropertyTypes: false, noUncheckedIndexedAccess: false };

/** What the programs of `test/api/types` use, by their names. */
const PROGRAMS = {
  express: "Express",
  fastify: "Fastify",
  "express-session": "express-session",
  "fastify-session": "@fastify/session",
  "session-store-tests": "both frameworks' session stores",
};

const textOf = (program: string): string => readFileSync(join(root, `test/api/types/${program}.ts`), "utf8");

describe("a program without a cast compiles, and wrong uses do not", () => {
  for (const [program, framework] of Object.entries(PROGRAMS)) {
    it(`for ${framework}, as a strict ES module`, (t) => {
      assert.deepEqual(problemsIn(consumer(t), { "app.mts": textOf(program) }, STRICT), []);
    });
    it(`for ${framework}, compiled to CommonJS`, (t) => {
      assert.deepEqual(problemsIn(consumer(t), { "app.cts": textOf(program) }, LOOSE), []);
    });
  }
});

describe("the declarations", () => {
  /** Of a consumer that has installed this package and nothing else. */
  const alone = (t: TestContext): string => {
    const folder = mkdtempSync(join(tmpdir(), "cluster-storage-types-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const installed = join(folder, "node_modules/cluster-storage");
    cpSync(join(root, "dist"), join(installed, "dist"), { recursive: true });
    cpSync(join(root, "package.json"), join(installed, "package.json"));
    mkdirSync(join(folder, "node_modules/@types"));
    symlinkSync(join(root, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
    return folder;
  };
  const imports = (...names: string[]): string => names.map((name) => `import "cluster-storage${name}";`).join("\n");

  it("need no types of a framework, but for those of the Fastify plugin", (t) => {
    assert.deepEqual(
      problemsIn(alone(t), { "app.mts": imports("", "/express", "/session-store", "/session-store-tests") }, STRICT),
      [],
    );
    assert.match(
      problemsIn(alone(t), { "app.mts": imports("/fastify") }, STRICT).join("\n"),
      /Cannot find module 'fastify'/,
    );
  });
});
