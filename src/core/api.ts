/** What goes into and comes out of a storage besides the data. */

/**
 * A lodash path: a string such as `"users[3].name"`, or an array of keys, each of which is used as it is. Where something has to
 * be created for a key, a number in an array creates an array, and a string an object, also a string of digits such as
 * `"4711"`. In a string path, a key of digits creates an array, as in lodash.
 */
export type StoragePath = string | ReadonlyArray<string | number>;

/** How `patch` changes an object. */
export interface StoragePatchOptions {
  /** The new expiry of the object, in ms from now; 0: it never expires. Default: its expiry stays as it is. */
  readonly ttl?: number | undefined;
  /** The values that fields of the object must have, compared as JSON; otherwise nothing is changed. */
  readonly match?: Readonly<Record<string, unknown>> | undefined;
}

/** A write that took effect, in the order of the log. */
export interface StorageChange {
  /** What was done; `add` is a `"set"`, and `limit` an `"increment"`. Data that expires causes no change; see the event `expire`. */
  readonly type: "set" | "delete" | "touch" | "increment" | "patch" | "clear";
  /** The keys of the path; empty for `clear`. */
  readonly path: readonly string[];
}

/** A change of what is confirmed, as `watch` reports it: in the same order in all processes. */
export interface StorageWatchEvent {
  /** `"set"`: a value is at the path, new or changed by whichever method; `"delete"`: it was removed; `"expire"`: it has expired. */
  readonly type: "set" | "delete" | "expire";
  /** The keys of the path that was written. */
  readonly path: readonly string[];
  /** The top-level key: the first one of the path. */
  readonly key: string;
  /** What is at the path after this change, frozen; null when nothing is. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of what is stored is the user's knowledge.
  readonly value: any;
  /** The number of the batch in the order of all writes; the changes of one batch have the same. */
  readonly seq: number;
  /** Whether this process has written it. */
  readonly isOwn: boolean;
  /**
   * Whether this is a difference that was found when all data was replaced, see the event `reload`: there may have been other values in
   * between. Its path is the top-level key.
   */
  readonly isReload: boolean;
}

/** What a process has published. */
export interface StorageMessage {
  /** Where it was published. */
  readonly channel: string;
  /** What was given to `publish`, frozen. */
  // biome-ignore lint/suspicious/noExplicitAny: what is sent is the user's knowledge.
  readonly data: any;
  /** The number of its batch in the order of all writes; the writes of the same batch have the same. */
  readonly seq: number;
  /** Whether this process has published it. */
  readonly isOwn: boolean;
}

/** How a prefix is watched. */
export interface StorageWatchOptions {
  /** Whether to begin with what is there, as one `"set"` for each key. Default: false. */
  readonly initial?: boolean | undefined;
  /** Ends the watch when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Only where the changes are iterated: how many may wait to be read, 1 or more; one more ends the iteration with
   * `ERR_STORAGE_PENDING_FULL`. What `initial` and a reload report is not counted. Default: 10000.
   */
  readonly maxBuffered?: number | undefined;
}

/** The events of a storage and the arguments of their listeners. */
export interface StorageEvents {
  /** The storage has everything, for the first time. */
  ready: [];
  /** The storage is connected to a manager and has everything, for the first time or again. */
  connect: [];
  /** The connection to the manager is lost. Reads and writes go on. */
  disconnect: [];
  /** The manager is known or has changed. */
  manager: [manager: { readonly pid: number; readonly isHere: boolean }];
  /** A write, of this process or another, took effect. See also `reload`. */
  change: [change: StorageChange];
  /** Data has expired and its memory was freed, up to `gcInterval` after it became invisible. */
  expire: [expired: { readonly path: readonly string[] }];
  /**
   * The whole data was replaced, since this process could not follow the writes that it had missed. No `change` is emitted for
   * them: what was derived from the data must be derived again. It is emitted between `disconnect` and `connect`, not for the
   * first load, and reads show the new data.
   */
  reload: [];
  /** Something failed in the background. Without a listener nothing is thrown. */
  error: [error: Error];
}

/** How a lock is claimed. */
export interface StorageLockOptions {
  /**
   * How long, in ms, the lock is held by a process that stands still: 100 to 86,400,000; default 10,000. It is renewed while the process runs, and
   * released when the process ends.
   */
  readonly lease?: number | undefined;
  /** How long, in ms, to wait for others; 0: not at all; default: until the lock is free. */
  readonly wait?: number | undefined;
  /** Ends the waiting when it is aborted. It does not release the lock. */
  readonly signal?: AbortSignal | undefined;
}

/** A lock that this process holds. */
export interface StorageLock {
  /**
   * A fencing token: each holder has a higher one than all that held the lock before. What the lock protects can refuse a token that is
   * lower than one that it has seen. A safe integer.
   */
  readonly token: number;
  /** Aborted, with `ERR_STORAGE_EXPIRED` or `ERR_STORAGE_CLOSED` or what the storage failed with, when the lock is lost; not by its release. */
  readonly signal: AbortSignal;
  /**
   * Gives the lock to the next one. Resolves when that is confirmed; at once when the lock was lost. A second call returns the promise of the
   * first.
   * @throws StorageError `ERR_STORAGE_PENDING_FULL`: then it is held until its lease ends.
   */
  release(): Promise<void>;
  /** As `release`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a storage is doing. */
export type StorageStatus =
  /** It has not loaded the data of the other processes yet. Reads see the writes of this process only; writes are pending. */
  | "opening"
  /** It is connected to a manager and has everything. */
  | "open"
  /** It was open before, and there is no manager for the moment. Reads and writes go on; writes are pending. */
  | "disconnected"
  /** It gave up, for example because a file is corrupt. Reads and writes throw the failure. */
  | "failed"
  /** `close` or `destroy` was called. Reads and writes throw `ERR_STORAGE_CLOSED`. */
  | "closed";

/** What a storage reports about itself. */
export interface StorageStats {
  /** The number of the last batch that was applied here. Processes with the same number hold the same data. */
  readonly seq: number;
  /** The level of the log: which features the data may use. It rises when something needs a newer one, never falls. */
  readonly level: number;
  /** Writes of this process that are not confirmed yet. */
  readonly pending: number;
  /** The bytes of these writes. */
  readonly pendingBytes: number;
  /** The members that are connected to the manager, this one included; 0 while there is no manager. */
  readonly members: number;
  /** What this process is: `"disconnected"` while it has no manager, `"closed"` after a call of `close` or `destroy`. */
  readonly role: "manager" | "member" | "disconnected" | "closed";
  /** A number that rises with every new manager. */
  readonly epoch: number;
  /** The bytes of the files that a joining member reads, as of the time when this one joined. */
  readonly bytes: number;
  /** The compactions that this process has run as the manager. */
  readonly compactions: number;
  /** How often this process, as the manager, has had damaged or removed files written again from memory. */
  readonly healed: number;
  /** Why the last compaction that this process has run as the manager failed; `null` when it did not. */
  readonly compactionError: string | null;
  /** The messages for subscribers of this process that came more than 5 s after they were published, and were dropped. */
  readonly dropped: number;
  /** The age of the oldest write that is not confirmed, in ms; 0 when there is none. */
  readonly lag: number;
  /**
   * By how many ms the time of the storage, by which data expires, is ahead of the wall clock of this process; below 0 when it
   * is behind. The wall clock may have been set since the storage was opened: its time goes on by what has elapsed.
   */
  readonly clockOffsetMs: number;
  /** The time in ms from the ordering of the last write until it was known here; large when this process was busy. */
  readonly delay: number;
}
