/** What the engine needs of a file system. */

/** A file system, synchronous. Every call throws an `Error` with the `code` of the operating system (`ENOENT`, `ENOSPC`, ...). */
export interface Files {
  /**
   * Opens a file. `read`: must exist. `create`: must not exist, mode 0600. `write`: must exist, for `truncate` and `sync`.
   * @throws StorageError `ERR_STORAGE_DIRECTORY` when that is no file but a link, a directory, a pipe or a device.
   */
  open(path: string, how: "read" | "create" | "write"): number;
  /** Never fails for an open file. */
  close(file: number): void;
  /** Reads up to `length` bytes at `position`; returns how many, 0 at the end. */
  read(file: number, into: Buffer, offset: number, length: number, position: number): number;
  /** Writes at `position`; returns how many bytes were taken, which may be fewer than given (a full disk). */
  write(file: number, buffers: readonly Buffer[], position: number): number;
  truncate(file: number, bytes: number): void;
  /** Whether this process may wait for the disk. If not, the operating system writes when it likes, and the syncs do nothing. */
  readonly canSync: boolean;
  /** Returns when the data of the file is on the disk. Must not be tried again after an error: the pages may be gone. */
  sync(file: number): void;
  /** As `sync`, without blocking; calls back once. */
  syncLater(file: number, done: (error: Error | null) => void): void;
  bytes(file: number): number;
  /** The open file, and whether a path leads to it. By the open file, so a reused name cannot deceive. */
  lookAt(file: number, path: string): FileView;
  /** Whether the file belongs to this user or to root: no other user has created it. By the open file, as `lookAt`. */
  isOwn(file: number): boolean;
  /** Sets a file's modification time. By its path, since the permission model of Node.js allows that alone. */
  touch(path: string, time: number): void;
  /** The file's modification time in ms since 1970, or undefined when there is none. */
  modifiedAt(path: string): number | undefined;
  /** The names in a directory; `[]` when there is no such directory. */
  list(directory: string): string[];
  /**
   * Makes a copy of a file that shares its blocks with it until one of the two is changed; false where the file system cannot do
   * that, and then nothing is there. Throws `EEXIST` when that name is taken.
   */
  clone(path: string, name: string): boolean;
  /** A second name for a file; throws `EEXIST` when that name is taken. */
  link(path: string, name: string): void;
  /** A symbolic link at `path`; throws `EEXIST` when that name is taken. */
  symlink(target: string, path: string): void;
  rename(path: string, name: string): void;
  /** Removes a name; false when there is none. */
  unlink(path: string): boolean;
  /** Creates a directory, mode 0700, and those above it; an existing one is kept. */
  makeDirectory(path: string): void;
  /** The path without symbolic links; the file must exist. */
  realPath(path: string): string;
  /** Whether a path is a directory, no link, that belongs to this user and that no other user can enter. */
  isPrivate(path: string): boolean;
  /** Whether the mode of a file gives other users access to it. */
  isWide(path: string): boolean;
  /**
   * Takes from other users the access to a directory of this user, and to the files in it that are meant. Links are not followed.
   * @returns null when that is done; otherwise, for a message, what was found instead, such as a file of another user, and what helps.
   */
  narrow(directory: string, isMeant: (name: string) => boolean): string | null;
  /** Bytes that can still be written to the file system of a path; Infinity where that is not known. Never fails. */
  room(path: string): number;
  /** Whether a path lies on a file system of another machine. */
  isRemote(path: string): boolean;
  removeDirectory(path: string): void;
  /**
   * Text that names the file system on which a path lies, as this process sees it. Where a file is reached by another file system too,
   * as through an overlay or a FUSE mount, its socket is another one there, which refuses though its process lives.
   */
  deviceOf(path: string): string;
  /** Returns when the names of a directory are on the disk; `syncDirectoryLater` does not block, and calls back once. */
  syncDirectory(path: string): void;
  syncDirectoryLater(path: string, done: (error: Error | null) => void): void;
  /** Holds a directory open. Throws `ENOENT` when there is none. */
  pin(directory: string): Pin;
}

/** Files that tell when they are used, so that long work can show that it goes on. */
export interface UsedFiles extends Files {
  /** Called whenever bytes are read or written. */
  used: (() => void) | null;
}

/** What an open file is, and where. */
export interface FileView {
  /** How many names it has: 0 when it was unlinked. */
  readonly links: number;
  readonly bytes: number;
  /** Whether the path leads to it: not when its directory was moved, or another one is mounted there. */
  readonly isAtPath: boolean;
}

/**
 * A directory that is held open, so that nothing is written into another one that comes to its path: a directory can be renamed,
 * or something else mounted over it, while it is in use.
 */
export interface Pin {
  /**
   * Files whose paths lead into this very directory, as far as the platform can. Each call that goes by a path checks before that
   * the path still leads to the directory, and throws {@link MovedError} when it does not.
   */
  readonly files: UsedFiles;
  /** A path that leads to this very directory while it is held, where the platform has one; else the path that was given. */
  readonly directory: string;
  /** Text that distinguishes it from all other directories of this machine. */
  readonly id: string;
  close(): void;
}
