/** Folders with a `package.json` of their own: their packages are installed when they are used, and not to compile and test. */
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The lock file of a folder, and a copy of the one that was installed last. */
function lockFilesOf(folder) {
  const directory = join(ROOT, folder);
  return [join(directory, "package-lock.json"), join(directory, "node_modules/installed-lock.json")];
}

/** Whether the packages of a folder of this repository are installed as its lock file lists them. */
function areInstalled(folder) {
  const [wanted, installed] = lockFilesOf(folder);
  try {
    return readFileSync(wanted).equals(readFileSync(installed));
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
}

/**
 * Installs the packages of a folder, as its lock file lists them, unless that has been done.
 * @throws Error when npm fails.
 */
export function installIn(folder) {
  if (areInstalled(folder)) return;
  const parameters = ["ci", "--prefix", folder];
  console.log(`Installing the packages of ${folder}/package.json: npm ${parameters.join(" ")}`);
  const { status, error } = spawnSync("npm", parameters, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0)
    throw new Error(`expected "npm ${parameters.join(" ")}" to succeed, got status ${status}`, { cause: error });
  copyFileSync(...lockFilesOf(folder));
}
