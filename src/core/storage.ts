/** The user's API: it validates and delegates. */
import { resolve } from "node:path";
import type { StoragePatchOptions, StoragePath, StorageStats, StorageStatus } from "./api.js";
import { CoordinatedStorage, endListening } from "./coordinated-storage.js";
import { StorageError } from "./errors.js";
import { FACTS } from "./facts.js";
import { emitEach } from "./listeners.js";
import { restoreStorage } from "./local/engine.js";
import {
  checkFile,
  checkName,
  checkPrefix,
  type ResolvedOptions,
  resolveOptions,
  type StorageOptions,
} from "./options.js";
import { SharedStorage } from "./shared-storage.js";

/**
 * JSON data that all processes of an application share. Reads are local and synchronous. Writes are visible in this process at
 * once, and in all others as soon as the manager has ordered them.
 *
 * @example
 * const storage = new Storage("app");
 * storage.set(["user:42"], { name: "Ada" }, 60_000);
 * storage.get(["user:42", "name"]); // "Ada", in every process
 */
export class Storage extends CoordinatedStorage {
  /** The name that was given. */
  readonly name: string;
  /** The directory of the files, absolute. */
  readonly path: string;
  /** How often an idle storage frees the memory of expired data, in ms. */
  readonly gcInterval: number;
  readonly #options: ResolvedOptions;
  readonly #shared: SharedStorage;
  #isClosed = false;
  #closing: Promise<void> | null = null;
  #destroying: Promise<void> | null = null;

  /**
   * Opens a storage, which can be used at once. Until it has the data of the other processes, reads see only the writes of
   * this process. Await `sync()` or use {@link Storage.open} to have everything.
   * @param name 1 to 64 characters `A-Z a-z 0-9 . _ -`. All processes that use the same name and path share the data.
   * @throws TypeError, RangeError when the name or an option is not valid.
   * @throws StorageError `ERR_STORAGE_DIRECTORY`, `ERR_STORAGE_REMOTE`, or `ERR_STORAGE_OPTIONS`.
   */
  constructor(name: string, options?: StorageOptions) {
    super(() => this.#replica);
    this.name = checkName(name);
    this.#options = resolveOptions(options);
    this.path = resolve(this.#options.path);
    this.gcInterval = this.#options.gcInterval;
    this.#shared = SharedStorage.acquire(name, this.#options, this);
    Object.defineProperty(this, FACTS, { value: this.#shared });
  }

  /**
   * Opens a storage and resolves once it has everything.
   * @throws as the constructor and `sync()`; StorageError `ERR_STORAGE_NOT_READY` after `timeout` ms without progress: closed then.
   */
  static async open(name: string, options?: StorageOptions): Promise<Storage> {
    const storage = new Storage(name, options);
    try {
      await storage.#shared.opened(storage.#options.timeout);
      return storage;
    } catch (error) {
      await storage.close().catch(() => {});
      throw error;
    }
  }

  /** A copy of the data for backups; complete once the last process has closed the storage. */
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

  /** Whether `close` or `destroy` was called: `status` is `"closed"`. Reads and writes throw. */
  get closed(): boolean {
    return this.status === "closed";
  }

  /** Whether the manager runs in this process. Of all processes at most one confirms writes at any time. */
  get isManager(): boolean {
    return this.connected && this.#shared.manager.isHere;
  }

  /** The process id of the last known manager; 0 before there was one. */
  get managerPid(): number {
    return this.#shared.manager.pid;
  }

  /**
   * Stores a value. Its JSON at this moment is stored, and is visible in this process on return.
   * @param ttl The time in ms after which the value is gone, to the millisecond, in every process; none or 0: never. A write
   *   without a ttl clears the expiries at that path and below it.
   * @returns `data`.
   * @throws TypeError when `path` is not a path, JSON cannot represent `data`, or `ttl` is not a number.
   * @throws RangeError when the value is too large or too deep, an array would get too long, or `ttl` is negative or not finite.
   * @throws StorageError `ERR_STORAGE_CLOSED`, `ERR_STORAGE_PENDING_FULL`.
   */
  set<T>(path: StoragePath, data: T, ttl?: number): T {
    this.#replica.set(path, data, ttl);
    return data;
  }

  /**
   * The value at a path, or null. It is frozen and never changes, whatever is written later. No promise is made of the order of an
   * object's members.
   * @throws TypeError when `path` is not a path.
   * @throws StorageError `ERR_STORAGE_CLOSED`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type of what is stored is the user's knowledge, as in version 1.
  get<T = any>(path: StoragePath): T {
    return this.#replica.get(path) as T;
  }

  /** Whether there is a value at a path. A stored null is a value; a null element of an array is not. */
  has(path: StoragePath): boolean {
    return this.#replica.has(path);
  }

  /** Removes the value at a path, if there is one. An element of an array becomes null. */
  delete(path: StoragePath): void {
    this.#replica.delete(path);
  }

  /**
   * Gives the value at a path a new expiry.
   * @param ttl The time in ms from now; 0: it never expires.
   * @returns whether this process knows a value at the path; if not, nothing is written.
   */
  touch(path: StoragePath, ttl: number): boolean {
    return this.#replica.touch(path, ttl);
  }

  /**
   * The time in ms until the value at a path, or something around it, expires, whichever comes first.
   * @returns 1 or more; `Infinity` when it never expires; null when there is no value.
   */
  ttl(path: StoragePath): number | null {
    return this.#replica.ttl(path);
  }

  /** The top-level keys that begin with `prefix`, in no particular order. */
  keys(prefix = ""): string[] {
    return this.#replica.keys(checkPrefix(prefix));
  }

  /** The top-level keys that begin with `prefix`, with their values, in no particular order. */
  // biome-ignore lint/suspicious/noExplicitAny: as `get`.
  entries<T = any>(prefix = ""): Array<[key: string, value: T]> {
    return this.#replica.entries(checkPrefix(prefix)) as Array<[string, T]>;
  }

  /** The number of top-level keys. */
  get size(): number {
    return this.#replica.size;
  }

  /** Removes everything. */
  clear(): void {
    this.#replica.clear();
  }

  /**
   * Makes the writes of a function one batch: other processes see either all of them or none. Batches may be nested.
   * @param fn A synchronous function. When it throws, none of its writes happens, also within another batch.
   * @throws what `fn` throws.
   * @throws TypeError when `fn` returns a promise, RangeError when its writes are larger than a batch can be.
   */
  batch(fn: () => void): void {
    this.#replica.batch(fn);
  }

  /**
   * Adds to the number at a path; no increment of any process is lost. A missing number counts as 0. The new number is visible
   * in this process at once.
   * @param ttl The time in ms from its creation until it expires, as for a rate limit; an existing number keeps its expiry.
   * @returns the number after this increment, when it is confirmed.
   * @throws StorageError `ERR_STORAGE_NOT_A_NUMBER`, `ERR_STORAGE_CLOSED`, `ERR_STORAGE_EXPIRED`, `ERR_STORAGE_PENDING_FULL`.
   */
  increment(path: StoragePath, by = 1, ttl?: number): Promise<number> {
    return this.#replica.increment(path, by, ttl);
  }

  /**
   * Stores a value if there is none at the path. Of all processes that try at the same time exactly one succeeds.
   * @returns whether this one did, when it is confirmed.
   * @throws as `set`, and StorageError `ERR_STORAGE_EXPIRED`.
   */
  add(path: StoragePath, data: unknown, ttl?: number): Promise<boolean> {
    return this.#replica.add(path, data, ttl);
  }

  /**
   * Changes fields of an existing object, all of them or none. If the object is gone when the patch takes its turn, nothing
   * happens. All other fields stay as they are. The change is visible in this process at once.
   * @param changes The new value of each field; a field that is undefined is removed. The expiries of these fields, and below
   *   them, are cleared.
   * @param options `match`: only if these fields have exactly these values; `ttl`: a new expiry of the object.
   * @returns whether it took effect, when it is confirmed.
   * @throws TypeError, at once, when an argument has a wrong type, an option is unknown, a field is `__proto__` or JSON cannot
   *   represent a value. RangeError as `set`, where the size is that of `changes` and `match` together.
   * @throws StorageError `ERR_STORAGE_CLOSED`, `ERR_STORAGE_EXPIRED`, `ERR_STORAGE_PENDING_FULL`.
   * @example
   * await storage.patch(["user:42"], { name: "Ada", draft: undefined }, { match: { version: 3 } });
   */
  patch(
    path: StoragePath,
    changes: Readonly<Record<string, unknown>>,
    options?: StoragePatchOptions,
  ): Promise<boolean> {
    return this.#replica.patch(path, changes, options);
  }

  /**
   * Resolves when all earlier writes of this process are confirmed, and as durable as the option `fsync` says.
   * @throws StorageError when the storage failed or was closed, or a write was refused.
   */
  async flush(): Promise<void> {
    await this.#replica.flush();
  }

  /**
   * Resolves when all writes of any process that were confirmed before the call are visible here. Waits for a manager if there
   * is none.
   * @throws StorageError when the storage failed or was closed.
   */
  async sync(): Promise<void> {
    await this.#replica.sync();
  }

  /**
   * Waits until pending writes are confirmed, lets another process become the manager, and releases everything. Reads and
   * writes throw from the call on. A second call returns the promise of the first.
   * @throws StorageError when pending writes could not be confirmed; they are lost. `ERR_STORAGE_DISK`: the disk refuses them.
   *   `ERR_STORAGE_CLOSED`: no manager confirmed them within 10 s.
   */
  close(): Promise<void> {
    this.#closing ??= this.#leave(false);
    return this.#closing;
  }

  /**
   * Removes everything for all processes, then closes; in a batch, once that has ended. When no other process has the storage
   * open, its files are removed too. A second call, or `close`, waits for the first.
   * @throws as `close`; when nothing is removed: `ERR_STORAGE_CLOSED` after `close`, a failure, or `ERR_STORAGE_PENDING_FULL`.
   */
  async destroy(): Promise<void> {
    // An error of the batch would take the removal back.
    if (this.#shared.replica.isInBatch) await null;
    if (this.#destroying === null) {
      this.clear();
      this.#destroying = this.#leave(true);
      this.#closing = this.#destroying;
    }
    await this.#destroying;
  }

  /**
   * Writes a whole copy of the data, as it was at one moment, to a file, while everything goes on. It has all that any process had
   * confirmed before the call. The file is replaced in one step when everything is on the disk; after an error it is what it was.
   * @param file A path or a file URL; not one of the storage's own files.
   * @throws TypeError, RangeError when `file` is not such a file. StorageError `ERR_STORAGE_BACKUP` when it cannot be written, and as `sync`.
   */
  async backup(file: string | URL): Promise<void> {
    const path = checkFile(file);
    await this.#replica.sync();
    await this.#shared.backup(path);
  }

  /**
   * Puts a backup into the place of a storage, which no process may have open. The next one that opens it finds what the backup holds.
   * After an error everything is as it was.
   * @param file The path or file URL of what `backup` has written, or of a copy of `<name>.db`.
   * @throws as the constructor, and StorageError `ERR_STORAGE_BACKUP` when a process may have it open, or the file is no whole backup.
   */
  static async restore(name: string, file: string | URL, options?: Pick<StorageOptions, "path">): Promise<void> {
    const { path } = resolveOptions(options);
    const source = checkFile(file);
    await new Promise<void>((done, fail) => {
      restoreStorage(checkName(name), path, source, (error) => (error ? fail(error) : done()));
    });
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What it is doing right now. */
  stats(): StorageStats {
    const {
      seq,
      sink,
      pendingCount: pending,
      pendingBytes,
      lagMs: lag,
      delayMs: delay,
      watches,
    } = this.#shared.replica;
    const { level } = sink;
    const { droppedCount: dropped } = watches.messages;
    return { seq, level, pending, pendingBytes, dropped, lag, delay, role: this.#role, ...this.#shared.log.stats };
  }

  get #role(): StorageStats["role"] {
    const { status } = this;
    if (status === "open") return this.#shared.manager.isHere ? "manager" : "member";
    return status === "closed" ? "closed" : "disconnected";
  }

  /** The replica, unless this storage is closed or has failed. */
  get #replica(): SharedStorage["replica"] {
    if (this.#isClosed) {
      throw new StorageError(
        "ERR_STORAGE_CLOSED",
        `expected an open storage, got ${this.name}, which is closed; close it last, after the server`,
      );
    }
    if (this.#shared.failure) throw this.#shared.failure;
    return this.#shared.replica;
  }

  async #leave(destroy: boolean): Promise<void> {
    this.#isClosed = true;
    endListening(this);
    const failed = await this.#shared.flushOrGiveUp();
    const isLost = this.#shared.hasPending;
    await this.#shared.release(this, destroy);
    if (isLost && failed) throw failed;
  }
}

// In no public type: which one `EventEmitter` declares differs from version to version of the types of Node.js.
Object.defineProperty(Storage.prototype, "emit", { value: emitEach, configurable: true, writable: true });
