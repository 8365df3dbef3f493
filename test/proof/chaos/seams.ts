/** What stands between a member and Node.js. This module must be loaded before the package is. */

import { syncBuiltinESMExports } from "node:module";
import workerThreads, { type Worker, type WorkerOptions } from "node:worker_threads";
import { ASSIGNMENT, type Assignment, placesOf } from "./settings.js";
import { followWallClock, textToFollow } from "./wall-clock.js";

const { directory } = JSON.parse(process.env[ASSIGNMENT] as string) as Assignment;
const { clock } = placesOf(directory);
const hubs = new Set<Worker>();

/** A thread of the package, which is started from a text. A hub's one gets what it needs at its start, a compactor's one gets it later. */
class NotedWorker extends workerThreads.Worker {
  constructor(text: string, options?: WorkerOptions) {
    super(textToFollow(clock) + text, options);
    if (options?.workerData === undefined) return;
    hubs.add(this);
    this.on("exit", () => hubs.delete(this));
  }
}

followWallClock(clock);
workerThreads.Worker = NotedWorker as typeof Worker;
// What imports the class by its name gets the new one too.
syncBuiltinESMExports();

/** Ends the threads of all hubs of this process, at whatever they are doing. */
export function endHubs(): void {
  for (const hub of hubs) void hub.terminate();
}
