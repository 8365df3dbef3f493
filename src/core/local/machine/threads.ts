/** The real `Threads`: worker threads, so that neither orders nor compactions wait for the application. */
import { Worker } from "node:worker_threads";
import { errorOf } from "../../errors.js";
import type {
  Clock,
  CompactRequest,
  CompactResult,
  HubHandle,
  HubReport,
  HubRequest,
  Threads,
  Timer,
} from "./machine.js";
import { COMPACTOR_THREAD, HUB_THREAD } from "./thread-texts.js";

/** What the owner of a hub's thread posts to it. */
export interface HubCommand {
  readonly close: boolean;
  readonly destroy: boolean;
  readonly hasWritten: boolean;
}

/** Reports after which a hub is gone. */
export const LAST_REPORTS: ReadonlySet<HubReport["kind"]> = new Set(["replaced", "ended", "failed"]);

/** What a compactor's thread posts. */
export type CompactReport = { readonly result: CompactResult } | { readonly code: string; readonly message: string };

type CompactDone = (error: Error | null, result: CompactResult | null) => void;

/** How long, in ms, a thread waits for another compaction: to start a new one costs more than to fold 16 MiB in a warm one. */
const KEPT_MS = 5000;
/** A thread that has written a larger snapshot is not kept, since its heap would stay as large. */
const KEPT_BYTES = 32 * 1024 * 1024;

/**
 * Starts a thread that never keeps the process alive. It reads nothing from the disk, and takes over nothing that would run code
 * of the application in it: no flags, and no preloads that the environment names.
 * @param finish Called when it ends, with the error that ended it.
 */
function start<Message>(
  text: string,
  workerData: unknown,
  receive: (message: Message) => void,
  finish: (error: Error | null) => void,
): Worker {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const worker = new Worker(text, { eval: true, workerData, env, execArgv: [], stdin: false });
  worker.on("message", receive);
  worker.on("error", finish);
  worker.on("exit", () => finish(null));
  // After the listeners, since a listener for messages would keep the process alive again.
  worker.unref();
  return worker;
}

/**
 * The threads that compact.
 *
 * Invariant: `#kept` is a thread that runs and has nothing to do, or null.
 */
export class CompactorThreads {
  readonly #clock: Clock;
  readonly #keptBytes: number;
  #kept: CompactorThread | null = null;

  constructor(clock: Clock, keptBytes: number = KEPT_BYTES) {
    this.#clock = clock;
    this.#keptBytes = keptBytes;
  }

  /** Compacts in the thread that was kept, or in a new one. Returns a function that stops it; `done` is not called then. */
  compact(request: CompactRequest, done: CompactDone): () => void {
    const thread = this.#kept ?? new CompactorThread((ended) => this.#forget(ended));
    this.#forget(thread);
    return thread.run(request, (error, result) => {
      if (result !== null && result.bytes <= this.#keptBytes) this.#keep(thread);
      else thread.end();
      done(error, result);
    });
  }

  #keep(thread: CompactorThread): void {
    this.#kept?.end();
    this.#kept = thread;
    thread.deadline = this.#clock.after(KEPT_MS, () => thread.end());
  }

  #forget(thread: CompactorThread): void {
    thread.deadline?.cancel();
    if (this.#kept === thread) this.#kept = null;
  }
}

/** A thread that does one compaction after the other. */
class CompactorThread {
  /** Ends it when it is kept for too long. */
  deadline: Timer | null = null;
  readonly #worker: Worker;
  readonly #ended: (thread: CompactorThread) => void;
  #done: CompactDone | null = null;

  constructor(ended: (thread: CompactorThread) => void) {
    this.#ended = ended;
    this.#worker = start<CompactReport>(
      COMPACTOR_THREAD,
      undefined,
      (report) => {
        if ("result" in report) this.#finish(null, report.result);
        else this.#finish(errorOf(report), null);
      },
      (error) => {
        ended(this);
        this.#finish(error ?? new Error("the compaction ended without a result"), null);
      },
    );
  }

  /** Returns a function that ends it, unless it has done this and does another one. */
  run(request: CompactRequest, done: CompactDone): () => void {
    this.#done = done;
    this.#worker.postMessage(request);
    return () => {
      if (this.#done === done) this.end();
    };
  }

  /** Ends it at once; what it was doing is not reported. */
  end(): void {
    this.#done = null;
    this.#ended(this);
    void this.#worker.terminate();
  }

  #finish(error: Error | null, result: CompactResult | null): void {
    const done = this.#done;
    this.#done = null;
    done?.(error, result);
  }
}

/** Threads of this process. */
export const workerThreads = (clock: Clock, compactors = new CompactorThreads(clock)): Threads => ({
  startHub(request: HubRequest, report: (report: HubReport) => void): HubHandle {
    let isOver = false;
    const finish = (last: HubReport) => {
      if (isOver) return;
      isOver = true;
      report(last);
    };
    const worker = start<HubReport>(
      HUB_THREAD,
      request,
      (message) => {
        if (LAST_REPORTS.has(message.kind)) finish(message);
        else report(message);
      },
      (error) =>
        finish(error ? { kind: "failed", code: "ERR_STORAGE_DISK", message: error.message } : { kind: "replaced" }),
    );
    return {
      close: (destroy, hasWritten) => worker.postMessage({ close: true, destroy, hasWritten } satisfies HubCommand),
      terminate: () => {
        isOver = true;
        void worker.terminate();
      },
    };
  },

  compact: (request, done) => compactors.compact(request, done),
});
