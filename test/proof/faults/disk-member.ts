/** One member over files that fail: the real engine and replica, and what is reported to its user. */
import assert from "node:assert/strict";
import { preparePlace } from "../../../dist/core/local/disk/directory.js";
import type { HubOptions, Machine } from "../../../dist/core/local/machine/machine.js";
import { LocalLog } from "../../../dist/core/local/member/local-log.js";
import { withHubsAnyway } from "../../../dist/core/local/threads-or-loop.js";
import { Replica, type ReplicaEvents } from "../../../dist/core/replica/replica.js";
import type { Process } from "../simulation/process.js";
import { COUNT, type Seen } from "./disk-ledger.js";
import type { FaultyFiles } from "./disk-seam.js";
import type { Stage } from "./disk-stage.js";

/** Longest time, in ms, that a leaving member waits for its pending writes. */
const CLOSE_WAIT_MS = 10_000;
const MAX_BYTES = 1 << 20;
/** Keys of one member, so that it overwrites what it wrote. */
const KEYS = 3;

export class Member implements ReplicaEvents {
  readonly name: string;
  readonly process: Process;
  readonly replica: Replica;
  /** The errors that were reported to it, newest last. */
  readonly errors: Error[] = [];
  readonly #stage: Stage;
  readonly #machine: Machine;
  readonly #log: LocalLog;
  readonly #seen: Seen = new Map();
  #written = 0;
  /** When it has made the writes that were asked for, in ms. */
  #writesUntil = 0;
  #onTrouble: () => void = () => {};
  #isTroubled = false;
  status: "open" | "leaving" | "closed" = "open";
  isJoined = false;
  /** Why it gave up. */
  failure: Error | null = null;
  /** What `close` or `destroy` failed with. */
  refusal: Error | null = null;

  /** @throws what opening a storage throws. */
  constructor(stage: Stage, process: Process, options: Partial<HubOptions>) {
    this.name = `m${process.pid}`;
    this.#stage = stage;
    this.process = process;
    this.#machine = process.machine(process.main);
    const hub = { ...stage.options, ...options };
    const place = preparePlace(this.#machine, "app", { path: "/data", persist: hub.persist });
    this.#log = new LocalLog(withHubsAnyway(this.#machine), place, { candidate: true, hub });
    this.replica = new Replica(this.#log, {
      clock: this.#machine.clock,
      random: (bytes) => this.#machine.random(bytes),
      events: this,
      maxValueBytes: MAX_BYTES,
      maxPendingBytes: MAX_BYTES,
      maxInFlight: 1000,
    });
    this.#log.open(this.replica.sink);
  }

  get isManager(): boolean {
    return [...this.process.threads].some(({ name }) => name.includes("hub"));
  }

  get openPaths(): string[] {
    return (this.#machine.files as FaultyFiles).openPaths;
  }

  /** Writes so many batches, one a turn of its event loop. */
  write(batchCount: number): void {
    for (let left = 0; left < batchCount; left++) this.#later(() => this.#writeBatch());
  }

  /** Calls back, once, when all that it wrote before is confirmed. */
  flush(done: () => void): void {
    this.#later(() => {
      const point = this.#stage.ledger.pointOf(this.name);
      this.#follow(this.replica.flush(), () => {
        point.confirm();
        done();
      });
    });
  }

  /** Calls back, once, when all that was confirmed is visible here. */
  sync(done: () => void): void {
    this.#in(0, () => this.#follow(this.replica.sync(), done));
  }

  /** Leaves as a storage does; `status` and `refusal` show what became of it. */
  leave(destroy: boolean): void {
    this.#later(() => {
      if (destroy) {
        this.#stage.ledger.mayBeVoid = true;
        this.replica.clear();
      }
      this.status = "leaving";
      let isDone = false;
      const goOn = (): void => {
        if (isDone) return;
        isDone = true;
        timer.cancel();
        this.#in(0, () => this.#release(destroy));
      };
      const timer = this.#machine.clock.after(CLOSE_WAIT_MS, goOn);
      this.#onTrouble = goOn;
      if (this.#isTroubled && this.replica.pendingCount > 0) goOn();
      const point = this.#stage.ledger.pointOf(this.name);
      this.#follow(this.replica.flush(), () => {
        point.confirm();
        goOn();
      });
    });
  }

  /** Shows only what it may. */
  check(): void {
    const { ledger, isDamaged } = this.#stage;
    if (!ledger.mayBeVoid && !isDamaged)
      ledger.expectPlausible(this.name, this.#seen, this.replica.keys(), (key) => this.#get(key));
  }

  /** Shows all that there is. */
  checkAll(): void {
    this.#stage.ledger.expectComplete(this.name, this.replica.keys(), (key) => this.#get(key));
  }

  hasListeners(): boolean {
    return false;
  }

  changed(): void {}
  reloaded(): void {}

  expired(): void {}
  managerChanged(): void {}

  connected(): void {
    this.isJoined = true;
    this.#stage.note(() => this.check());
  }

  disconnected(): void {
    this.isJoined = false;
  }

  diskTrouble(error: Error | null): void {
    this.#isTroubled = error !== null;
    if (error === null) return;
    this.forgotten(error);
    this.#onTrouble();
  }

  forgotten(error: Error): void {
    this.errors.push(error);
    this.#stage.errors.push(error);
    const { code } = error as NodeJS.ErrnoException;
    this.#stage.note(() => assert(code, `${this.name} reported an error without a code: ${error.stack}`));
  }

  warned(error: Error): void {
    this.forgotten(error);
  }

  failed(error: Error): void {
    this.failure = error;
    const isRefused = !this.isJoined && (error as NodeJS.ErrnoException).code === "ERR_STORAGE_DIRECTORY";
    this.#stage.note(() => assert(this.#stage.isDamaged || isRefused, `${this.name} gave up: ${error.stack}`));
  }

  #get(key: string): unknown {
    return this.replica.get([key]) ?? null;
  }

  #writeBatch(): void {
    const { ledger } = this.#stage;
    const number = ++this.#written;
    const key = `${this.name}.${number % KEYS}`;
    const value = number % 5 === 4 ? null : { by: this.name, number, text: "x".repeat(60) };
    ledger.wrote(key, value);
    ledger.added();
    this.replica.batch(() => {
      if (value === null) this.replica.delete([key]);
      else this.replica.set([key], value);
      this.#follow(this.replica.increment([COUNT]), () => ledger.counted());
    });
    this.#stage.note(() => this.check());
  }

  #release(destroy: boolean): void {
    const isLost = this.replica.pendingCount > 0;
    const done = (error?: Error) => {
      this.status = "closed";
      this.refusal = error ?? (isLost ? (this.errors.at(-1) ?? null) : null);
      this.#stage.note(() => this.#expectGone(isLost, error));
      this.#stage.closed(this, destroy && !error && !isLost);
    };
    if (destroy) this.#log.destroy(done);
    else this.#log.close(done);
  }

  /** Nothing of it is left in its process. */
  #expectGone(isLost: boolean, error: Error | undefined): void {
    const { main, aliveCount } = this.process;
    assert(!isLost || this.refusal, `${this.name} closed with pending writes and reported nothing`);
    assert(!error || (error as NodeJS.ErrnoException).code, `${this.name} closed with ${error?.stack}`);
    assert.equal(main.timers.size, 0, `${this.name}: timers of a closed member`);
    assert.deepEqual(this.openPaths, [], `${this.name}: files of a closed member`);
    assert.equal(aliveCount, 0, `${this.name}: a closed member keeps its process alive`);
  }

  /** Calls once all that was asked for before has been done. */
  #later(call: () => void): void {
    const { time } = this.#stage.scheduler;
    this.#writesUntil = Math.max(this.#writesUntil, time) + 1;
    this.#in(this.#writesUntil - time, call);
  }

  #in(ms: number, call: () => void): void {
    this.process.main.in(ms, call);
  }

  #follow(promise: Promise<unknown>, fulfilled: () => void): void {
    const { scheduler } = this.#stage;
    promise.then(
      () => {
        scheduler.stirCount++;
        if (this.process.isAlive) fulfilled();
      },
      () => scheduler.stirCount++,
    );
  }
}
