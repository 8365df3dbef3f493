/** A simulated process: its threads, its clock, what it has open. */
import type { Clock, Identity, Machine, Timer } from "../../../dist/core/local/machine/machine.js";
import { FilesOf } from "./files-of.js";
import { CrashError, type Thread } from "./scheduler.js";
import { ThreadsOf } from "./threads-of.js";
import type { World } from "./world.js";

/** One process of so many cannot start threads. */
const THREADLESS = 5;

export class Process {
  readonly pid: number;
  readonly world: World;
  readonly main: Thread;
  readonly threads = new Set<Thread>();
  readonly #files = new Map<Thread, FilesOf>();
  /** By how much its wall clock was set and that of the machine was not, in ms. */
  skewMs = 0;
  isAlive = true;
  isFrozen = false;
  /** It reaches no socket, not even its own. */
  isBlind = false;
  /** Whether it may be the manager. */
  isCandidate = true;
  /** Whether it can start threads. If not, its event loop does their work. */
  hasThreads: boolean;
  /** File calls left until it is killed in the middle of one. */
  crashIn = Number.POSITIVE_INFINITY;
  /** What keeps it from ending by itself. */
  aliveCount = 0;
  #threadCount = 0;

  constructor(world: World, pid: number) {
    this.world = world;
    this.pid = pid;
    this.hasThreads = (world.seed + pid) % THREADLESS !== 0;
    this.main = this.startThread("main");
  }

  /** ms since 1970, as this process sees it. */
  get wallTime(): number {
    return Math.floor(this.world.clocks.trueTime + this.wallErrorMs);
  }

  /** How far its wall clock is off. */
  get wallErrorMs(): number {
    return this.world.clocks.errorMs + this.skewMs;
  }

  startThread(name: string): Thread {
    const thread = this.world.scheduler.thread(`${this.pid}.${name}${++this.#threadCount}`);
    this.threads.add(thread);
    thread.onEnd(() => this.threads.delete(thread));
    if (this.isFrozen) thread.hold();
    return thread;
  }

  /** The machine as one of its threads has it. */
  machine(thread: Thread): Machine {
    const { world } = this;
    const files = new FilesOf(world, this, thread);
    this.#files.set(thread, files);
    return {
      files,
      sockets: world.network.socketsOf(thread, this),
      clock: this.#clock(thread),
      threads: new ThreadsOf(world, this, thread),
      identity: this.#identity(),
      random: (count) => world.dice.bytes(count),
    };
  }

  /** Ends a thread that has done its work: it has closed all that it opened. */
  finish(thread: Thread): void {
    const leaked = this.#files.get(thread)?.leakedPaths ?? [];
    this.#files.delete(thread);
    if (thread.isAlive && leaked.length > 0) this.world.leaked(thread.name, leaked);
    thread.end();
  }

  freeze(): void {
    if (this.isFrozen || !this.isAlive) return;
    this.isFrozen = true;
    for (const thread of this.threads) thread.hold();
  }

  thaw(): void {
    if (!this.isFrozen || !this.isAlive) return;
    this.isFrozen = false;
    for (const thread of this.threads) thread.release();
  }

  /** Ends it at once, with all its threads. */
  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const thread of [...this.threads]) thread.end();
    this.world.processEnded(this);
  }

  /** Counts a file call; the one that was chosen is its last. */
  expectAlive(thread: Thread): void {
    if (thread.isAlive && --this.crashIn <= 0) {
      this.world.tally.add("crash in a call");
      this.world.trace(`${thread.name} crashes in a call`);
      this.kill();
    }
    if (!thread.isAlive) throw new CrashError();
  }

  #identity(): Identity {
    const { pid, world } = this;
    return { pid, uid: 1, host: "here", bootId: world.bootId, isAlive: (other) => world.isAlive(other) };
  }

  #clock(thread: Thread): Clock {
    const { world } = this;
    const { scheduler, dice } = world;
    return {
      now: () => this.wallTime,
      elapsed: () => scheduler.time + this.pid * 1000,
      monotonic: () => world.clocks.monotonic,
      suspended: () => world.clocks.suspended,
      domain: world.bootId,
      after: (ms, call) => {
        if (!thread.isAlive) return { cancel: () => {} };
        const happening = thread.in(ms + dice.delay(1, 4), () => {
          thread.timers.delete(happening);
          call();
        });
        thread.timers.add(happening);
        return {
          cancel: () => {
            happening.call = null;
            thread.timers.delete(happening);
          },
        };
      },
      microtask: (call) => scheduler.microtask(thread, call),
      soon: (call) => void thread.in(0.01, call),
      keepAlive: () => this.#keepAlive(),
    };
  }

  #keepAlive(): Timer {
    let isKept = true;
    this.aliveCount++;
    return {
      cancel: () => {
        if (isKept) this.aliveCount--;
        isKept = false;
      },
    };
  }
}
