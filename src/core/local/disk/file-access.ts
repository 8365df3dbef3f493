/** Ways to open files and to call the file system, each with one rule about what may fail. */
import { codeOf } from "../../errors.js";
import type { Files } from "../machine/machine.js";
import { CompactedFileError } from "./file-errors.js";

/** How a file that exists is opened. */
type How = "read" | "write";

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

/** Gives a file a further name. A file that has this name already stays. */
export function linkOnce(files: Files, path: string, name: string): void {
  try {
    files.link(path, name);
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
