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
const NO_DIRECTORY = "something else than a directory: move it away, or choose another path";

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
 * @returns null when that is done; otherwise what was found instead, and what helps.
 */
export function narrow(directory: string, isMeant: (name: string) => boolean): string | null {
  if (process.geteuid === undefined) return NO_DIRECTORY;
  const owner = process.geteuid();
  const found = hindranceOf(directory, owner);
  if (found !== null) return found;
  if (!narrowOpen(directory, constants.O_DIRECTORY, DIRECTORY_MODE, owner)) return NO_DIRECTORY;
  const foundSince = hindranceOf(directory, owner);
  if (foundSince !== null) return foundSince;
  for (const name of readdirSync(directory)) if (isMeant(name)) narrowOpen(join(directory, name), 0, FILE_MODE, owner);
  return null;
}

/** What stands against a directory of this user: it is none, or it or something in it belongs to another user. Null when nothing does. */
function hindranceOf(directory: string, owner: number): string | null {
  const { uid, isDirectory } = describe(directory);
  if (!isDirectory) return NO_DIRECTORY;
  if (uid !== owner) return `a directory of user ${uid}: ${adviceTo(owner)}`;
  for (const name of readdirSync(directory)) {
    const other = ownerOf(join(directory, name)) ?? owner;
    if (other !== owner) return `${name} of user ${other} in it: ${adviceTo(owner)}`;
  }
  return null;
}

/** Root could take the files from the user whose application has them; for others it is a matter of how they were started. */
const adviceTo = (user: number): string =>
  user === ROOT
    ? "run this process as that user, or choose another path"
    : `run this process as that user, chown -R it to user ${user}, or choose another path`;

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
