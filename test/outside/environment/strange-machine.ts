/** Machines that are not as usual: namespaces, mounts, other users and preloaded libraries; with the reason where this one has none. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { teardown } from "../../proof/cluster/teardown.js";

/** Why a program cannot do something on this machine; false when it can. */
export function whyNot(program: string, ...parameters: string[]): string | false {
  const { status, stderr, error } = spawnSync(program, parameters, { encoding: "utf8" });
  if (status === 0) return false;
  return `${program} is not possible here: ${error?.message ?? stderr.trim()}`;
}

const UNSHARE = ["--mount", "--propagation", "private"];
const UNSHARE_PIDS = ["--pid", "--fork", "--kill-child", "--mount-proc"];
const OTHER_USER = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/** Why tests are skipped that need namespaces of mounts and of process ids; false when there are such. */
export const noNamespaces = whyNot("unshare", ...UNSHARE, ...UNSHARE_PIDS, "mount", "-t", "tmpfs", "tmpfs", "/mnt");
/** The same for a mount that all processes see. */
export const noMounts =
  process.platform === "linux" && process.getuid?.() === 0 ? noNamespaces : "only root may mount, on Linux";
/** The same for another user, who must be able to read this project. */
export const noOtherUser = whyNot(
  "setpriv",
  ...OTHER_USER,
  process.execPath,
  "--check",
  fileURLToPath(import.meta.url),
);
/** The same for a preloaded library. */
export const noCompiler =
  process.platform === "linux" ? whyNot("cc", "--version") : "libraries are preloaded on Linux only";

/** Runs a process behind mounts that no other process sees, as a container does. */
export function withMounts(...commands: string[]): string[] {
  return ["unshare", ...UNSHARE, ...shell(commands)];
}

/** Runs a process as pid 1 of a container. It ends with its parent. */
export function inContainer(...commands: string[]): string[] {
  return ["unshare", ...UNSHARE, ...UNSHARE_PIDS, ...shell(commands)];
}

/** Runs a process after the commands of a shell. */
export function shell(commands: readonly string[]): string[] {
  return ["sh", "-c", [...commands, 'exec "$@"'].join(" && "), "sh"];
}

/** Runs a process as a user that owns nothing. */
export const asOtherUser = ["setpriv", ...OTHER_USER];
export const OTHER_UID = 65534;

/** A directory of the test's own; other users may pass through it. */
export function commonDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-"));
  chmodSync(directory, 0o755);
  teardown(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Mounts something at a directory, which is created; it is unmounted after the test. */
export function mount(t: TestContext, directory: string, ...parameters: string[]): void {
  mkdirSync(directory, { recursive: true });
  execFileSync("mount", [...parameters, directory], { stdio: "pipe" });
  teardown(t, () => void spawnSync("umount", ["-l", directory]));
}

/** Compiles a library in C; the environment preloads it into a process. */
export function preload(directory: string, text: string): { LD_PRELOAD: string } {
  const [source, library] = [join(directory, "preload.c"), join(directory, "preload.so")];
  writeFileSync(source, text);
  execFileSync("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"], { stdio: "pipe" });
  return { LD_PRELOAD: library };
}
