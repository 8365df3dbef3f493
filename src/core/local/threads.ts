/** The real `Threads`: worker threads, so that neither orders nor compactions wait for the application. */
import { Worker } from "node:worker_threads";
import type { CompactRequest, CompactResult, HubHandle, HubReport, HubRequest, Threads } from "./machine.js";
import { LAST_REPORTS } from "./reports.js";

/** What the owner of a hub's thread posts to it. */
export interface HubCommand {
  readonly close: boolean;
  readonly destroy: boolean;
}

/** What a compactor's thread posts. */
export type CompactReport = { readonly result: CompactResult } | { readonly code: string; readonly message: string };

/**
 * Starts a thread that never keeps the process alive and inherits no loaders of the application.
 * @param finish Called when it ends, with the error that ended it.
 */
function start<Message>(
  file: string,
  workerData: unknown,
  receive: (message: Message) => void,
  finish: (error: Error | null) => void,
): Worker {
  const worker = new Worker(new URL(file, import.meta.url), { workerData, execArgv: [], stdin: false });
  worker.on("message", receive);
  worker.on("error", finish);
  worker.on("exit", () => finish(null));
  // Behind the listeners, since a listener for messages would keep the process alive again.
  worker.unref();
  return worker;
}

/** Threads of this process. */
export const workerThreads: Threads = {
  startHub(request: HubRequest, report: (report: HubReport) => void): HubHandle {
    let isOver = false;
    const finish = (last: HubReport) => {
      if (isOver) return;
      isOver = true;
      report(last);
    };
    const worker = start<HubReport>(
      "./hub-thread.js",
      request,
      (message) => {
        if (LAST_REPORTS.has(message.kind)) finish(message);
        else report(message);
      },
      (error) =>
        finish(error ? { kind: "failed", code: "ERR_STORAGE_DISK", message: error.message } : { kind: "replaced" }),
    );
    return {
      close: (destroy) => worker.postMessage({ close: true, destroy } satisfies HubCommand),
      terminate: () => {
        isOver = true;
        void worker.terminate();
      },
    };
  },

  compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): () => void {
    let isOver = false;
    const finish = (error: Error | null, result: CompactResult | null) => {
      if (isOver) return;
      isOver = true;
      done(error, result);
    };
    const worker = start<CompactReport>(
      "./compactor-thread.js",
      request,
      (message) => {
        if ("result" in message) finish(null, message.result);
        else finish(Object.assign(new Error(message.message), { code: message.code }), null);
      },
      (error) => finish(error ?? new Error("the compaction ended without a result"), null),
    );
    return () => {
      isOver = true;
      void worker.terminate();
    };
  },
};
