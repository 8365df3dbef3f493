/** What goes into and comes out of a storage besides the data. */

/** A lodash path: a string such as `"users[3].name"`, or an array of keys, each of which is taken as it is. */
export type StoragePath = string | ReadonlyArray<string | number>;

/** How `patch` changes an object. */
export interface StoragePatchOptions {
  /** The new expiry of the object, in ms from now; 0: never. Default: its expiry stays as it is. */
  readonly ttl?: number | undefined;
  /** Nothing is changed unless each of these fields is there with exactly this value, compared as JSON. */
  readonly match?: Readonly<Record<string, unknown>> | undefined;
}

/** A write that took effect, in the order of the log. */
export interface StorageChange {
  /** What was done: `"set"` also by `add`. That data expires is no change; see the event `expire`. */
  readonly type: "set" | "delete" | "touch" | "increment" | "patch" | "clear";
  /** Where; empty for `clear`. */
  readonly path: readonly string[];
}

/** The events of a storage and what their listeners get. */
export interface StorageEvents {
  /** It has joined for the first time: everything is here. */
  ready: [];
  /** It is connected to a manager and has everything. */
  connect: [];
  /** There is no manager for the moment; reads and writes go on. */
  disconnect: [];
  /** Another process is the manager now. */
  manager: [manager: { readonly pid: number; readonly isHere: boolean }];
  /** A write, of this process or another, took effect. */
  change: [change: StorageChange];
  /** Data has expired and its memory is free again, up to `gcInterval` after it became invisible. */
  expire: [expired: { readonly path: readonly string[] }];
  /** Something failed in the background. Nothing is thrown when nobody listens. */
  error: [error: Error];
}

/** What a storage is doing. */
export type StorageStatus =
  /** It has not joined yet. Reads see the writes of this process only; writes are pending. */
  | "opening"
  /** It is connected to a manager and has everything. */
  | "open"
  /** It has joined before and there is no manager for the moment. Reads and writes go on; writes are pending. */
  | "disconnected"
  /** It gave up, for example because a file is corrupt. Reads and writes throw the failure. */
  | "failed"
  /** `close` or `destroy` was called. Reads and writes throw `ERR_STORAGE_CLOSED`. */
  | "closed";

/** What a storage reports about itself. */
export interface StorageStats {
  /** The number of the last write that was applied here; equal on all members when they are equal. */
  readonly seq: number;
  /** Writes of this process that are not confirmed yet. */
  readonly pending: number;
  /** Their bytes. */
  readonly pendingBytes: number;
  /** Members that are connected to the manager, this one included; 0 while there is no manager. */
  readonly members: number;
  /** What this process is: `"disconnected"` while it has no manager, `"closed"` after `close` or `destroy`. */
  readonly role: "manager" | "member" | "disconnected" | "closed";
  /** The number of the manager's seat; rises with every new manager. */
  readonly epoch: number;
  /** Bytes of the files that a joining member reads, at the time when this one joined. */
  readonly bytes: number;
  /** Compactions that this process has run as manager. */
  readonly compactions: number;
  /** ms since the oldest write that waits for confirmation was made; 0 when none does. */
  readonly lag: number;
  /** ms from when the last write was ordered until that was known here; large when this process had stood still. */
  readonly delay: number;
}
