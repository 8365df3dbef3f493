/**
 * The time and the order of everything in a simulation: one event at a time, by the time at which it is due.
 *
 * An event belongs to a thread. Of a dead thread nothing happens any more; what is due while a thread is held (frozen with
 * its process, or kept busy) happens when it is let go, in the same order. After each event all microtasks run, before the
 * next event does.
 */

/** Ends a simulated process in the middle of a call; nothing that it still tries has an effect. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}

/** One call at one time. */
export interface Happening {
  at: number;
  order: number;
  readonly thread: Thread;
  /** null: it was cancelled. */
  call: (() => void) | null;
}

/** An event loop: of a process, of its hub, of its compaction; or that of the world, which nothing holds or ends. */
export class Thread {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #onEnd: (() => void)[] = [];
  readonly #waiting: Happening[] = [];
  readonly timers = new Set<Happening>();
  #holdCount = 0;
  isAlive = true;
  /** When it was last held, in ms. */
  heldAt = -1;
  /** The epoch of the hub that runs in it, and since when. */
  epoch = 0;
  servesSince = 0;

  constructor(scheduler: Scheduler, name: string) {
    this.#scheduler = scheduler;
    this.name = name;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  /** Calls after a delay in ms. */
  in(ms: number, call: () => void): Happening {
    return this.#scheduler.add(this, ms, call);
  }

  hold(): void {
    this.#holdCount++;
    this.heldAt = this.#scheduler.time;
  }

  release(): void {
    this.heldAt = this.#scheduler.time;
    if (--this.#holdCount > 0) return;
    for (const happening of this.#waiting.splice(0)) this.#scheduler.again(happening);
  }

  /** Keeps what is due until the thread is let go. */
  wait(happening: Happening): void {
    this.#waiting.push(happening);
  }

  /** Called once, when the thread ends. */
  onEnd(call: () => void): void {
    this.#onEnd.push(call);
  }

  /** Ends it at once; whatever it still tries has no effect. */
  end(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#waiting.length = 0;
    this.timers.clear();
    for (const call of this.#onEnd.splice(0)) call();
  }
}

/** Rounds of microtasks without an effect, after which none is expected. */
const QUIET_ROUNDS = 2;
/** The same while promises lead to promises: more than the longest chain of them in the code under test. */
const QUIET_ROUNDS_OF_CHAINS = 12;

export class Scheduler {
  /** ms since the simulation began. */
  time = 0;
  /** Events that have happened. */
  count = 0;
  /** Whose turn it is. */
  current: Thread;
  readonly world: Thread;
  /** Counts what happens in microtasks. */
  stirCount = 0;
  /** Chains of promises that are under way. */
  chainCount = 0;
  readonly #heap: Happening[] = [];
  #order = 0;
  readonly #threw: (error: unknown, thread: Thread) => void;

  /** @param threw Called with each error that no code has caught. */
  constructor(threw: (error: unknown, thread: Thread) => void) {
    this.#threw = threw;
    this.world = new Thread(this, "world");
    this.current = this.world;
  }

  thread(name: string): Thread {
    return new Thread(this, name);
  }

  add(thread: Thread, ms: number, call: () => void): Happening {
    const happening: Happening = { at: this.time + Math.max(0, ms), order: ++this.#order, thread, call };
    this.#push(happening);
    return happening;
  }

  /** Lets what had to wait happen now. */
  again(happening: Happening): void {
    happening.at = this.time;
    happening.order = ++this.#order;
    this.#push(happening);
  }

  /** Lets events happen until `isDone`, which is asked after each, or until a time. Returns whether it was done. */
  async run(untilMs: number, isDone: () => boolean): Promise<boolean> {
    for (;;) {
      if (isDone()) return true;
      const next = this.#heap[0];
      if (next === undefined || next.at > untilMs) return false;
      this.#pop();
      const { thread, call } = next;
      if (call === null || !thread.isAlive) continue;
      if (thread.isHeld) {
        thread.wait(next);
        continue;
      }
      this.time = next.at;
      this.count++;
      this.call(thread, call);
      const rounds = this.chainCount > 0 ? QUIET_ROUNDS_OF_CHAINS : QUIET_ROUNDS;
      for (let quiet = 0; quiet < rounds; quiet++) {
        const before = this.stirCount;
        await null;
        if (this.stirCount > before) quiet = 0;
      }
    }
  }

  /** Calls on behalf of a thread. */
  call(thread: Thread, call: () => void): void {
    this.current = thread;
    try {
      call();
    } catch (error) {
      if (thread.isAlive || !(error instanceof CrashError)) this.#threw(error, thread);
    }
  }

  /** Calls as soon as the running job is over, unless the thread was killed. */
  microtask(thread: Thread, call: () => void): void {
    queueMicrotask(() => {
      this.stirCount++;
      if (thread.isAlive) this.call(thread, call);
    });
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(happening);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(happening, heap[above] as Happening)) break;
      heap[at] = heap[above] as Happening;
      at = above;
    }
    heap[at] = happening;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Happening;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Happening, heap[below] as Happening)) below++;
      if (!isBefore(heap[below] as Happening, last)) break;
      heap[at] = heap[below] as Happening;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
