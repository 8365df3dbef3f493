/** The real `Threads`: worker threads, so that neither orders nor compactions wait for the application. */
import { Worker } from "node:worker_threads";
import { errorOf, isError, type SentError, type StorageErrorCode } from "../../errors.js";
import type { FileReport } from "./healing.js";
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
import { warnOnce } from "./warnings.js";

/** No thread could be started, so nothing of what it was meant to do has happened. */
export class NoThreadError extends Error {
  override readonly name = "NoThreadError";
}

/** What the owner of a hub's thread posts to it: a call of its handle. */
export type HubCommand =
  | { readonly call: "close"; readonly destroy: boolean; readonly hasWritten: boolean }
  | { readonly call: "answer"; readonly report: FileReport };

/** The call that a command stands for. */
export function obey(hub: HubHandle, command: HubCommand): void {
  if (command.call === "close") hub.close(command.destroy, command.hasWritten);
  else hub.answer(command.report);
}

/** Reports after which a hub is gone. */
export const LAST_REPORTS: ReadonlySet<HubReport["kind"]> = new Set(["replaced", "behind", "ended", "failed"]);

/** What a thread posts first: it runs. */
export const STARTED = "started";

/** What a compactor's thread posts. */
export type CompactReport = { readonly result: CompactResult } | SentError;

type CompactDone = (error: Error | null, result: CompactResult | null) => void;

/** How long, in ms, a thread waits for another compaction: to start a new one costs more than to fold 16 MiB in a warm one. */
const KEPT_MS = 5000;
/** A thread that has written a larger snapshot is not kept, since its heap would stay as large. */
const KEPT_BYTES = 32 * 1024 * 1024;

/**
 * Starts a thread that never keeps the process alive. It reads nothing from the disk, and takes over nothing that would run code
 * of the application in it: no flags, and no preloads that the environment names.
 * @param finish Called once, when it has ended: with a `NoThreadError` when it never ran, else with the error that ended it, if any.
 * @throws the error of Node.js when it is refused at once: by the permission model, or by the system.
 */
function start<Message>(
  text: string,
  workerData: unknown,
  receive: (message: Message) => void,
  finish: (error: Error | null) => void,
): Worker {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const worker = new Worker(text, { eval: true, workerData, env, execArgv: [], stdin: false });
  let hasStarted = false;
  let failure: Error | null = null;
  worker.on("message", (message: Message | typeof STARTED) => {
    if (message === STARTED) hasStarted = true;
    else receive(message);
  });
  worker.on("error", (error) => {
    failure = error;
  });
  // All that it has posted is received before it exits.
  worker.on("exit", () => finish(hasStarted ? failure : noThread(failure)));
  // After the listeners, since a listener for messages would keep the process alive again.
  worker.unref();
  return worker;
}

function noThread(cause: unknown): NoThreadError {
  const reason = isError(cause) ? cause.message : "it ended without an error";
  return new NoThreadError(`expected a thread to start, got none: ${reason}`, { cause });
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

  /** {@link Threads.compact}, in the thread that was kept, or in a new one. */
  compact(request: CompactRequest, done: CompactDone): () => void {
    let thread: CompactorThread;
    try {
      thread = this.#kept ?? new CompactorThread((ended) => this.#forget(ended));
    } catch (error) {
      return this.#refuse(noThread(error), done);
    }
    this.#forget(thread);
    return thread.run(request, (error, result) => {
      if (result !== null && result.bytes <= this.#keptBytes) this.#keep(thread);
      else thread.end();
      done(error, result);
    });
  }

  #refuse(error: NoThreadError, done: CompactDone): () => void {
    let isStopped = false;
    this.#clock.soon(() => isStopped || done(error, null));
    return () => {
      isStopped = true;
    };
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

/** A hub in a thread of its own; in this event loop once it turns out that no thread starts. */
class HubThread implements HubHandle {
  readonly #report: (report: HubReport) => void;
  readonly #instead: (() => HubHandle) | undefined;
  #worker: Worker | null = null;
  #inLoop: HubHandle | null = null;
  #isOver = false;
  /** The last call of `close`, for a hub that is started instead. */
  #close: HubCommand | null = null;

  constructor(request: HubRequest, report: (report: HubReport) => void, instead?: () => HubHandle) {
    this.#report = report;
    this.#instead = instead;
    try {
      const receive = (message: HubReport): void => this.#received(message);
      this.#worker = start<HubReport>(HUB_THREAD, request, receive, (error) => this.#ended(error));
    } catch (error) {
      if (instead === undefined) throw noThread(error);
      this.#startInstead(instead, noThread(error));
    }
  }

  close(destroy: boolean, hasWritten: boolean): void {
    this.#close = { call: "close", destroy, hasWritten };
    this.#command(this.#close);
  }

  answer(report: FileReport): void {
    this.#command({ call: "answer", report });
  }

  #command(command: HubCommand): void {
    if (this.#inLoop) obey(this.#inLoop, command);
    else this.#worker?.postMessage(command);
  }

  terminate(): void {
    this.#isOver = true;
    this.#inLoop?.terminate();
    void this.#worker?.terminate();
  }

  #received(report: HubReport): void {
    if (this.#isOver) return;
    this.#isOver = LAST_REPORTS.has(report.kind);
    this.#report(report);
  }

  #ended(error: Error | null): void {
    this.#worker = null;
    if (this.#isOver) return;
    if (error instanceof NoThreadError && this.#instead) this.#startInstead(this.#instead, error);
    else if (error) this.#received({ kind: "failed", code: MANAGER_FAILED, message: failureText(error) });
    else this.#received({ kind: "replaced" });
  }

  #startInstead(instead: () => HubHandle, reason: NoThreadError): void {
    warnOnce("CLUSTER_STORAGE_NO_THREADS", `${reason.message}; ${IN_LOOP}`);
    this.#inLoop = instead();
    if (this.#close) obey(this.#inLoop, this.#close);
  }
}

const MANAGER_FAILED: StorageErrorCode = "ERR_STORAGE_MANAGER";

function failureText(error: Error): string {
  return `the manager in this process has ended with an error, and another one takes its place: ${error.message}`;
}

const IN_LOOP = "the storage is managed in the event loop of this process, which has less time for other work";

/** Threads of this process. */
export const workerThreads = (clock: Clock, compactors = new CompactorThreads(clock)): Threads => ({
  startHub: (request, report, instead) => new HubThread(request, report, instead),
  compact: (request, done) => compactors.compact(request, done),
});
