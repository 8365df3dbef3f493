/**
 * Makes one file of each thread of the engine, beside its compiled module: a thread that loads its some fifty modules one
 * by one starts in twice the time, and a failover waits for it.
 *
 *   node scripts/bundle-threads.mjs
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** @param directory A directory with a compiled `dist`. */
export function bundleThreads(directory) {
  const modules = join(directory, "dist/core/local");
  buildSync({
    entryPoints: ["hub-thread.js", "compactor-thread.js"].map((name) => join(modules, name)),
    outdir: modules,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    sourcemap: true,
    define: { "import.meta.url": "moduleUrl" },
    banner: {
      js: [
        "/* Contains modules of lodash: MIT License, copyright OpenJS Foundation and other contributors. */",
        'const moduleUrl = require("node:url").pathToFileURL(__filename).href;',
      ].join("\n"),
    },
    logLevel: "warning",
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) bundleThreads(root);
