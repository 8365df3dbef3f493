/** What it was measured on, as one line. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, release, totalmem } from "node:os";

const require = createRequire(import.meta.url);

/** The version of a package that is installed here; null when it is not. */
export function versionOf(name) {
  for (const directory of require.resolve.paths(name)) {
    try {
      return JSON.parse(readFileSync(`${directory}/${name}/package.json`, "utf8")).version;
    } catch {}
  }
  return null;
}

/** Names with the versions that are installed. */
export const withVersions = (names) => names.map((name) => `${name} ${versionOf(name) ?? "absent"}`).join(", ");

/** Processor, cores, memory, system and Node.js. */
export function describeMachine() {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const cores = availableParallelism();
  const model = (cpus()[0]?.model ?? "unknown processor").trim();
  return `${model}, ${cores} ${cores === 1 ? "core" : "cores"}, ${memory}; ${process.platform} ${release()} ${process.arch}; Node.js ${process.version}`;
}
