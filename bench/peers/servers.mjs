/** Redis, on a Unix socket, and what else is needed to start programs. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { keepChild } from "../measure/children.mjs";

/** Why there are no figures of Redis. */
export const NO_REDIS = "no redis-server on the PATH, or it does not start";

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

/**
 * Starts a Redis on a Unix socket in `directory`, with the log that is nearest to ours; null when there is none.
 * @param core The only one that it may use; by default any.
 * @param fsync Its `appendfsync`: always, everysec or no.
 */
export async function startRedis(directory, { core = undefined, fsync = "everysec", name = "redis" } = {}) {
  const program = onPath("redis-server");
  if (program === null) return null;
  const address = join(directory, `${name}.sock`);
  const options = ["--port", "0", "--unixsocket", address, "--dir", directory, "--save", "", "--daemonize", "no"];
  const log = ["--appendonly", "yes", "--appendfsync", fsync, "--appenddirname", name];
  const [command, ...parameters] = [...pinned(core), program, ...options, ...log];
  const server = keepChild(spawn(command, parameters, { stdio: "ignore" }));
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

/** Runs something with a Redis, or with null where there is none. */
export async function withRedis(directory, run, options) {
  const server = await startRedis(directory, options);
  try {
    return await run(server);
  } finally {
    await server?.stop();
  }
}

/** A client of the package redis. */
export async function connectRedis(address) {
  const { createClient } = await import("redis");
  const client = createClient({ socket: { path: address, reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** A client of the package ioredis. */
export async function connectIoredis(address) {
  const { default: Redis } = await import("ioredis");
  const client = new Redis({ path: address, retryStrategy: () => null, lazyConnect: true });
  client.on("error", () => {});
  await client.connect();
  return client;
}
