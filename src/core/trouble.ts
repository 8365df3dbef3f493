/** What goes wrong in the background and may pass: each trouble gets a code and a text that are true of it. Pure. */
import { codeOf, described, StorageError, type StorageErrorCode } from "./errors.js";

/** Codes of the operating system of which only a write can be the reason, whichever call met them. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EROFS"]);
/** Codes that say that the process, or the system, has run out of something. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EAGAIN"]);
/** The calls of Node.js that change files, and those that only read them. */
const WRITES = /^(?:write|writev|fsync|fdatasync|ftruncate|futime|link|symlink|rename|unlink|mkdir|rmdir|copyfile)$/;
const READS = /^(?:open|read|fstat|stat|lstat|scandir|realpath|statfs|readlink|close)$/;
const SOCKETS = /^(?:listen|bind|connect|accept)$/;

/** The system call that failed; empty when the error does not say. Errors of other threads and processes say it in their message. */
function syscallOf(error: Error): string {
  const { syscall } = error as { syscall?: unknown };
  if (typeof syscall === "string") return syscall;
  return /^E[A-Z0-9]+: [^,]*, (\w+)/.exec(error.message)?.[1] ?? /^(\w+) E[A-Z0-9]+/.exec(error.message)?.[1] ?? "";
}

/** Equal for two errors that are the same trouble: not of their texts, in which there may be random names. */
export function kindOf(error: Error): string {
  return `${codeOf(error)} ${syscallOf(error)}`;
}

/** The error that users get for one that the engine has met. */
export function troubleOf(cause: Error): StorageError {
  if (cause instanceof StorageError) return cause;
  const [code, reason] = meaningOf(codeOf(cause), syscallOf(cause));
  return new StorageError(code, `${reason} (${described(cause)}); writes stay pending and are tried again`, { cause });
}

function meaningOf(code: string, syscall: string): [code: StorageErrorCode, reason: string] {
  if (FULL.has(code)) return ["ERR_STORAGE_DISK", "the files cannot be written"];
  if (EXHAUSTED.has(code)) return ["ERR_STORAGE_RESOURCES", "the process or the system has run out of something"];
  if (code === "ERR_ACCESS_DENIED") return ["ERR_STORAGE_DIRECTORY", "the permission model of Node.js refuses access"];
  if (WRITES.test(syscall)) return ["ERR_STORAGE_DISK", "the files cannot be written"];
  if (READS.test(syscall)) return ["ERR_STORAGE_DISK", "the files cannot be read"];
  if (SOCKETS.test(syscall)) return ["ERR_STORAGE_UNREACHABLE", "the socket of the manager cannot be used"];
  return ["ERR_STORAGE_MANAGER", "the manager in this process has failed"];
}
