/** The machine that this process runs on. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { performance } from "node:perf_hooks";
import { codeOf } from "../../errors.js";
import { bootIdOf, diskFiles } from "./files.js";
import type { Clock, Identity, Machine } from "./machine.js";
import { unixSockets } from "./sockets.js";
import { workerThreads } from "./threads.js";

/** Longest delay of a timer of Node.js; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const clock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, MAX_TIMER_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon(call) {
    setImmediate(call);
  },
  keepAlive() {
    const timer = setInterval(() => {}, MAX_TIMER_MS);
    return { cancel: () => clearInterval(timer) };
  },
};

const identity: Identity = {
  pid: process.pid,
  host: hostname(),
  bootId: bootIdOf(hostname()),
  isAlive(pid) {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return codeOf(error) === "EPERM";
    }
  },
};

/** Files, sockets, clock, threads and randomness of this machine. */
export const nodeMachine: Machine = {
  files: diskFiles,
  sockets: unixSockets(diskFiles),
  clock,
  threads: workerThreads(clock),
  identity,
  random: (bytes) => randomBytes(bytes),
};
