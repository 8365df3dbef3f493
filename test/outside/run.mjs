/**
 * Runs what `npm test` leaves to others: a browser, PM2, and consumers of the packed package with their compilers. They have a
 * package.json of their own, whose packages are installed here when they are not. Then the short forms of soak and chaos, and
 * the demo.
 *
 *   npm run test:outside                     everything
 *   npm run test:outside -- packaging pm2    only files whose path contains one of these texts
 *
 * With `CLUSTER_STORAGE_NIGHTLY=1`, it also tries versions of Node.js, compilers, package managers and frameworks that take long to install or to run.
 */
import { spawnSync } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installIn } from "../../scripts/own-packages.mjs";

const HERE = "test/outside";
/** Folders with packages of their own, for the nightly run. */
const NIGHTLY = ["versions", "projects/nest11", "projects/next"];
const root = fileURLToPath(new URL("../..", import.meta.url));
const link = join(root, ".test/outside/node_modules");

/** Runs a program of Node.js in the root; ends this one when it fails. */
function run(...parameters) {
  const { status } = spawnSync(process.execPath, parameters, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

installIn(HERE);
if (process.env.CLUSTER_STORAGE_NIGHTLY) for (const folder of NIGHTLY) installIn(`${HERE}/${folder}`);
run(join(root, "node_modules/typescript/bin/tsc"), "-p", HERE);
// The compiled tests find the packages as their sources do.
if (!existsSync(link)) symlinkSync(join(root, HERE, "node_modules"), link, "junction");

const parameters = process.argv.slice(2);
const options = parameters.filter((parameter) => parameter.startsWith("-"));
const texts = parameters.filter((parameter) => !parameter.startsWith("-")).map((text) => `outside/${text}`);
process.env.CLUSTER_STORAGE_SOAK = "1";
run(
  join(root, "test/run.mjs"),
  ...(texts.length > 0 ? texts : ["outside/", "proof/soak/", "proof/chaos/chaos.", "examples/demo."]),
  ...options,
);
