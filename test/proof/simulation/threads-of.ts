/**
 * The threads beside the event loop of a process: real hubs and real compactions, each with an event loop of its own. They
 * start after a while or not at all, their reports take a while, and they end with the thread that started them.
 */

import { startHub } from "../../../dist/core/local/hub/host.js";
import type {
  CompactRequest,
  CompactResult,
  HubHandle,
  HubReport,
  HubRequest,
  Threads,
} from "../../../dist/core/local/machine/machine.js";
import { LAST_REPORTS, NoThreadError } from "../../../dist/core/local/machine/threads.js";
import { compactBeside } from "../../../dist/core/local/upkeep/compactor.js";
import type { Process } from "./process.js";
import type { Thread } from "./scheduler.js";
import type { World } from "./world.js";

export class ThreadsOf implements Threads {
  readonly #world: World;
  readonly #process: Process;
  readonly #thread: Thread;
  #arrivesAt = 0;

  constructor(world: World, process: Process, thread: Thread) {
    this.#world = world;
    this.#process = process;
    this.#thread = thread;
  }

  startHub(request: HubRequest, report: (report: HubReport) => void, instead?: () => HubHandle): HubHandle {
    const thread = this.#start("hub");
    if (thread === null) {
      this.#world.tally.add("hub without a thread");
      return (instead as () => HubHandle)();
    }
    let inLoop: HubHandle | null = null;
    let isClosing: [destroy: boolean, hasWritten: boolean] | null = null;
    let isOver = false;
    let hub: HubHandle | null = null;
    const waiting: (() => void)[] = [];
    const tell = (told: HubReport) => {
      this.#world.trace(
        `${thread.name} ${told.kind} ${"epoch" in told ? told.epoch : "message" in told ? told.message : ""}`,
      );
      if (LAST_REPORTS.has(told.kind)) thread.in(0.01, () => this.#process.finish(thread));
      this.#post(() => {
        if (isOver) return;
        isOver = LAST_REPORTS.has(told.kind);
        report(structuredClone(told));
      });
    };
    const copy = structuredClone(request);
    thread.in(this.#world.dice.delay(3, 30), () => {
      if (this.#world.fails("thread")) {
        this.#process.finish(thread);
        this.#post(() => {
          if (isOver) return;
          inLoop = (instead as () => HubHandle)();
          this.#world.tally.add("hub without a thread");
          if (isClosing !== null) inLoop.close(...isClosing);
        });
        return;
      }
      hub = startHub(this.#process.machine(thread), copy, tell);
      for (const call of waiting) call();
    });
    return {
      answer: (report) => {
        inLoop?.answer(report);
        thread.in(this.#world.dice.delay(0.2, 2), () => hub?.answer(report));
      },
      close: (destroy, hasWritten) => {
        isClosing = [destroy, hasWritten];
        inLoop?.close(destroy, hasWritten);
        thread.in(this.#world.dice.delay(0.2, 2), () => {
          if (hub === null) waiting.push(() => hub?.close(destroy, hasWritten));
          else hub.close(destroy, hasWritten);
        });
      },
      terminate: () => {
        isOver = true;
        inLoop?.terminate();
        this.#endSoon(thread);
      },
    };
  }

  compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): () => void {
    const thread = this.#start("compaction");
    let isOver = false;
    const stop = () => {
      isOver = true;
    };
    if (thread === null) {
      this.#post(() => isOver || done(new NoThreadError("none is to be had"), null));
      return stop;
    }
    const finish = (error: Error | null, result: CompactResult | null) => {
      thread.in(0, () => this.#process.finish(thread));
      this.#post(() => {
        if (!isOver) done(error, result);
        isOver = true;
      });
    };
    const copy = structuredClone(request);
    thread.in(this.#world.dice.delay(3, 50), () => {
      let result: CompactResult;
      try {
        result = compactBeside(this.#process.machine(thread), copy);
      } catch (error) {
        const { code = "ERR_STORAGE_DISK", message } = error as NodeJS.ErrnoException;
        finish(Object.assign(new Error(message), { code }), null);
        return;
      }
      this.#world.tally.add("compaction");
      finish(null, result);
    });
    return () => {
      stop();
      this.#endSoon(thread);
    };
  }

  /** Null when none is to be had. */
  #start(name: string): Thread | null {
    if (!this.#thread.isAlive || !this.#process.hasThreads || this.#world.fails("thread")) return null;
    const thread = this.#process.startThread(name);
    this.#thread.onEnd(() => thread.end());
    return thread;
  }

  /** Calls in the thread that started it, after a while; in order, as messages arrive. */
  #post(call: () => void): void {
    const { scheduler, dice } = this.#world;
    this.#arrivesAt = Math.max(scheduler.time + dice.delay(0.3, 3), this.#arrivesAt + 0.001);
    this.#thread.in(this.#arrivesAt - scheduler.time, call);
  }

  /** A thread that is ended goes on for a moment. */
  #endSoon(thread: Thread): void {
    this.#world.scheduler.world.in(this.#world.dice.delay(0.2, 2), () => thread.end());
  }
}
