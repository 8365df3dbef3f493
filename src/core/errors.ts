/**
 * The codes of {@link StorageError}, each a heading in `docs/errors.md` with its cause and its remedy.
 */
export type StorageErrorCode =
  /** The storage was used after `close()` or `destroy()`. */
  | "ERR_STORAGE_CLOSED"
  /** A file is corrupt: a place in it that is not an unfinished end cannot be read. */
  | "ERR_STORAGE_CORRUPT"
  /** Files were damaged or removed while members had the storage open. Nothing is lost: they are written again from memory. */
  | "ERR_STORAGE_DAMAGED"
  /** `<name>.db` is neither a snapshot of this package nor a file of version 1. */
  | "ERR_STORAGE_FORMAT"
  /** The directory cannot be created, read or written, belongs to another user, or contains something else than a file where one must be. */
  | "ERR_STORAGE_DIRECTORY"
  /** The disk refuses writes, because it is full or fails. They stay pending and are tried again. */
  | "ERR_STORAGE_DISK"
  /** The log could not be compacted. It grows, and the compaction is tried again. */
  | "ERR_STORAGE_COMPACTION"
  /** The copy `<name>.db` cannot be renewed: something else is at its place, or the disk refuses. */
  | "ERR_STORAGE_COPY"
  /** A backup could not be written or restored. */
  | "ERR_STORAGE_BACKUP"
  /** The process, or the system, lacks something that the storage needs: open files, or memory. */
  | "ERR_STORAGE_RESOURCES"
  /** The manager in this process has ended with an error. Another one takes its place. */
  | "ERR_STORAGE_MANAGER"
  /** The pending writes have more than `maxPendingBytes`. */
  | "ERR_STORAGE_PENDING_FULL"
  /** A write was pending for so long that it is unknown whether it was applied. */
  | "ERR_STORAGE_EXPIRED"
  /** The value that `increment` found is not a number. */
  | "ERR_STORAGE_NOT_A_NUMBER"
  /** The manager speaks another version of the protocol, or a peer broke it. */
  | "ERR_STORAGE_PROTOCOL"
  /** The manager is alive, and this process cannot reach it; or others cannot reach the manager, which is in this process. */
  | "ERR_STORAGE_UNREACHABLE"
  /** The wall clock was set, or was wrong when the storage was opened: it is seconds away from the time of the storage. */
  | "ERR_STORAGE_CLOCK"
  /** The directory is on a network file system, or another machine uses it. */
  | "ERR_STORAGE_REMOTE"
  /** The same storage is open in this process with other options. */
  | "ERR_STORAGE_OPTIONS"
  /** The storage did not join in time: `Storage.open` or an adapter has waited for it. The cause is what went wrong meanwhile. */
  | "ERR_STORAGE_NOT_READY";

/**
 * What goes wrong in a storage at run time. Mistakes in a call are `TypeError` and `RangeError` instead.
 */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** Which failure it is; documented in `docs/errors.md`. */
  readonly code: StorageErrorCode;

  /**
   * @param code Which failure it is.
   * @param message What was expected and what came, and what can be done.
   * @param options `cause`: the error that caused this one.
   */
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /**
   * `instanceof` goes by the name and the code, so that it finds the errors of another copy of this package as well: one that was loaded as
   * another module format, or by another test file.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: `this` is the class that stands on the right, which may extend this one.
    if (this !== StorageError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isError(value) && value.name === "StorageError" && codeOf(value).startsWith("ERR_STORAGE_");
  }
}

/** What is sent of an error to another thread or process. */
export interface SentError {
  /** A `StorageErrorCode`, or the code of a failed system call. */
  readonly code: string;
  readonly message: string;
}

/** What is sent of an error: {@link errorOf} makes one of it again. */
export function sent(error: unknown): SentError {
  const message = isError(error) ? error.message : String(error);
  return { code: codeOf(error) || "ERR_STORAGE_DISK", message };
}

/** The error with the code and message of one that was caught in another thread or process. */
export function errorOf({ code, message }: SentError): Error {
  if (code.startsWith("ERR_STORAGE_")) return new StorageError(code as StorageErrorCode, message);
  return Object.assign(new Error(message), { code });
}

/** Whether a value is an error, of any realm: Node.js throws its own, and test runners load code into realms of their own. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

/** Whether a value is a RangeError of any realm. */
export function isRangeError(value: unknown): value is RangeError {
  return isError(value) && value.name === "RangeError";
}

/** The `code` of an error, as `ENOENT` or `ERR_STORAGE_CORRUPT`; empty when it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/** The message of an error, which names its code. */
export function described(error: Error): string {
  const code = codeOf(error);
  return code === "" || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}
