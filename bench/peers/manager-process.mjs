/** What the package that version 1 used for its election says in 4 worker processes of `node:cluster`. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("manager-process-app.cjs", import.meta.url));

/** A sentence. */
export async function electionOfManagerProcess() {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM], { timeout: 30_000 });
    const answers = JSON.parse(stdout);
    const failed = answers.find((answer) => answer.error);
    if (failed) return `throws in workers: ${failed.error}`;
    const managers = answers.filter((answer) => answer.isManager).length;
    const times = answers.map((answer) => answer.ms).sort((a, b) => a - b);
    return `${managers} of ${answers.length} workers say that they are the manager; an answer takes ${times[2]} ms`;
  } catch (error) {
    return `fails: ${error.message.split("\n")[0]}`;
  }
}
