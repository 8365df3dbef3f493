/** The hubs of this process: the module must be loaded before the storage is opened. */

import { syncBuiltinESMExports } from "node:module";
import workerThreads, { type Worker, type WorkerOptions } from "node:worker_threads";

const hubs = new Set<Worker>();

/** A hub's thread gets what it needs at its start, a compactor's thread gets it later. */
class NotedWorker extends workerThreads.Worker {
  constructor(text: string | URL, options?: WorkerOptions) {
    super(text, options);
    if (options?.workerData === undefined) return;
    hubs.add(this);
    this.on("exit", () => hubs.delete(this));
  }
}

workerThreads.Worker = NotedWorker;
// What imports the class by its name gets the new one too.
syncBuiltinESMExports();

/** Ends the threads of all hubs of this process, at whatever they are doing. */
export function endHubs(): void {
  for (const hub of hubs) void hub.terminate();
}
