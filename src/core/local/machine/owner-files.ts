/** Who may use files: their owners and modes. */
import { fstatSync, lstatSync } from "node:fs";

const OTHERS_MASK = 0o077;
/** The user that may do everything anyway. */
const ROOT = 0;

export function isPrivate(path: string): boolean {
  const { mode, uid, isDirectory } = describe(path);
  if (process.geteuid === undefined) return isDirectory;
  return isDirectory && uid === process.geteuid() && (mode & OTHERS_MASK) === 0;
}

/** Windows has no such owners: there the directory decides which users may create a file. */
export function isOwn(file: number): boolean {
  if (process.geteuid === undefined) return true;
  const { uid } = fstatSync(file);
  return uid === process.geteuid() || uid === ROOT;
}

/** By `lstat`, so that a link to a directory is none. */
function describe(path: string): { mode: number; uid: number; isDirectory: boolean } {
  const stat = lstatSync(path);
  return { mode: stat.mode, uid: stat.uid, isDirectory: stat.isDirectory() };
}
