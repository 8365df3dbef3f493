/** The real `Threads`: worker threads, so that neither orders nor compactions wait for the application. */
import { Worker } from "node:worker_threads";
import type { CompactRequest, CompactResult, HubHandle, HubReport, HubRequest, Threads } from "./machine.js";

/** What the owner of a hub's thread posts to it. */
export interface HubCommand {
  readonly close: boolean;
  readonly destroy: boolean;
}

/** What a compactor's thread posts. */
export type CompactReport =
  | { readonly result: CompactResult }
  | { readonly code: string; readonly message: string };

/** Starts a thread that never keeps the process alive and inherits no loaders of the application. */
function start(file: string, workerData: unknown): Worker {
  const worker = new Worker(new URL(file, import.meta.url), { workerData, execArgv: [], stdin: false });
  worker.unref();
  return worker;
}

/** Threads of this process. */
export const workerThreads: Threads = {
  startHub(request: HubRequest, report: (report: HubReport) => void): HubHandle {
    const worker = start("./hub-thread.js", request);
    let isOver = false;
    const finish = (last: HubReport) => {
      if (isOver) return;
      isOver = true;
      report(last);
    };
    worker.on("message", (message: HubReport) => {
      if (message.kind === "serving" || message.kind.startsWith("compact")) report(message);
      else finish(message);
    });
    worker.on("error", (error) => finish({ kind: "failed", code: "ERR_STORAGE_DISK", message: error.message }));
    worker.on("exit", () => finish({ kind: "replaced" }));
    return {
      close: (destroy) => worker.postMessage({ close: true, destroy } satisfies HubCommand),
      terminate: () => {
        isOver = true;
        void worker.terminate();
      },
    };
  },

  compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): () => void {
    const worker = start("./compactor-thread.js", request);
    let isOver = false;
    const finish = (error: Error | null, result: CompactResult | null) => {
      if (isOver) return;
      isOver = true;
      done(error, result);
    };
    worker.on("message", (message: CompactReport) => {
      if ("result" in message) finish(null, message.result);
      else finish(Object.assign(new Error(message.message), { code: message.code }), null);
    });
    worker.on("error", (error) => finish(error, null));
    worker.on("exit", () => finish(new Error("the compaction ended without a result"), null));
    return () => {
      isOver = true;
      void worker.terminate();
    };
  },
};
