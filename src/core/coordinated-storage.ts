/** The part of the user's API by which processes agree on something, or tell each other. It validates and delegates. */
import { EventEmitter } from "node:events";
import type {
  StorageEvents,
  StorageLock,
  StorageLockOptions,
  StorageMessage,
  StoragePath,
  StorageWatchEvent,
  StorageWatchOptions,
} from "./api.js";
import { closedError, HeldLock, LOCK_OPTIONS, termsOf } from "./lock.js";
import { checkPrefix, expectKnown } from "./options.js";
import type { StorageLimitOptions, StorageLimitResult } from "./replica/limit-options.js";
import type { Replica } from "./replica/replica.js";
import { throwUncaught } from "./runtime.js";
import { WatchIterator } from "./watch-iterator.js";

/** Default for `maxBuffered`. */
const MAX_BUFFERED = 10_000;

/** Ends everything that listens to a storage, which is closed. */
export let endListening: (storage: CoordinatedStorage) => void;

/** What {@link Storage} can do besides reading and writing. */
export abstract class CoordinatedStorage extends EventEmitter<StorageEvents> {
  /** The replica; throws when the storage is closed or has failed. */
  readonly #open: () => Replica;
  /** What ends each watch. */
  readonly #ends = new Set<() => void>();

  static {
    endListening = (storage) => {
      for (const end of [...storage.#ends]) end();
    };
  }

  protected constructor(open: () => Replica) {
    super();
    this.#open = open;
  }

  /**
   * Computes a new value from the one at a path, as if no other process wrote meanwhile: no update of any process is lost. If another
   * write came between, the function is called again with the new value. The updates of one path that this process makes run
   * one after the other.
   * @param fn Gets the value, frozen, or null when there is none, and returns the new one; `undefined` leaves everything as it is. It must
   *   be synchronous, and must do nothing else, since it may be called several times. What it throws rejects the promise, and changes
   *   nothing.
   * @param options `ttl`: a new expiry of the value, in ms from now; 0: it never expires; default: its expiry stays, and a value that is
   *   new never expires. The expiries below it are cleared. `signal`: rejects with the reason of the signal, and ends the tries; a write
   *   that was made before may take effect all the same.
   * @returns the value that is at the path then, frozen, when it is confirmed.
   * @throws TypeError, at once, when an argument has a wrong type, or in `batch`. It rejects with TypeError when `fn` returns a promise or
   *   what JSON cannot represent, RangeError as `set`, or when the old and the new value together have more than 62 MiB.
   * @throws StorageError `ERR_STORAGE_CLOSED`, `ERR_STORAGE_EXPIRED`, `ERR_STORAGE_PENDING_FULL`.
   * @example
   * await storage.update(["seats"], (free) => (free > 0 ? free - 1 : undefined));
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type of what is stored is the user's knowledge.
  update<T = any>(
    path: StoragePath,
    fn: (current: T) => T | undefined,
    options: { readonly ttl?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const replica = this.#open();
    expectFunction(fn);
    expectOptions(options, ["ttl", "signal"]);
    return replica.coordination.update(path, fn as (current: unknown) => unknown, options, this.#open) as Promise<T>;
  }

  /**
   * Removes the value at a path and returns it. Of all calls in all processes, exactly one gets it, also when processes end
   * meanwhile. In this process it is gone at once.
   * @returns the value, frozen, when that is confirmed; null when there was none, or another call was first.
   * @throws as `delete`, and StorageError `ERR_STORAGE_EXPIRED` when it cannot be known whether this call got the value: then it is gone,
   *   and perhaps nobody has it.
   * @example
   * const login = await storage.take(["code:" + code]); // null when the code was used before
   */
  // biome-ignore lint/suspicious/noExplicitAny: as `get`.
  take<T = any>(path: StoragePath): Promise<T | null> {
    return this.#open().coordination.take(path) as Promise<T | null>;
  }

  /**
   * Counts a call at a path, if the limit has room for it, at its place in the log: all processes together are allowed exactly `limit`. A refused
   * call changes nothing. Once this process knows that there is no room it refuses by itself, and writes nothing. See `docs/limits.md`.
   * @returns the decision, after `timeout` ms at most.
   * @throws TypeError, RangeError, at once, when an argument is not valid. StorageError as `increment`; without a manager, none.
   * @example
   * const { allowed, retryAfter } = await storage.limit(["login", ip], { limit: 5, windowMs: 60_000 });
   */
  limit(path: StoragePath, options: StorageLimitOptions): Promise<StorageLimitResult> {
    return this.#open().limits.limit(path, options);
  }

  /**
   * Reports each change of what is confirmed under the top-level keys that begin with a prefix: of all processes, this one included, in the
   * one order of the log. It begins once the storage has everything. A listener that throws misses nothing, and is reported as an
   * uncaught exception.
   * @param prefix A prefix of the text of the keys; empty: all.
   * @param listener Called after the whole batch that a change belongs to was applied, and for all changes of a batch before the next one.
   * @returns what ends it; after that, the listener is not called any more. Without a listener: the changes, to be iterated.
   * @throws TypeError, RangeError when an argument is not valid. StorageError `ERR_STORAGE_CLOSED`. Iterations end when the storage is closed,
   *   and throw what it failed with, the reason of the signal, or `ERR_STORAGE_PENDING_FULL`.
   * @example
   * const end = storage.watch("flag:", ({ key, value }) => flags.set(key, value), { initial: true });
   */
  watch(prefix: string, listener: (event: StorageWatchEvent) => void, options?: StorageWatchOptions): () => void;
  watch(prefix: string, options?: StorageWatchOptions): AsyncIterableIterator<StorageWatchEvent>;
  watch(
    prefix: string,
    first?: ((event: StorageWatchEvent) => void) | StorageWatchOptions,
    second?: StorageWatchOptions,
  ): (() => void) | AsyncIterableIterator<StorageWatchEvent> {
    const replica = this.#open();
    checkPrefix(prefix);
    if (typeof first === "function") return this.#listen(replica, prefix, first, second);
    if (second !== undefined) expectFunction(first);
    return this.#iterate(replica, prefix, first);
  }

  /**
   * Sends a message to all processes, this one included, in the one order of the writes. In a `batch` it arrives together with the writes of
   * that. It is no data: a process that opens the storage later does not get it, nor one that gets it more than 5 s after it was
   * published.
   * @param data What JSON can carry.
   * @returns when the message has its place in the order. Subscribers of this process have got it then.
   * @throws as `set`, and StorageError `ERR_STORAGE_EXPIRED`.
   * @example
   * await storage.publish("room:7", { text: "hello" });
   */
  publish(channel: string, data: unknown): Promise<void> {
    const replica = this.#open();
    if (typeof channel !== "string") throw new TypeError(`expected a channel as a string, got ${nameOf(channel)}`);
    return replica.coordination.publish(channel, data);
  }

  /**
   * Gets the messages of all processes, this one included, on the channels that begin with a prefix. It begins once the storage has
   * everything. A listener that throws misses nothing, and is reported as an uncaught exception.
   * @param prefix A channel, or a prefix of the text of channels; empty: all.
   * @param listener Called after the whole batch that a message belongs to was applied: it can read what was written with it.
   * @param options `signal`: ends it when it is aborted.
   * @returns what ends it; after that, the listener is not called any more.
   * @throws TypeError when an argument is not valid. StorageError `ERR_STORAGE_CLOSED`.
   * @example
   * const end = storage.subscribe("room:7", ({ data }) => socket.send(data.text));
   */
  subscribe(
    prefix: string,
    listener: (message: StorageMessage) => void,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): () => void {
    const replica = this.#open();
    checkPrefix(prefix);
    expectFunction(listener);
    expectOptions(options, ["signal"]);
    const { signal } = options;
    if (signal?.aborted) return () => {};
    const stop = replica.watches.messages.subscribe(prefix, (message) => callSafely(listener, message));
    const end = this.#ending(signal, stop, () => end());
    return end;
  }

  /**
   * Waits until this process holds a lock, which only one of all processes holds at a time, and in the order in which they asked. It ends with
   * its `release`, with its process, or, if that stands still, with its lease: then another process may hold it, and what this one does
   * meanwhile must be refused by its `token`.
   * @param path Names the lock. It is not the value at that path, which is neither needed nor changed.
   * @returns the lock; with `wait`: null when it was not free in that time.
   * @throws TypeError, RangeError, at once, when an argument is not valid. StorageError `ERR_STORAGE_CLOSED`, `ERR_STORAGE_PENDING_FULL`. It
   *   rejects with the reason of the signal.
   * @example
   * const lock = await storage.lock(["invoice", "4711"]);
   * try { await send(invoice, { token: lock.token, signal: lock.signal }); } finally { await lock.release(); }
   */
  lock(path: StoragePath, options?: StorageLockOptions & { readonly wait?: undefined }): Promise<StorageLock>;
  lock(path: StoragePath, options: StorageLockOptions): Promise<StorageLock | null>;
  lock(path: StoragePath, options: StorageLockOptions = {}): Promise<StorageLock | null> {
    return this.#acquire(path, 1, options);
  }

  /**
   * As `lock`, but `count` holders have it at the same time.
   * @param count 1 to 10,000; the same in all processes.
   * @example
   * const permit = await storage.semaphore("reports", 3);
   */
  semaphore(
    path: StoragePath,
    count: number,
    options?: StorageLockOptions & { readonly wait?: undefined },
  ): Promise<StorageLock>;
  semaphore(path: StoragePath, count: number, options: StorageLockOptions): Promise<StorageLock | null>;
  semaphore(path: StoragePath, count: number, options: StorageLockOptions = {}): Promise<StorageLock | null> {
    return this.#acquire(path, count, options);
  }

  #acquire(path: StoragePath, count: number, options: StorageLockOptions): Promise<StorageLock | null> {
    const replica = this.#open();
    expectOptions(options, LOCK_OPTIONS);
    const terms = termsOf(count, options);
    if (terms.signal?.aborted) return Promise.reject(terms.signal.reason);
    const close = (): void => claim.close(closedError());
    const claim = replica.locks.claim(path, terms, () => this.#ends.delete(close));
    this.#ends.add(close);
    return claim.acquired.then((isHeld) => (isHeld ? new HeldLock(claim) : null));
  }

  #listen(
    replica: Replica,
    prefix: string,
    listener: (event: StorageWatchEvent) => void,
    options: StorageWatchOptions = {},
  ): () => void {
    expectOptions(options, ["initial", "signal"]);
    const { signal } = options;
    if (signal?.aborted) return () => {};
    const watcher = { changed: (event: StorageWatchEvent) => callSafely(listener, event), failed: () => end() };
    const stop = replica.watches.add(prefix, watcher, options.initial === true);
    const end = this.#ending(signal, stop, () => end());
    return end;
  }

  #iterate(
    replica: Replica,
    prefix: string,
    options: StorageWatchOptions = {},
  ): AsyncIterableIterator<StorageWatchEvent> {
    expectOptions(options, ["initial", "signal", "maxBuffered"]);
    const { signal, maxBuffered = MAX_BUFFERED } = options;
    if (typeof maxBuffered !== "number")
      throw new TypeError(`expected maxBuffered to be a number, got ${typeof maxBuffered}`);
    if (!Number.isInteger(maxBuffered) || maxBuffered < 1)
      throw new RangeError(`expected maxBuffered to be a whole number from 1 on, got ${maxBuffered}`);
    const iterator = new WatchIterator(maxBuffered, () => stop());
    let stop = (): void => {};
    if (signal?.aborted) iterator.end(signal.reason);
    else {
      const remove = replica.watches.add(prefix, iterator, options.initial === true);
      stop = this.#ending(
        signal,
        remove,
        () => iterator.end(signal?.reason),
        () => iterator.end(),
      );
    }
    return iterator;
  }

  /**
   * Notes what is to be ended.
   * @param stop What is done at the end, once.
   * @param abort Called when the signal is aborted; it must call what this returns.
   * @param close As `abort`, when the storage is closed.
   */
  #ending(signal: AbortSignal | undefined, stop: () => void, abort: () => void, close = abort): () => void {
    this.#ends.add(close);
    signal?.addEventListener("abort", abort, { once: true });
    return () => {
      this.#ends.delete(close);
      signal?.removeEventListener("abort", abort);
      stop();
    };
  }
}

/** What a listener throws becomes an uncaught exception, and stops nothing. */
function callSafely<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    throwUncaught(error);
  }
}

function expectFunction(fn: unknown): void {
  if (typeof fn !== "function") throw new TypeError(`expected a function, got ${nameOf(fn)}`);
}

function nameOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

/** @throws TypeError when these are no options with these names, or the signal is none. */
function expectOptions(options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`expected options as an object, got ${nameOf(options)}`);
  expectKnown(options, names);
  const { signal, initial } = options as { signal?: unknown; initial?: unknown };
  if (initial !== undefined && typeof initial !== "boolean")
    throw new TypeError(`expected initial to be true or false, got ${typeof initial}`);
  // Of any realm: test runners have an `AbortSignal` of their own.
  const isSignal = typeof (signal as AbortSignal | null | undefined)?.throwIfAborted === "function";
  if (signal !== undefined && !isSignal)
    throw new TypeError(`expected signal to be an AbortSignal, got ${typeof signal}`);
}
