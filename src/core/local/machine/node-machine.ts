/** The machine that this process runs on. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { codeOf } from "../../errors.js";
import { after, elapsedTime, keepAlive, microtask, soon, wallTime } from "../../runtime.js";
import { bootIdOf, diskFiles } from "./files.js";
import type { Clock, Identity, Machine } from "./machine.js";
import { unixSockets } from "./sockets.js";
import { workerThreads } from "./threads.js";

const clock: Clock = { now: wallTime, elapsed: elapsedTime, microtask, soon, after, keepAlive };

const identity: Identity = {
  pid: process.pid,
  host: hostname(),
  bootId: bootIdOf(hostname()),
  uid: process.geteuid?.() ?? -1,
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
