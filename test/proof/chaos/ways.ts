/** The ways to start the members of a round. */
import { type ChildProcess, fork, type StdioOptions, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LEFT_CODE, type Way } from "./settings.js";

const MEMBER = fileURLToPath(new URL("./member.js", import.meta.url));
const PRIMARY = fileURLToPath(new URL("./primary.js", import.meta.url));
/** `test/outside/package.json` has it. */
const PM2 = fileURLToPath(new URL("../../../test/outside/node_modules/pm2/bin/pm2", import.meta.url));

export interface Starter {
  /** Begins to start so many members. */
  start(count: number): void;
  /** How many of them have no process yet. */
  readonly starting: number;
  /** Whether a member that is killed is started again without a request. */
  readonly startsAgain: boolean;
  /** Returns when nothing but members is left of it. */
  end(): Promise<void>;
}

/** @param env That of each process: by it they are found again. */
export function starterOf(way: Way, directory: string, env: NodeJS.ProcessEnv): Starter {
  const output = openSync(join(directory, "output"), "a");
  const stdio: StdioOptions = ["ignore", output, output, "ipc"];
  if (way === "fork") return forking(stdio, env);
  return way === "cluster" ? clustering(stdio, env) : managedByPm2(directory, output, env);
}

function forking(stdio: StdioOptions, env: NodeJS.ProcessEnv): Starter {
  const children: ChildProcess[] = [];
  let starting = 0;
  // One at a time: a fork takes long on a busy machine, and this process has other things to do.
  const next = () => {
    if (starting === 0) return;
    children.push(fork(MEMBER, [], { env, stdio, execArgv: [] }));
    if (--starting > 0) setImmediate(next);
  };
  return {
    start(count) {
      if (starting === 0) setImmediate(next);
      starting += count;
    },
    get starting() {
      return starting;
    },
    startsAgain: false,
    async end() {
      starting = 0;
    },
  };
}

function clustering(stdio: StdioOptions, env: NodeJS.ProcessEnv): Starter {
  const primary = fork(PRIMARY, [], { env, stdio, execArgv: [] });
  const exited = new Promise<void>((resolve) => primary.on("exit", () => resolve()));
  let starting = 0;
  primary.on("message", (count: number) => {
    starting -= count;
  });
  return {
    start(count) {
      starting += count;
      primary.send(count);
    },
    get starting() {
      return starting;
    },
    startsAgain: false,
    async end() {
      if (primary.connected) primary.disconnect();
      await exited;
    },
  };
}

function managedByPm2(directory: string, output: number, env: NodeJS.ProcessEnv): Starter {
  const settings = { PM2_HOME: join(directory, "pm2"), PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
  const run = (...args: string[]) =>
    new Promise<void>((resolve) => {
      const options = { env: { ...env, ...settings }, stdio: ["ignore", output, output] as StdioOptions };
      spawn(process.execPath, [PM2, ...args], { ...options, cwd: directory }).on("close", () => resolve());
    });
  const policy = ["--max-restarts", "1000000", "--stop-exit-codes", String(LEFT_CODE)];
  return {
    start: (count) => void run("start", MEMBER, "--name", "chaos", "-i", String(count), ...policy),
    starting: 0,
    startsAgain: true,
    end: () => run("kill"),
  };
}
