/** A Redis server of a test's own, on a socket in a folder. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const DEADLINE_MS = 20_000;

/** The version of the Redis server that is installed; undefined when there is none. */
export function redisVersion(): string | undefined {
  const { stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return /v=([\d.]+)/.exec(stdout ?? "")?.[1];
}

/** Starts a server that keeps nothing; resolves when it listens. */
export async function startRedis(folder: string): Promise<{ server: ChildProcess; socket: string }> {
  const socket = join(folder, "redis.sock");
  const options = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  for (const end = Date.now() + DEADLINE_MS; !existsSync(socket); await sleep(20))
    if (Date.now() > end || server.exitCode !== null) throw new Error("expected a Redis server to listen, got none");
  return { server, socket };
}
