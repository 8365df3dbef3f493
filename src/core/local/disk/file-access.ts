/** Ways to open files and to call the file system, each with one rule about what may fail. */
import { dirname } from "node:path";
import { codeOf, StorageError } from "../../errors.js";
import type { Files, Pin } from "../machine/machine.js";
import { CompactedFileError } from "./file-errors.js";

/** How a file that exists is opened. */
type How = "read" | "write";

/** Codes of a link on a file system that has no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** Opens a file; null when there is none. */
export function openIfThere(files: Files, path: string, how: How = "read"): number | null {
  try {
    return files.open(path, how);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/**
 * Opens a file to read.
 * @throws CompactedFileError when there is none.
 */
export function openUnlessCompacted(files: Files, path: string): number {
  const file = openIfThere(files, path);
  if (file === null) throw new CompactedFileError(path);
  return file;
}

/** Returns what `use` returns for an open file. The file is closed then, and after an error. */
export function thenClose<T>(files: Files, file: number, use: (file: number) => T): T {
  try {
    return use(file);
  } finally {
    files.close(file);
  }
}

/** As `thenClose` for a file that is opened first; null when there is none. */
export function withFile<T>(files: Files, path: string, use: (file: number) => T, how: How = "read"): T | null {
  const file = openIfThere(files, path, how);
  return file === null ? null : thenClose(files, file, use);
}

/**
 * Gives a file a further name, which must be free. A hard link makes a name exclusive and complete in one step.
 * @throws StorageError `ERR_STORAGE_DIRECTORY` when the file system has no hard links; else the error of the failed call, as `EEXIST`.
 */
export function linkAs(files: Files, path: string, name: string): void {
  try {
    files.link(path, name);
  } catch (cause) {
    const code = codeOf(cause);
    if (!NO_LINKS.has(code)) throw cause;
    const message = `expected a file system with hard links at ${dirname(name)}, got ${code}: choose a directory on another one, as ext4, XFS, Btrfs, ZFS, APFS or tmpfs`;
    throw new StorageError("ERR_STORAGE_DIRECTORY", message, { cause });
  }
}

/** Holds a directory open; null when there is none. */
export function pinIfThere(files: Files, directory: string): Pin | null {
  try {
    return files.pin(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** Gives a file a further name. A file that has this name already stays. */
export function linkOnce(files: Files, path: string, name: string): void {
  try {
    linkAs(files, path, name);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/** Returns what a call returns; undefined when the operating system refuses. Any other error is a mistake, and is thrown. */
export function bestEffort<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (codeOf(error) === "") throw error;
    return undefined;
  }
}
