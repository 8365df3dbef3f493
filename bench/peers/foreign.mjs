/** Stores that run in a program of their own, `foreign-app.cjs`; each call of theirs is timed there. */
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keepChild } from "../measure/children.mjs";

const PROGRAM = fileURLToPath(new URL("foreign-app.cjs", import.meta.url));
const VERSION_1 = fileURLToPath(new URL("version1-app.cjs", import.meta.url));

/** Opens the store of one kind: `timed(job, keys, value, count)` resolves with the ns that `count` operations took, and what the last one returned. */
export async function openForeign(kind, path) {
  const child = keepChild(fork(PROGRAM, [kind, path], { stdio: ["ignore", "ignore", "ignore", "ipc"] }));
  const ended = once(child, "exit").then(() => null);
  const timed = async (job, keys, value, count) => {
    child.send({ job, keys, value, count });
    const answer = await Promise.race([once(child, "message"), ended]);
    if (answer === null) throw new Error(`expected ${kind} to answer, it ended`);
    return answer[0];
  };
  const close = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { timed, close };
}

/** What version 1 does in the workers of a cluster; a few words. */
export async function version1InWorkers(path) {
  const options = { timeout: 20_000, cwd: path };
  const { stdout } = await promisify(execFile)(process.execPath, [VERSION_1, path], options).catch((error) => ({
    stdout: `it fails: ${error.message.split("\n")[0]}`,
  }));
  return stdout.trim();
}
