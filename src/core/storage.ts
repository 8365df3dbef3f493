/** The user's API: validates, delegates, holds no logic of its own. */
import { EventEmitter } from "node:events";
import { resolve } from "node:path";
import type { StorageEvents, StoragePatchOptions, StoragePath, StorageStats, StorageStatus } from "./api.js";
import { StorageError } from "./errors.js";
import { checkName, checkPrefix, type ResolvedOptions, resolveOptions, type StorageOptions } from "./options.js";
import { FACTS, SharedStorage } from "./shared-storage.js";

/**
 * JSON data that all processes of an application share. Reads are local and synchronous; writes are visible here at once, and
 * everywhere else as soon as the manager has ordered them.
 *
 * @example
 * const storage = new Storage("app");
 * storage.set("users.42", { name: "Ada" }, 60_000);
 * storage.get("users.42.name"); // "Ada", in every process
 */
export class Storage extends EventEmitter<StorageEvents> {
  /** The name that was given. */
  readonly name: string;
  /** The directory of the files, absolute. */
  readonly path: string;
  /** ms between two sweeps of an idle storage. */
  readonly gcInterval: number;
  readonly #options: ResolvedOptions;
  readonly #shared: SharedStorage;
  #isClosed = false;
  #closing: Promise<void> | null = null;

  /**
   * Opens a storage; usable at once. Until it has joined, reads see this process' own writes only; await `sync()` or use
   * {@link Storage.open} to have everything.
   * @param name 1 to 64 characters `A-Z a-z 0-9 . _ -`. All processes that give the same name and path share the data.
   * @throws TypeError, RangeError on a bad name or option.
   * @throws StorageError `ERR_STORAGE_DIRECTORY`, `ERR_STORAGE_REMOTE`, or `ERR_STORAGE_OPTIONS`.
   */
  constructor(name: string, options?: StorageOptions) {
    super();
    this.name = checkName(name);
    this.#options = resolveOptions(options);
    this.path = resolve(this.#options.path);
    this.gcInterval = this.#options.gcInterval;
    this.#shared = SharedStorage.acquire(name, this.#options, this);
    Object.defineProperty(this, FACTS, { value: this.#shared });
  }

  /**
   * Opens a storage and resolves once it has everything.
   * @throws as the constructor and `sync()`.
   */
  static async open(name: string, options?: StorageOptions): Promise<Storage> {
    const storage = new Storage(name, options);
    try {
      await storage.sync();
      return storage;
    } catch (error) {
      await storage.close().catch(() => {});
      throw error;
    }
  }

  /** The file copy of the data: whole after the last process has closed the storage, and after each compaction. */
  get filename(): string {
    return this.#shared.filename as string; // the local engine, the only one that can be chosen, has one
  }

  /** What this storage is doing: `"opening"`, `"open"`, `"disconnected"`, `"failed"` or `"closed"`. */
  get status(): StorageStatus {
    return this.#isClosed ? "closed" : this.#shared.status;
  }

  /** Whether it is connected to a manager and has everything: `status` is `"open"`. */
  get connected(): boolean {
    return this.status === "open";
  }

  /** Whether `close` or `destroy` was called: `status` is `"closed"`. The data can no longer be read or written. */
  get closed(): boolean {
    return this.status === "closed";
  }

  /** Whether the manager runs in this process. Of all processes at most one confirms writes at any time. */
  get isManager(): boolean {
    return this.connected && this.#shared.manager.isHere;
  }

  /** The process id of the manager as last known; 0 before the first one. */
  get managerPid(): number {
    return this.#shared.manager.pid;
  }

  /**
   * Stores a value; visible here on return. What is stored is its JSON at this moment.
   * @param ttl ms after which it is gone, to the millisecond, in every process; none or 0: never. A write without ttl
   *   clears an expiry at that path and below.
   * @returns `data`.
   * @throws TypeError when the path is no path, `data` is nothing that JSON can carry, or `ttl` is no number.
   * @throws RangeError when the value is too large or too deep, an index is too far behind the end of its array, or `ttl` is
   *   negative or not finite.
   * @throws StorageError `ERR_STORAGE_CLOSED`, `ERR_STORAGE_PENDING_FULL`.
   */
  set<T>(path: StoragePath, data: T, ttl?: number): T {
    this.#replica.set(path, data, ttl);
    return data;
  }

  /**
   * Reads what is at a path: frozen, and the same for ever, whatever is written later. null when nothing is there.
   * @throws TypeError when the path is no path. StorageError `ERR_STORAGE_CLOSED`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type of what is stored is the user's knowledge, as in version 1.
  get<T = any>(path: StoragePath): T {
    return this.#replica.get(path) as T;
  }

  /** Whether something is at a path; a stored null is, an empty place of an array is not. */
  has(path: StoragePath): boolean {
    return this.#replica.has(path);
  }

  /** Removes what is at a path, if anything is. An element of an array becomes null. */
  delete(path: StoragePath): void {
    this.#replica.delete(path);
  }

  /**
   * Gives what is at a path a new expiry.
   * @param ttl ms from now; 0: never expires.
   * @returns whether anything is there, as far as this process knows.
   */
  touch(path: StoragePath, ttl: number): boolean {
    return this.#replica.touch(path, ttl);
  }

  /**
   * How long what is at a path will be there, in ms: until the earliest expiry of it and of what it is in.
   * @returns 1 or more; `Infinity`: it never expires; null: nothing is there.
   */
  ttl(path: StoragePath): number | null {
    return this.#replica.ttl(path);
  }

  /** The top-level keys that begin with a prefix, in no particular order. */
  keys(prefix = ""): string[] {
    return this.#replica.keys(checkPrefix(prefix));
  }

  /** The top-level keys that begin with a prefix, with their values. */
  // biome-ignore lint/suspicious/noExplicitAny: as `get`.
  entries<T = any>(prefix = ""): Array<[key: string, value: T]> {
    return this.#replica.entries(checkPrefix(prefix)) as Array<[string, T]>;
  }

  /** How many top-level keys there are. */
  get size(): number {
    return this.#replica.size;
  }

  /** Removes everything. */
  clear(): void {
    this.#replica.clear();
  }

  /**
   * Makes the writes of a function one batch: other processes see all of them together, or none.
   * @param fn Synchronous. When it throws, none of its writes has happened.
   * @throws what `fn` throws. TypeError when it returns a promise. RangeError when its writes are larger than a batch can be.
   */
  batch(fn: () => void): void {
    this.#replica.batch(fn);
  }

  /**
   * Adds to a number, without losing any increment of any process; absent counts as 0.
   * @param ttl ms from its creation, as for a window of a rate limit; an existing number keeps its expiry.
   * @returns the number behind this increment, once confirmed. Visible here at once.
   * @throws StorageError `ERR_STORAGE_NOT_A_NUMBER`, `ERR_STORAGE_CLOSED`, `ERR_STORAGE_EXPIRED`, `ERR_STORAGE_PENDING_FULL`.
   */
  increment(path: StoragePath, by = 1, ttl?: number): Promise<number> {
    return this.#replica.increment(path, by, ttl);
  }

  /**
   * Stores a value if nothing is there. Of all processes that try at the same time exactly one wins.
   * @returns whether this one did, once confirmed.
   * @throws as `set`, and StorageError `ERR_STORAGE_EXPIRED`.
   */
  add(path: StoragePath, data: unknown, ttl?: number): Promise<boolean> {
    return this.#replica.add(path, data, ttl);
  }

  /**
   * Changes fields of the object at a path, all or none, if it is there at its place in the order: what was deleted is never
   * brought back. Fields that are not named stay as others wrote them. Visible here at once.
   * @param changes The new value of each field; a field that is undefined is removed. Expiries of these fields, and below
   *   them, are cleared.
   * @param options `match`: only if these fields have exactly these values; `ttl`: a new expiry of the object.
   * @returns whether it took effect, once confirmed.
   * @throws TypeError, at once, when an argument has a wrong type, an option is unknown, a field is `__proto__` or a value is
   *   nothing that JSON can carry. RangeError as `set`, where the size counts all of `changes` and `match`.
   * @throws StorageError `ERR_STORAGE_CLOSED`, `ERR_STORAGE_EXPIRED`, `ERR_STORAGE_PENDING_FULL`.
   * @example
   * await storage.patch("users.42", { name: "Ada", draft: undefined }, { match: { version: 3 } });
   */
  patch(
    path: StoragePath,
    changes: Readonly<Record<string, unknown>>,
    options?: StoragePatchOptions,
  ): Promise<boolean> {
    return this.#replica.patch(path, changes, options);
  }

  /**
   * Resolves once all that this process wrote before is confirmed, and as durable as `fsync` says.
   * @throws StorageError when the storage has failed or was closed meanwhile.
   */
  async flush(): Promise<void> {
    await this.#replica.flush();
  }

  /**
   * Resolves once all that any process had confirmed before the call is visible here. Waits for a manager if there is none.
   * @throws StorageError when the storage has failed or was closed meanwhile.
   */
  async sync(): Promise<void> {
    await this.#replica.sync();
  }

  /**
   * Confirms what is pending, hands the seat on if the manager is here, and releases everything. Reads and writes throw from
   * now on. May be called again.
   * @throws StorageError when what is pending cannot be confirmed, and is lost: `ERR_STORAGE_DISK` because the disk refuses it,
   *   `ERR_STORAGE_CLOSED` because nobody has confirmed it within 10 s.
   */
  close(): Promise<void> {
    this.#closing ??= this.#leave(false);
    return this.#closing;
  }

  /**
   * Removes everything for all processes, then closes; when no other process has the storage open, its files are removed too.
   * @throws as `close`.
   */
  destroy(): Promise<void> {
    if (this.#closing === null) {
      this.clear();
      this.#closing = this.#leave(true);
    }
    return this.#closing;
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What this storage is doing right now. */
  stats(): StorageStats {
    const { replica, log } = this.#shared;
    const { epoch, members, bytes, compactions } = log.stats;
    const { seq, pendingCount, pendingBytes, lagMs, delayMs } = replica;
    const waiting = { pending: pendingCount, pendingBytes, lag: lagMs };
    return { seq, ...waiting, members, role: this.#role, epoch, bytes, compactions, delay: delayMs };
  }

  get #role(): StorageStats["role"] {
    const { status } = this;
    if (status === "open") return this.#shared.manager.isHere ? "manager" : "member";
    return status === "closed" ? "closed" : "disconnected";
  }

  /** The replica, unless this storage is closed or has failed. */
  get #replica(): SharedStorage["replica"] {
    if (this.#isClosed) {
      throw new StorageError("ERR_STORAGE_CLOSED", `expected an open storage, got ${this.name}, which is closed`);
    }
    if (this.#shared.failure) throw this.#shared.failure;
    return this.#shared.replica;
  }

  async #leave(destroy: boolean): Promise<void> {
    const { replica } = this.#shared;
    this.#isClosed = true;
    const failed = this.#shared.failure === null ? await this.#flushOrGiveUp() : null;
    const isLost = replica.pendingCount > 0;
    await this.#shared.release(this, destroy);
    if (isLost && failed) throw failed;
  }

  /** Waits until nothing is pending, but neither for a disk that refuses nor for ever. Returns why something still is. */
  async #flushOrGiveUp(): Promise<Error | null> {
    const { replica } = this.#shared;
    if (replica.pendingCount === 0) return null;
    const { gaveUp, cancel } = this.#shared.givesUp();
    const flushed = replica.flush().then(
      () => null,
      (error: Error) => error,
    );
    return Promise.race([flushed, gaveUp]).finally(cancel);
  }
}
