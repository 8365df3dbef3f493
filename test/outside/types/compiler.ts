/** The compiler over programs of a consumer that has this package, and maybe the frameworks, installed. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The root of this project. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** As strict as a user may have it; the declarations of this package and of the frameworks are checked too. */
export const STRICT: ts.CompilerOptions = {
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
export function consumer(t: TestContext): string {
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

/** What the compiler says about programs in a folder, given by their names; nothing when all of them compile. */
export function problemsIn(
  folder: string,
  texts: Readonly<Record<string, string>>,
  options: ts.CompilerOptions,
): string[] {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  const program = ts.createProgram({
    rootNames: Object.keys(texts).map((name) => join(folder, name)),
    options: { ...options, typeRoots: [join(folder, "node_modules/@types")] },
  });
  const shown = (diagnostic: ts.Diagnostic): string => {
    const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
    return `${diagnostic.file?.fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")}`;
  };
  return ts.getPreEmitDiagnostics(program).map(shown);
}
