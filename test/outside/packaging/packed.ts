/** The package as it would be published, and folders that have it installed. */
import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The root of this project. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));
/** How npm is called here. */
export const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** Packs the package into a folder; returns the name of the archive and the files in it. */
export async function pack(folder: string): Promise<{ filename: string; files: string[] }> {
  const { stdout } = await run(npm, ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
  });
  const [{ filename, files }] = JSON.parse(stdout);
  return { filename, files: files.map((file: { path: string }) => file.path) };
}

/** Unpacks an archive into the node_modules of a folder, with nothing beside it but the packages of this project that are named. */
export async function installWith(folder: string, archive: string, names: readonly string[]): Promise<void> {
  const home = join(folder, "node_modules", "cluster-storage");
  mkdirSync(home, { recursive: true });
  await run("tar", ["-xzf", archive, "-C", home, "--strip-components=1"]);
  linkPackages(folder, names, root);
}

/** Puts packages that are installed in one folder into the node_modules of another one. */
export function linkPackages(folder: string, names: readonly string[], from: string): void {
  for (const name of names) {
    const place = join(folder, "node_modules", name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(from, "node_modules", name), place, "dir");
  }
}
