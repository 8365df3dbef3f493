/** Where threads are not to be had, the event loop of the application does the work of a hub's thread. */
import { startHub } from "./hub/host.js";
import type { Machine, Threads } from "./machine/machine.js";

/**
 * A machine whose hubs start in any case: in a thread, and where none starts, in the event loop. Threads are refused by
 * Node.js' permission model, by limits of threads, of open files and of memory, and by some runtimes.
 */
export function withHubsAnyway(machine: Machine): Machine {
  const threads: Threads = {
    startHub: (request, report) =>
      machine.threads.startHub(request, report, () => startHub(machine, request, report, false)),
    compact: (request, done) => machine.threads.compact(request, done),
  };
  return { ...machine, threads };
}
