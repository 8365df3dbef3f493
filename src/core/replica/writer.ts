import { StorageError } from "../errors.js";
import type { Entry } from "../log/entry.js";
import { levelOf } from "../log/levels.js";
import { MAX_BATCH_BYTES, SPLIT_BATCH_BYTES } from "../log/limits.js";
import type { Log } from "../log/log.js";
import { MAX_STAMPED_COUNT, pendingStamp } from "../log/stamps.js";
import { TOO_FAR } from "../state/executor.js";
import { LevelGate, notReached } from "./level-gate.js";
import { Op, type PendingBatch, type Promised } from "./op.js";
import type { Outbox } from "./outbox.js";
import type { PendingQueue } from "./pending-queue.js";
import { forgottenError, settle, tooFar } from "./settling.js";
import type { Tables } from "./tables.js";

/** What an op takes besides its keys and its value: in a frame, and about in memory. */
const OP_BYTES = 64;
/** Most bytes of the writes of one `batch(fn)`: the open batch may have some already. */
const MAX_ATOMIC_BYTES = MAX_BATCH_BYTES - SPLIT_BATCH_BYTES;
/**
 * Only so many writes of one `batch(fn)`, the first ones, may have a stamp: the open batch may have some already. Outside of it, a batch
 * is sent before it has so many.
 */
const MAX_ATOMIC_STAMPED = MAX_STAMPED_COUNT - 96;

/** What had been written when a `batch(fn)` began. */
interface Savepoint {
  /** Ops of the open batch. */
  readonly ops: number;
  /** Bytes of the open batch. */
  readonly bytes: number;
  /** Promises of the functions around it. */
  readonly promises: number;
}

/**
 * Takes the writes of this member, and reports to the callers that wait what became of them.
 *
 * Invariants: each promise is settled exactly once. The log is held exactly while a caller waits or a write is pending.
 */
export class Writer {
  readonly #log: Log;
  readonly #pending: PendingQueue;
  readonly #outbox: Outbox;
  readonly #tables: Tables;
  /** Calls that wait for a level of the log. */
  readonly levels: LevelGate;
  readonly #maxPendingBytes: number;
  readonly #syncs = new Set<Promised<void>>();
  /** Syncs whose barrier has passed, but for a state that is not shown yet. */
  #delivered: Promised<void>[] = [];
  /** The promises of the writes of the running `batch(fn)`, those of the functions around it included. */
  readonly #atomicPromises: Promise<unknown>[] = [];
  /** Where the outermost running `batch(fn)` began; null while none runs. */
  #atomicFrom: Savepoint | null = null;
  /** Writes that had a stamp. */
  #stampCount = 0;
  /** Callers that wait for another member. */
  #waitCount = 0;
  #isSealing = false;
  #isHolding = false;
  #failure: Error | null = null;

  constructor(log: Log, pending: PendingQueue, outbox: Outbox, tables: Tables, maxPendingBytes: number) {
    this.#log = log;
    this.#pending = pending;
    this.#outbox = outbox;
    this.#tables = tables;
    this.levels = new LevelGate(log, tables.clock);
    this.#maxPendingBytes = maxPendingBytes;
  }

  /**
   * The writes that `fn` makes become one batch: visible to others together, or not at all. The writes of a batch inside
   * another one become part of that one when the inner function returns.
   * @throws what `fn` throws; TypeError when it returns a promise; RangeError when its writes, and those of the functions
   * around it, have more than `MAX_BATCH_BYTES`. In each case none of the writes of `fn` happens, and those that a function
   * around it has made stay, unless the error passes through that one too.
   */
  batch(fn: () => unknown): void {
    if (typeof fn !== "function") throw new TypeError(`expected a function, got ${typeof fn}`);
    const isOutermost = this.#atomicFrom === null;
    if (isOutermost) this.#outbox.split(this.#tables.now, MAX_STAMPED_COUNT - MAX_ATOMIC_STAMPED);
    const begun = this.#savepoint();
    this.#atomicFrom ??= begun;
    try {
      expectNoPromise(fn());
    } catch (error) {
      this.#rollBack(begun, error);
      throw error;
    } finally {
      if (isOutermost) {
        this.#atomicFrom = null;
        this.#atomicPromises.length = 0;
      }
    }
  }

  #savepoint(): Savepoint {
    const { open } = this.#pending;
    const promises = this.#atomicPromises.length;
    return { ops: open?.ops.length ?? 0, bytes: open?.bytes ?? 0, promises };
  }

  /** Whether a `batch(fn)` is running. */
  get isInBatch(): boolean {
    return this.#atomicFrom !== null;
  }

  /** Resolves when all that was written before is confirmed; rejects when the log refused some of it, or has failed. */
  flush(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const last = this.#pending.batches.at(-1);
    if (last === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => last.waiters.push({ resolve, reject }));
  }

  /** Resolves when all that any member had confirmed before the call is visible here. */
  sync(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const promised = { resolve, reject };
      this.#syncs.add(promised);
      this.#hold();
      this.#log.barrier(() => {
        if (!this.#tables.isCurrent) this.#delivered.push(promised);
        else this.#synced(promised);
      });
    });
  }

  /** A caller waits for what another member does, or does so no longer. */
  wait(isWaiting: boolean): void {
    this.#waitCount += isWaiting ? 1 : -1;
    this.#hold();
  }

  /** Rejects every promise that a caller waits for; nothing more is written or sent. Reads still work. */
  fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    for (const batch of this.#pending.batches) {
      for (const op of batch.ops) op.promised?.reject(error);
      for (const waiter of batch.waiters) waiter.reject(error);
    }
    for (const promised of this.#syncs) promised.reject(error);
    this.#syncs.clear();
    this.levels.fail(error);
    this.#pending.abandon();
    this.#hold();
  }

  /** Writes an entry; the promise resolves with what `resultOf` makes of the op at its place in the log. */
  promise<T>(entry: Entry, resultOf: (op: Op) => T, isTake = false): Promise<T> {
    const level = levelOf(entry);
    if (level > this.#tables.shown.level && this.#failure === null && !this.isInBatch)
      return this.#reach(level).then(() => this.promise(entry, resultOf, isTake));
    let promised: Promised<Op> | null = null;
    const promise = new Promise<T>((resolve, reject) => {
      promised = { resolve: (op) => resolve(resultOf(op)), reject, isTake };
    });
    this.write(entry, promised, promise);
    return promise;
  }

  /** Performs an entry and puts it into the open batch. Changes nothing when it throws. */
  write(entry: Entry, promised: Promised<Op> | null = null, promise?: Promise<unknown>): void {
    if (this.#failure !== null) throw this.#failure;
    if (levelOf(entry) > this.#tables.shown.level)
      throw notReached(levelOf(entry), "it cannot wait for that in a batch");
    const bytes = bytesOf(entry);
    this.#expectRoom(bytes);
    const { now, shown } = this.#tables;
    const hasStamp = entry.stamp !== "";
    if (this.#atomicFrom === null) this.#outbox.split(now);
    else if (hasStamp) this.#expectStampable(this.#atomicFrom);
    const op = new Op(entry, now, promised, pendingStamp(this.#stampCount));
    if (this.#pending.write(shown, op, bytes) === TOO_FAR) throw tooFar(entry);
    if (hasStamp) this.#stampCount++;
    if (this.#atomicFrom !== null && promise !== undefined) this.#atomicPromises.push(promise);
    this.#sealSoon();
  }

  #expectRoom(bytes: number): void {
    const max = this.#maxPendingBytes;
    if (this.#atomicFrom !== null) {
      const maxAtomic = Math.min(MAX_ATOMIC_BYTES, max);
      const atomicBytes = (this.#pending.open?.bytes ?? 0) - this.#atomicFrom.bytes + bytes;
      if (atomicBytes > maxAtomic) {
        throw new RangeError(`expected a batch of at most ${maxAtomic} bytes, got ${atomicBytes} so far`);
      }
    }
    if (this.#pending.bytes + bytes > max) {
      throw new StorageError(
        "ERR_STORAGE_PENDING_FULL",
        `expected at most ${max} bytes of pending writes, got ${this.#pending.bytes + bytes}; wait for flush() and write again`,
      );
    }
  }

  #expectStampable({ ops }: Savepoint): void {
    const count = (this.#pending.open?.ops.length ?? 0) - ops;
    if (count < MAX_ATOMIC_STAMPED) return;
    throw new RangeError(
      `expected a write with a stamp among the first ${MAX_ATOMIC_STAMPED} of a batch, got ${count} before it`,
    );
  }

  #sealSoon(): void {
    if (this.#isSealing) return;
    this.#isSealing = true;
    this.#hold();
    this.#tables.clock.microtask(() => {
      this.#isSealing = false;
      this.#outbox.sealIfDue(this.#tables.now);
      this.#hold();
    });
  }

  /** Takes back what a `batch(fn)` that began at a savepoint has written; its promises reject with the error. */
  #rollBack({ ops, bytes, promises }: Savepoint, error: unknown): void {
    const { open } = this.#pending;
    // The error is thrown to the caller.
    for (const promise of this.#atomicPromises.splice(promises)) promise.catch(() => {});
    if (open === undefined) return;
    const rolledBack = this.#pending.rollBack(this.#tables.shown, ops, bytes);
    for (const op of rolledBack) op.promised?.reject(error as Error);
    if (ops === 0) this.#release(open.waiters);
    this.#hold();
  }

  /** Lets the waiters of a batch that will not be sent wait for the other pending batches. */
  #release(waiters: readonly Promised<void>[]): void {
    const last = this.#pending.batches.at(-1);
    if (last !== undefined) last.waiters.push(...waiters);
    else for (const waiter of waiters) waiter.resolve();
  }

  /** Settles the promises of batches that have left. Their ops hold what they came to. */
  settle(batches: readonly PendingBatch[]): void {
    for (const [index, batch] of batches.entries()) {
      for (const op of batch.ops) settle(op, batch.isForgotten, this.#tables);
      if (batch.isForgotten) {
        const later = [...batches.slice(index), ...this.#pending.batches];
        for (const waiter of later.flatMap(({ waiters }) => waiters.splice(0))) waiter.reject(forgottenError());
      }
      for (const waiter of batch.waiters) waiter.resolve();
    }
    if (this.#pending.open !== undefined) this.#sealSoon();
    this.#hold();
  }

  /** The user sees all that was delivered. */
  caughtUp(): void {
    const delivered = this.#delivered;
    this.#delivered = [];
    for (const promised of delivered) this.#synced(promised);
  }

  #synced(promised: Promised<void>): void {
    if (this.#syncs.delete(promised)) promised.resolve();
    this.#hold();
  }

  /** Resolves when the log has a level. */
  #reach(level: number): Promise<void> {
    const reached = this.levels.reach(level);
    this.#hold();
    return reached.finally(() => this.#hold());
  }

  #hold(): void {
    const isWaiting = this.levels.isWaiting || this.#waitCount > 0 || this.#syncs.size > 0;
    const isHolding = this.#isSealing || this.#pending.batches.length > 0 || isWaiting;
    if (isHolding === this.#isHolding) return;
    this.#isHolding = isHolding;
    this.#log.hold(isHolding);
  }
}

/** @throws TypeError when it is a promise. */
export function expectNoPromise(result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return;
  throw new TypeError("expected a function that writes before it returns, got one that returns a promise");
}

/** At least the bytes of an entry in a frame, and about what it takes in memory. */
function bytesOf(entry: Entry): number {
  let bytes = OP_BYTES + Buffer.byteLength(entry.json) + entry.stamp.length * 3;
  for (const key of entry.path) bytes += 2 + key.length * 3;
  return bytes;
}
