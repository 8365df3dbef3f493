/** Who may use files: their owners and modes. */
import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../errors.js";

const OTHERS_MASK = 0o077;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** What is opened is looked at, and never followed or waited for. */
const CAREFUL = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
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

/** Whether the mode of a file gives other users access to it; not when it is gone. */
export function isWide(path: string): boolean {
  if (process.geteuid === undefined) return false;
  return ((lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_MASK) !== 0;
}

/**
 * Takes from other users the access to a directory of this user, and to the files in it whose names are asked for, if all that is in it is
 * this user's. The directory comes first: from then on nobody else can put anything into it, so what is found there afterwards stays.
 * @returns false when it is no directory, or something belongs to another user.
 */
export function narrow(directory: string, isMeant: (name: string) => boolean): boolean {
  if (process.geteuid === undefined) return false;
  const owner = process.geteuid();
  const areOwn = (): boolean =>
    readdirSync(directory).every((name) => (ownerOf(join(directory, name)) ?? owner) === owner);
  if (ownerOf(directory) !== owner || !areOwn()) return false;
  if (!narrowOpen(directory, constants.O_DIRECTORY, DIRECTORY_MODE, owner) || !areOwn()) return false;
  for (const name of readdirSync(directory)) if (isMeant(name)) narrowOpen(join(directory, name), 0, FILE_MODE, owner);
  return true;
}

/** Undefined when it is gone. */
function ownerOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.uid;
}

/** By the open file, so that a link that comes to its place meanwhile leads nowhere. False when it is another user's. */
function narrowOpen(path: string, flags: number, mode: number, owner: number): boolean {
  let file: number;
  try {
    file = openSync(path, CAREFUL | flags);
  } catch (error) {
    // Sockets cannot be opened; the directory protects them. Other files may be removed meanwhile.
    if (["ENXIO", "ENOENT", "ELOOP", "ENOTDIR", "EACCES"].includes(codeOf(error))) return false;
    throw error;
  }
  try {
    const found = fstatSync(file);
    if (found.uid !== owner || !(found.isFile() || found.isDirectory())) return false;
    if ((found.mode & 0o7777) !== mode) fchmodSync(file, mode);
    return true;
  } finally {
    closeSync(file);
  }
}
