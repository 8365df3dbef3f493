/** PM2 with a home of its own, and a port for what it runs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

const PM2 = fileURLToPath(new URL("../../test/outside/node_modules/pm2/bin/pm2", import.meta.url));

/** Runs PM2 with a home of its own, which is gone when the test ends; gives what it printed. */
export function pm2In(t: TestContext, env: NodeJS.ProcessEnv = {}): (...args: string[]) => Promise<string> {
  const own = { PM2_HOME: join(temporaryDirectory(t), "pm2"), PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
  const run = async (...args: string[]): Promise<string> => {
    const child = spawn(process.execPath, [PM2, ...args], { env: { ...process.env, ...env, ...own } });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    await once(child, "exit");
    return output;
  };
  teardown(t, () => run("kill"));
  return run;
}
