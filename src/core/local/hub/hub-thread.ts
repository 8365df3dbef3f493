/** The thread of a hub. */
import { parentPort, workerData } from "node:worker_threads";
import type { HubReport, HubRequest } from "../machine/machine.js";
import { nodeMachine } from "../machine/node-machine.js";
import { type HubCommand, LAST_REPORTS, obey, STARTED } from "../machine/threads.js";
import { startHub } from "./host.js";

const port = parentPort as NonNullable<typeof parentPort>;

port.postMessage(STARTED);

const hub = startHub(nodeMachine, workerData as HubRequest, (report: HubReport) => {
  port.postMessage(report);
  // Only the port keeps this thread alive.
  if (LAST_REPORTS.has(report.kind)) port.close();
});

port.on("message", (command: HubCommand) => obey(hub, command));
