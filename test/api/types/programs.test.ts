import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { EXPRESS, EXPRESS_SESSION, FASTIFY, FASTIFY_SESSION } from "./programs.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** As strict as a user may have it; the declarations of this package and of the frameworks are checked too. */
const STRICT: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  esModuleInterop: true,
  skipLibCheck: false,
  noEmit: true,
  types: ["node"],
};
const LOOSE: ts.CompilerOptions = { ...STRICT, exactOptionalPropertyTypes: false, noUncheckedIndexedAccess: false };

/** What the programs import beside this package. */
const PACKAGES = [
  "@types/node",
  "@types/express",
  "@types/express-session",
  "@fastify/cookie",
  "@fastify/session",
  "express",
  "express-session",
  "fastify",
];

/** A folder of a consumer, outside of this package, with links to what it has installed. */
function consumer(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-types-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const link = (name: string, target: string): void => {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(target, join(folder, "node_modules", name));
  };
  link("cluster-storage", root);
  for (const name of PACKAGES) link(name, join(root, "node_modules", name));
  return folder;
}

/** What the compiler says about a program. */
function problems(t: TestContext, name: string, text: string, options: ts.CompilerOptions): string[] {
  return problemsIn(consumer(t), name, text, options);
}

function problemsIn(folder: string, name: string, text: string, options: ts.CompilerOptions): string[] {
  const file = join(folder, name);
  writeFileSync(file, text);
  const program = ts.createProgram({
    rootNames: [file],
    options: { ...options, typeRoots: [join(folder, "node_modules/@types")] },
  });
  const shown = (diagnostic: ts.Diagnostic): string => {
    const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
    return `${diagnostic.file?.fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")}`;
  };
  return ts.getPreEmitDiagnostics(program).map(shown);
}

const PROGRAMS = {
  Express: EXPRESS,
  Fastify: FASTIFY,
  "express-session": EXPRESS_SESSION,
  "@fastify/session": FASTIFY_SESSION,
};

describe("a program without a cast compiles, and wrong uses do not", () => {
  for (const [framework, text] of Object.entries(PROGRAMS)) {
    it(`for ${framework}, as a strict ES module`, (t) => {
      assert.deepEqual(problems(t, "app.mts", text, STRICT), []);
    });
    it(`for ${framework}, compiled to CommonJS`, (t) => {
      assert.deepEqual(problems(t, "app.cts", text, LOOSE), []);
    });
  }

  it("for all of them together", (t) => {
    const texts = Object.values(PROGRAMS).map((text, index) => [`part${index}.mts`, text] as const);
    const folder = consumer(t);
    for (const [name, text] of texts) writeFileSync(join(folder, name), text);
    const all = texts.map(([name]) => `import "../../types/${name.replace("mts", "mjs")}";`).join("\n");
    assert.deepEqual(problemsIn(folder, "all.mts", all, STRICT), []);
  });
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
    assert.deepEqual(problemsIn(alone(t), "app.mts", imports("", "/express", "/session-store"), STRICT), []);
    assert.match(
      problemsIn(alone(t), "app.mts", imports("/fastify"), STRICT).join("\n"),
      /Cannot find module 'fastify'/,
    );
  });
});
