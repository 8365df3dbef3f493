/** The thread of compactions, one after the other. */
import { parentPort } from "node:worker_threads";
import { compact } from "./compactor.js";
import type { CompactRequest } from "./machine.js";
import { thisMachine } from "./this-machine.js";
import type { CompactReport } from "./threads.js";

const port = parentPort as NonNullable<typeof parentPort>;

function run(request: CompactRequest): CompactReport {
  try {
    return { result: compact(thisMachine, request) };
  } catch (error) {
    const { code = "ERR_STORAGE_DISK", message } = error as NodeJS.ErrnoException;
    return { code, message };
  }
}

port.on("message", (request: CompactRequest) => port.postMessage(run(request)));
