/**
 * Makes one file of each thread of the engine, beside its compiled module: a thread that loads its some fifty modules one
 * by one starts in twice the time, and a failover waits for it.
 *
 *   node scripts/bundle-threads.mjs
 */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const THREADS = ["hub/hub-thread.js", "upkeep/compactor-thread.js"];

/** @param root A directory with a compiled `dist`. */
export function bundleThreads(root) {
  const modules = join(root, "dist/core/local");
  buildSync({
    entryPoints: THREADS.map((name) => join(modules, name)),
    outdir: modules,
    outbase: modules,
    entryNames: "[dir]/[name].bundle",
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
  });
}

const thisFile = fileURLToPath(import.meta.url);
if (realpathSync(process.argv[1]) === realpathSync(thisFile)) bundleThreads(join(thisFile, "../.."));
