/**
 * Writes the CommonJS build and its declarations, for what cannot `require` an ES module: Jest, and Node.js where that is switched off.
 * `package.json` gives it to nobody else. It is one file, which nearly each entry of the package takes its part from, and it has no types of its own:
 * its declarations name those of the ES modules.
 *
 *   node scripts/bundle-commonjs.mjs
 */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildSync } from "esbuild";

/** The entries of the package by their names; `index` is the package itself. */
export const ENTRIES = {
  index: "index.js",
  express: "express/index.js",
  fastify: "fastify/index.js",
  "session-store": "session-store/index.js",
  "session-store-tests": "session-store-tests/index.js",
  "express-rate-limit": "express-rate-limit/index.js",
  "fastify-rate-limit": "fastify-rate-limit/index.js",
  "nestjs-throttler": "nestjs-throttler/index.js",
  "rate-limiter-flexible": "rate-limiter-flexible/index.js",
};

/**
 * Entries with a file of their own: they need another package as soon as they are loaded, which other applications do not have. What
 * they use of this package is in the file of all others.
 */
const ALONE = ["rate-limiter-flexible"];
const SHARED = { adapter_limits: "adapter/limits.js" };

/** The file that an entry takes its part from. */
const fileOf = (entry) => (ALONE.includes(entry) ? `${entry}-alone.cjs` : "all.cjs");

const partOf = (entry) => entry.replaceAll("-", "_");

/** One file of some entries. The texts of the threads are not in it: they are in a file that both builds use. */
function bundle(dist, file, entries, external = []) {
  const exported = ([entry, file]) => `export * as ${partOf(entry)} from "./${file}";`;
  buildSync({
    stdin: { contents: entries.map(exported).join("\n"), resolveDir: dist },
    outfile: join(dist, "cjs", file),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    packages: "external",
    external: [join(dist, "core/local/machine/thread-texts.cjs"), ...external.map((path) => join(dist, path))],
    logLevel: "warning",
  });
}

const isClass = (value) => typeof value === "function" && /^class\b/.test(`${value}`);

/** An entry, whose names tools can see without running it. The bundler has given classes other names. */
function codeOf(entry, module) {
  const lines = Object.entries(module).map(([name, value]) => {
    const named = `\nObject.defineProperty(part.${name}, "name", { value: ${JSON.stringify(value.name)} });`;
    return `exports.${name} = part.${name};${isClass(value) ? named : ""}`;
  });
  const head = `"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\n`;
  return `${head}const part = require("./${fileOf(entry)}").${partOf(entry)};\n${lines.join("\n")}\n`;
}

/** All types of the ES module; a class is a value besides. */
function typesOf(file, module) {
  const source = `"../${file}"`;
  const mode = `with: { "resolution-mode": "import" }`;
  const lines = Object.entries(module).map(([name, value]) => {
    if (name === "default") return 'declare const byDefault: Module["default"];\nexport default byDefault;';
    const type = `export type ${name} = import(${source}, { ${mode} }).${name};`;
    return `export declare const ${name}: Module["${name}"];${isClass(value) ? `\n${type}` : ""}`;
  });
  const all = `export type * from ${source} with { "resolution-mode": "import" };`;
  return `${all}\ntype Module = typeof import(${source}, { ${mode} });\n${lines.join("\n")}\n`;
}

/** @param root A directory with a compiled `dist`, the threads included. */
export async function bundleCommonjs(root) {
  const dist = join(root, "dist");
  mkdirSync(join(dist, "cjs"), { recursive: true });
  const entries = Object.entries(ENTRIES);
  bundle(dist, "all.cjs", [...entries.filter(([entry]) => !ALONE.includes(entry)), ...Object.entries(SHARED)]);
  for (const entry of ALONE) {
    bundle(dist, fileOf(entry), [[entry, ENTRIES[entry]]], Object.values(SHARED));
    const path = join(dist, "cjs", fileOf(entry));
    let code = readFileSync(path, "utf8");
    for (const [part, shared] of Object.entries(SHARED))
      code = code.replace(`require("../${shared}")`, `require("./all.cjs").${part}`);
    writeFileSync(path, code);
  }
  for (const [entry, file] of Object.entries(ENTRIES)) {
    const module = await import(pathToFileURL(join(dist, file)).href);
    writeFileSync(join(dist, `cjs/${entry}.cjs`), codeOf(entry, module));
    writeFileSync(join(dist, `cjs/${entry}.d.cts`), typesOf(file, module));
  }
}

const thisFile = fileURLToPath(import.meta.url);
if (realpathSync(process.argv[1]) === realpathSync(thisFile)) await bundleCommonjs(join(thisFile, "../.."));
