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

type CompactDone = (error: Error | null, result: CompactResult | null) => void;

/** How long, in ms, a thread waits for another compaction: to start one anew costs more than to fold 16 MiB in a warm one. */
const KEPT_MS = 5000;
/** A thread that has written a larger snapshot is not kept, since its heap would stay as large. */
const KEPT_BYTES = 32 * 1024 * 1024;

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

/**
 * A thread that compacts.
 *
 * Invariant: `#kept` is one that has nothing to do and is there, or null.
 */
class CompactorThread {
  static #kept: CompactorThread | null = null;
  readonly #worker: Worker;
  #done: CompactDone | null = null;
  #patience: NodeJS.Timeout | undefined;

  private constructor() {
    this.#worker = start<CompactReport>(
      "./compactor-thread.js",
      undefined,
      (report) => this.#reported(report),
      (error) => this.#ended(error),
    );
  }

  /** Compacts in the thread that was kept, or in a new one. Returns a function that stops it; `done` is not called then. */
  static run(request: CompactRequest, done: CompactDone): () => void {
    const thread = CompactorThread.#kept ?? new CompactorThread();
    CompactorThread.#kept = null;
    clearTimeout(thread.#patience);
    thread.#done = done;
    thread.#worker.postMessage(request);
    return () => {
      if (thread.#done === done) thread.#stop();
    };
  }

  #reported(report: CompactReport): void {
    const done = this.#done;
    this.#done = null;
    if ("result" in report && report.result.bytes <= KEPT_BYTES) this.#keep();
    else this.#stop();
    if ("result" in report) done?.(null, report.result);
    else done?.(Object.assign(new Error(report.message), { code: report.code }), null);
  }

  #keep(): void {
    CompactorThread.#kept = this;
    this.#patience = setTimeout(() => this.#stop(), KEPT_MS).unref();
  }

  #stop(): void {
    this.#done = null;
    if (CompactorThread.#kept === this) CompactorThread.#kept = null;
    void this.#worker.terminate();
  }

  #ended(error: Error | null): void {
    if (CompactorThread.#kept === this) CompactorThread.#kept = null;
    this.#done?.(error ?? new Error("the compaction ended without a result"), null);
    this.#done = null;
  }
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

  compact(request: CompactRequest, done: CompactDone): () => void {
    return CompactorThread.run(request, done);
  },
};
