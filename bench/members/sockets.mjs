/** What a bare Unix socket to another process takes: the physical limit of all that goes from one process to another. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { keepChild } from "../measure/children.mjs";
import { nowNs } from "../measure/compare.mjs";

const PROGRAM = fileURLToPath(new URL("socket-program.mjs", import.meta.url));
const WARM_UP_TRIPS = 3_000;
const CHUNK_BYTES = 65_536;

let startedCount = 0;

/** Starts such a process; `kind` as `socket-program.mjs` says. */
export async function startSocket(kind, path) {
  const address = join(path, `${kind}${++startedCount}.sock`);
  const child = keepChild(fork(PROGRAM, [kind, address], { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  await once(child, "message");
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  const askBytes = async () => {
    child.send("bytes");
    const [bytes] = await once(child, "message");
    return bytes;
  };
  return { address, pid: child.pid, stop, askBytes };
}

/** Runs something with a connection to such a process. */
async function withSocket(kind, path, run) {
  const started = await startSocket(kind, path);
  const socket = connect(started.address);
  await once(socket, "connect");
  try {
    return await run(socket, started);
  } finally {
    socket.destroy();
    await started.stop();
  }
}

/** Round trips of a few bytes, in ns, with pauses between them; measured once both ends are warm. */
export const roundTrips = (path, count, pauseMs) =>
  withSocket("echo", path, async (socket) => {
    const trips = [];
    for (let index = -WARM_UP_TRIPS; index < count; index++) {
      const start = nowNs();
      socket.write("0123456789abcdef");
      await once(socket, "data");
      if (index < 0) continue;
      trips.push(nowNs() - start);
      if (pauseMs > 0) await sleep(pauseMs);
    }
    return trips;
  });

/** Bytes per second that arrive at the other end. */
export const bytesPerSecond = (path, totalBytes) =>
  withSocket("sink", path, async (socket, started) => {
    const chunk = Buffer.alloc(CHUNK_BYTES, "x");
    const start = nowNs();
    for (let sent = 0; sent < totalBytes; sent += CHUNK_BYTES) {
      if (!socket.write(chunk)) await once(socket, "drain");
    }
    while ((await started.askBytes()) < totalBytes) await sleep(0);
    return (totalBytes * 1e9) / (nowNs() - start);
  });

/** Time from a process' death by SIGKILL until another one that is connected to it knows, in ns. */
export const noticeOfDeath = (path) =>
  withSocket("echo", path, async (socket, { pid }) => {
    const closed = new Promise((done) => socket.on("error", () => {}).on("close", () => done(nowNs())));
    const start = nowNs();
    process.kill(pid, "SIGKILL");
    return (await closed) - start;
  });
