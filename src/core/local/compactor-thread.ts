/** The thread of one compaction. */
import { parentPort, workerData } from "node:worker_threads";
import { compact } from "./compactor.js";
import type { CompactRequest } from "./machine.js";
import { thisMachine } from "./this-machine.js";
import type { CompactReport } from "./threads.js";

function run(): CompactReport {
  try {
    return { result: compact(thisMachine, workerData as CompactRequest) };
  } catch (error) {
    const { code = "ERR_STORAGE_DISK", message } = error as NodeJS.ErrnoException;
    return { code, message };
  }
}

parentPort?.postMessage(run());
