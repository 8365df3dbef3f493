/** The other stores that are measured beside this one; each is absent, and said to be, when it cannot be loaded. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

function onPath(name) {
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {}
  }
  return null;
}

/** What a command begins with that may use one core only; empty where there is no `taskset`, or no core is given. */
export function pinned(core) {
  const program = core === undefined ? null : onPath("taskset");
  return program === null ? [] : [program, "-c", String(core)];
}

/** Starts a Redis on a Unix socket in `directory`, with the log that is nearest to ours, perhaps on one core only; null when there is none. */
export async function startRedis(directory, core = undefined) {
  const program = onPath("redis-server");
  if (program === null) return null;
  const address = join(directory, "redis.sock");
  const options = ["--port", "0", "--unixsocket", address, "--dir", directory, "--save", "", "--daemonize", "no"];
  const log = ["--appendonly", "yes", "--appendfsync", "everysec"];
  const [command, ...parameters] = [...pinned(core), program, ...options, ...log];
  const server = spawn(command, parameters, { stdio: "ignore" });
  const ended = new Promise((done) => server.once("exit", done));
  const stop = async () => {
    server.kill("SIGKILL");
    await ended;
  };
  for (let tries = 0; tries < 100; tries++) {
    const client = await connectRedis(address).catch(() => null);
    if (client !== null) {
      await client.close();
      return { address, stop };
    }
    await sleep(50);
  }
  await stop();
  return null;
}

export async function connectRedis(address) {
  const { createClient } = await import("redis");
  const client = createClient({ socket: { path: address, reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Opens an lmdb environment; null when its native part cannot be loaded here. */
export async function openLmdb(directory) {
  try {
    const { open } = await import("lmdb");
    return open({ path: join(directory, "lmdb") });
  } catch {
    return null;
  }
}
