/** Folders with a `package.json` of their own: their packages are installed when they are used, and not to compile and test. */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const modifiedAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Whether the packages of a folder of this repository were installed after its lock file last changed. */
export function areInstalled(folder) {
  const directory = join(ROOT, folder);
  return (
    modifiedAt(join(directory, "node_modules/.package-lock.json")) > modifiedAt(join(directory, "package-lock.json"))
  );
}

/**
 * Installs the packages of a folder, as its lock file lists them, unless that has been done.
 * @throws Error when npm fails.
 */
export function installIn(folder) {
  if (areInstalled(folder)) return;
  const parameters = ["ci", "--prefix", folder];
  console.log(`The packages of ${folder}/package.json are not installed yet: npm ${parameters.join(" ")}`);
  const { status, error } = spawnSync("npm", parameters, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0)
    throw new Error(`expected "npm ${parameters.join(" ")}" to succeed, got status ${status}`, { cause: error });
}
