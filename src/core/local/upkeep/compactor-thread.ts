/** The thread of compactions, one after the other. */

import { parentPort } from "node:worker_threads";
import { sent } from "../../errors.js";
import type { CompactRequest } from "../machine/machine.js";
import { nodeMachine } from "../machine/node-machine.js";
import { type CompactReport, STARTED } from "../machine/threads.js";
import { compactBeside } from "./compactor.js";

const port = parentPort as NonNullable<typeof parentPort>;

function run(request: CompactRequest): CompactReport {
  try {
    return { result: compactBeside(nodeMachine, request) };
  } catch (error) {
    return sent(error);
  }
}

port.postMessage(STARTED);
port.on("message", (request: CompactRequest) => port.postMessage(run(request)));
