/**
 * The version of this package that comes next, invented: it brings level 2, at which keys that begin with `next` are written in a way that this
 * version does not read. It waits less long than versions do.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../../proof/cluster/processes.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What of the compiled code is replaced by what, in which file. */
const CHANGES = [
  ["core/log/levels.js", "export const MOST_LEVEL = 1;", "export const MOST_LEVEL = 2;"],
  ["core/log/levels.js", "return LEAST_LEVEL;", 'return _entry.path[0]?.startsWith("next") ? 2 : 1;'],
  [
    "core/log/codec.js",
    "scratch[start] = typeBits(entry.type) |",
    'scratch[start] = (entry.path[0]?.startsWith("next") ? 0x80 : 0) | typeBits(entry.type) |',
  ],
  ["core/log/entry-head.js", "const KNOWN_BITS = TYPE_MASK |", "const KNOWN_BITS = 0x80 | TYPE_MASK |"],
  ["core/local/hub/level-raiser.js", "const QUIET_MS = 60_000;", "const QUIET_MS = 1500;"],
  ["core/replica/level-gate.js", "const PATIENCE_MS = 10_000;", "const PATIENCE_MS = 2000;"],
] as const;

interface Bundler {
  bundleThreads(root: string): void;
}

/** The URL of the module of this version. */
export const THIS_VERSION = new URL("../../../dist/index.js", import.meta.url).href;

/** Makes the next version; gives the URL of its module. */
export async function nextVersion(t: TestContext): Promise<string> {
  const directory = temporaryDirectory(t);
  cpSync(join(root, "dist"), join(directory, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(directory, "package.json"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  for (const [name, from, to] of CHANGES) {
    const file = join(directory, "dist", name);
    const parts = readFileSync(file, "utf8").split(from);
    if (parts.length !== 2) throw new Error(`expected ${from} once in ${name}, got it ${parts.length - 1} times`);
    writeFileSync(file, parts.join(to));
  }
  const bundler: Bundler = await import(new URL("../../../scripts/bundle-threads.mjs", import.meta.url).href);
  bundler.bundleThreads(directory);
  return new URL(`file://${join(directory, "dist/index.js")}`).href;
}
