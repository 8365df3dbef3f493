/**
 * Makes the programs of the engine's threads, each as one text, and writes the module that exports the texts, for ES modules and CommonJS: a thread is
 * started from a text that the process holds already, so it depends on nothing that can be bundled, moved or replaced on the disk. It
 * also starts in half the time that it would take to load its some fifty modules one by one, and a failover waits for it.
 *
 *   node scripts/bundle-threads.mjs
 */
import { realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const HEADER = "/** The programs of the threads, as text; written by `scripts/bundle-threads.mjs`. */\n";

/**
 * The text of a thread. It runs as CommonJS and as an ES module alike, and finds built-in modules without a file system.
 */
function bundled(entryPoint, name) {
  const { outputFiles } = buildSync({
    entryPoints: [entryPoint],
    write: false,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minifyWhitespace: true,
    lineLimit: 120,
    banner: { js: "((require) => {" },
    footer: { js: `})(process.getBuiltinModule);\n//# sourceURL=cluster-storage/${name}.js` },
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/** @param root A directory with a compiled `dist`. */
export function bundleThreads(root) {
  const modules = join(root, "dist/core/local");
  const write = (texts) => {
    const lines = Object.entries(texts).map(([name, text]) => `exports.${name} = ${JSON.stringify(text)};\n`);
    writeFileSync(join(modules, "machine/thread-texts.cjs"), `${HEADER}"use strict";\n${lines.join("")}`);
  };
  const names = "COMPACTOR_THREAD, HUB_THREAD";
  writeFileSync(join(modules, "machine/thread-texts.js"), `export { ${names} } from "./thread-texts.cjs";\n`);
  const texts = { HUB_THREAD: "", COMPACTOR_THREAD: "" };
  // A compaction starts no thread, and the thread of a hub starts compactions only: no text has to contain itself.
  write(texts);
  texts.COMPACTOR_THREAD = bundled(join(modules, "upkeep/compactor-thread.js"), "compactor-thread");
  write(texts);
  texts.HUB_THREAD = bundled(join(modules, "hub/hub-thread.js"), "hub-thread");
  write(texts);
}

const thisFile = fileURLToPath(import.meta.url);
if (realpathSync(process.argv[1]) === realpathSync(thisFile)) bundleThreads(join(thisFile, "../.."));
