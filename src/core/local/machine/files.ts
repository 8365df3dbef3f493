/** The real `Files`: the file system of this machine. Only this file and `owner-files.ts` import `node:fs`. */
import {
  closeSync,
  constants,
  copyFileSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
  writevSync,
} from "node:fs";
import { dirname } from "node:path";
import { codeOf, StorageError } from "../../errors.js";
import { soon } from "../../runtime.js";
import type { Files, FileView, Pin } from "./machine.js";
import { isOwn, isPrivate, isWide, narrow } from "./owner-files.js";
import { PinnedFiles } from "./pinned-files.js";

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** How often a directory is tried: other processes may create and remove it, and those around it, at the same time. */
const DIRECTORY_TRIES = 3;

/** A link is not followed, and a pipe is not waited for; Windows has neither flag. */
const CAREFUL = constants.O_NOFOLLOW | constants.O_NONBLOCK;

const FLAGS = {
  read: constants.O_RDONLY | CAREFUL,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  write: constants.O_RDWR | CAREFUL,
} as const;

/** Codes of a path that is no file but a link, a directory, a socket or a device. */
const NO_FILE = new Set(["ELOOP", "EISDIR", "ENXIO", "ENODEV"]);

/** `f_type` of network file systems, from statfs(2): NFS, SMB, CIFS, SMB2, AFS, Coda, Ceph, Lustre, GPFS, GFS2, OCFS2. */
const REMOTE_TYPES = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x5346414f, 0x73757245, 0x00c36400, 0x0bd00bd0, 0x47504653, 0x01161970,
  0x7461636f,
]);

/** What Windows, and some file systems, answer when a directory is synced: then nothing has to be done. */
const NO_DIRECTORY_SYNC = new Set(["EPERM", "EACCES", "EISDIR", "EINVAL", "ENOTSUP"]);

/** Gives `fallback` instead when a call fails with the code. */
function unless<T>(code: string, fallback: T, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (codeOf(error) === code) return fallback;
    throw error;
  }
}

function notFile(path: string, cause?: unknown): StorageError {
  const message = `expected ${path} to be a file, got a link, a directory, a pipe or a device: move it away`;
  return new StorageError("ERR_STORAGE_DIRECTORY", message, { cause });
}

function orNotFile<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw NO_FILE.has(codeOf(error)) ? notFile(path, error) : error;
  }
}

/** Opens nothing but a regular file, so that no other user can let this process wait, or write elsewhere. */
function openFile(path: string, how: keyof typeof FLAGS): number {
  const file = orNotFile(path, () => openSync(path, FLAGS[how], FILE_MODE));
  try {
    if (!fstatSync(file).isFile()) throw notFile(path);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * Whatever close(2) reports, the file is closed, and its number may be in use again: another try would close
 * another file. Errors of writes were reported by a sync before.
 */
function close(file: number): void {
  try {
    closeSync(file);
  } catch (error) {
    if (codeOf(error) === "EBADF") throw error;
  }
}

/**
 * Creates a directory and the missing ones around it; one that exists is left as it is. `mkdirSync` with `recursive` does not do:
 * in Node.js 20 it never returns where mkdir(2) answers ENOENT although the parent exists, as in `/proc`.
 */
function makeDirectory(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      mkdirSync(path, DIRECTORY_MODE);
      return;
    } catch (error) {
      const found = unless("ENOTDIR", undefined, () => statSync(path, { throwIfNoEntry: false }));
      if (found?.isDirectory()) return;
      const isMissing = codeOf(error) === "ENOENT" && dirname(path) !== path;
      const isRemoved = codeOf(error) === "EEXIST" && found === undefined;
      if (tries === DIRECTORY_TRIES || !(isMissing || isRemoved)) throw error;
      if (isMissing) makeDirectory(dirname(path));
    }
  }
}

/** Node.js' permission model disables fsync, in all versions that have it. */
const canSync = !("permission" in process && process.permission);

function syncDirectory(path: string): void {
  if (!canSync) return;
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY);
    fsyncSync(file);
  } catch (error) {
    if (orNoDirectorySync(error as Error) !== null) throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
  if (!canSync) {
    soon(() => done(null));
    return;
  }
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY);
  } catch (error) {
    soon(() => done(orNoDirectorySync(error as Error)));
    return;
  }
  fsync(file, (error) => {
    closeSync(file);
    done(orNoDirectorySync(error));
  });
}

/** Null instead of what says that directories are not synced here. */
function orNoDirectorySync(error: Error | null): Error | null {
  return process.platform === "win32" && NO_DIRECTORY_SYNC.has(codeOf(error)) ? null : error;
}

/** Whether something else than a socket is at a path; not when nothing is there, or that is not known. */
export function isOtherThanSocket(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false;
  } catch {
    return false;
  }
}

/** Whatever the reason is that this fails, writing the bytes says it, or succeeds. */
function clone(path: string, name: string): boolean {
  try {
    copyFileSync(path, name, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw error;
    rmSync(name, { force: true });
    return false;
  }
}

/** Numbers of 64 bits, since a `number` would take some file systems' inodes for others. */
const EXACT = { bigint: true } as const;

/** The path first: of a file that is unlinked between the two calls, `links` says so. */
function lookAt(file: number, path: string): FileView {
  const found = statSync(path, { ...EXACT, throwIfNoEntry: false });
  const { nlink, size, ino, dev } = fstatSync(file, EXACT);
  return { links: Number(nlink), bytes: Number(size), isAtPath: found?.ino === ino && found.dev === dev };
}

function room(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function pin(directory: string): Pin {
  // Windows opens no directory; there one that is in use cannot be renamed.
  const held = process.platform === "win32" ? null : openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const { ino, dev } = held === null ? statSync(directory, EXACT) : fstatSync(held, EXACT);
  const isAt = (path: string): boolean => {
    const found = statSync(path, { ...EXACT, throwIfNoEntry: false });
    return found?.ino === ino && found.dev === dev;
  };
  const alias = held !== null && aliasOf(held, isAt);
  const reached = alias || directory;
  const files = new PinnedFiles(diskFiles, directory, reached, () => isAt(directory));
  let isOpen = held !== null;
  const release = () => {
    if (isOpen) close(held as number);
    isOpen = false;
  };
  return { files, directory: reached, id: `${dev}:${ino}`, close: release };
}

/** Linux has a path for each open directory. Not where `/proc` is missing, or Node.js was started without permission for it. */
function aliasOf(held: number, isAt: (path: string) => boolean): string | null {
  const alias = `/proc/self/fd/${held}`;
  try {
    const isAllowed = process.permission?.has("fs.write", alias) ?? true;
    return process.platform === "linux" && isAllowed && isAt(alias) ? alias : null;
  } catch {
    return null;
  }
}

/** The file system of this machine. */
export const diskFiles: Files = {
  open: openFile,
  close,
  read: (file, into, offset, length, position) => readSync(file, into, offset, length, position),
  write: (file, buffers, position) =>
    buffers.length === 1
      ? writeSync(file, buffers[0] as Buffer, 0, (buffers[0] as Buffer).length, position)
      : writevSync(file, buffers, position),
  truncate: (file, bytes) => ftruncateSync(file, bytes),
  canSync,
  sync: (file) => canSync && fdatasyncSync(file),
  syncLater: (file, done) => (canSync ? fdatasync(file, done) : soon(() => done(null))),
  bytes: (file) => fstatSync(file).size,
  lookAt,
  isOwn,
  touch: (path, time) => utimesSync(path, time / 1000, time / 1000),
  modifiedAt: (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs,
  list: (directory) => unless("ENOENT", [], () => readdirSync(directory)),
  clone,
  link: (path, name) => linkSync(path, name),
  symlink: (target, path) => symlinkSync(target, path),
  rename: (path, name) => renameSync(path, name),
  unlink: (path) =>
    unless("ENOENT", false, () => {
      orNotFile(path, () => unlinkSync(path));
      return true;
    }),
  makeDirectory,
  realPath: (path) => realpathSync(path),
  isPrivate,
  isWide,
  narrow,
  room,
  isRemote: (path) => REMOTE_TYPES.has(statfsSync(path).type >>> 0),
  deviceOf: (path) => String(statSync(path, EXACT).dev),
  removeDirectory: (path) => rmdirSync(path),
  syncDirectory,
  pin,
  syncDirectoryLater,
};
