/** The part of the user's API by which processes agree on something, or tell each other. It validates and delegates. */
import { EventEmitter } from "node:events";
import type { StorageEvents, StoragePath } from "./api.js";
import { expectKnown } from "./options.js";
import type { Replica } from "./replica/replica.js";

/** What {@link Storage} can do besides reading and writing. */
export abstract class CoordinatedStorage extends EventEmitter<StorageEvents> {
  /** The replica; throws when the storage is closed or has failed. */
  readonly #open: () => Replica;

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
}

function expectFunction(fn: unknown): void {
  if (typeof fn !== "function") throw new TypeError(`expected a function, got ${fn === null ? "null" : typeof fn}`);
}

/** @throws TypeError when these are no options with these names, or the signal is none. */
function expectOptions(options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`expected options as an object, got ${options === null ? "null" : typeof options}`);
  expectKnown(options, names);
  const { signal } = options as { signal?: unknown };
  // Of any realm: test runners have an `AbortSignal` of their own.
  const isSignal = typeof (signal as AbortSignal | null | undefined)?.throwIfAborted === "function";
  if (signal !== undefined && !isSignal)
    throw new TypeError(`expected signal to be an AbortSignal, got ${typeof signal}`);
}
