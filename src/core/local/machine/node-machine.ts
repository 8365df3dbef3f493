/** The machine that this process runs on. */

import { randomBytes } from "node:crypto";
import { hostname, uptime } from "node:os";
import { codeOf } from "../../errors.js";
import {
  after,
  elapsedTime,
  isMonotonicShared,
  keepAlive,
  microtask,
  monotonicTime,
  soon,
  wallTime,
} from "../../runtime.js";
import { diskFiles } from "./files.js";
import { bootIdOf, tellsUptime, timeNamespace } from "./kernel.js";
import type { Clock, Identity, Machine } from "./machine.js";
import { unixSockets } from "./sockets.js";
import { workerThreads } from "./threads.js";

const bootId = bootIdOf(hostname());

/** ms within which the two clocks are read one after the other, unless the process has to wait in between. */
const READ_MS = 1;
const MOST_READS = 5;

/** On Linux, `os.uptime()` goes on while the machine is suspended, and the monotonic clock does not. */
function suspendedTime(): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let count = 0; count < MOST_READS; count++) {
    const before = monotonicTime();
    const up = uptime() * 1000;
    const after = monotonicTime();
    most = Math.max(most, up - after);
    if (after - before < READ_MS) break;
  }
  return most;
}

const clock: Clock = {
  now: wallTime,
  elapsed: elapsedTime,
  monotonic: monotonicTime,
  suspended: isMonotonicShared && tellsUptime() ? suspendedTime : () => null,
  // Processes of one kernel have clocks of their own in a time namespace of their own.
  domain: isMonotonicShared ? `${bootId} ${timeNamespace()}` : "",
  microtask,
  soon,
  after,
  keepAlive,
};

const identity: Identity = {
  pid: process.pid,
  host: hostname(),
  bootId,
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
