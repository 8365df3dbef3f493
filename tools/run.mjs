/**
 * Runs a tool of `tools/package.json` in the root of the repository, and installs the tools before that if they are not there.
 *
 *   node tools/run.mjs biome check --write src
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installIn } from "../scripts/own-packages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const [tool, ...parameters] = process.argv.slice(2);
if (tool === undefined) {
  console.error("expected the name of a tool, got none");
  process.exit(1);
}
installIn("tools");
const program = join(root, "tools/node_modules/.bin", tool);
const { status, error } = spawnSync(program, parameters, { cwd: root, stdio: "inherit" });
if (error !== undefined) console.error(`expected a tool of tools/package.json, got ${tool}: ${error.message}`);
process.exitCode = status ?? 1;
