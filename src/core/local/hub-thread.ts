/** The thread of a hub. */
import { parentPort, workerData } from "node:worker_threads";
import { startHub } from "./hub-host.js";
import type { HubReport, HubRequest } from "./machine.js";
import { thisMachine } from "./this-machine.js";
import type { HubCommand } from "./threads.js";

const port = parentPort as NonNullable<typeof parentPort>;

const hub = startHub(thisMachine, workerData as HubRequest, (report: HubReport) => {
  port.postMessage(report);
  // Nothing else keeps this thread alive, so it ends by itself.
  if (report.kind === "ended" || report.kind === "replaced" || report.kind === "failed") port.close();
});

port.on("message", (command: HubCommand) => {
  if (command.close) hub.close(command.destroy);
});
