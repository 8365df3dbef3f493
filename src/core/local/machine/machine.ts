/** What the engine needs of a machine. Tests hand in a simulated one, and so run the very same engine. */

import type { Timer } from "../../runtime.js";

export type { Timer } from "../../runtime.js";

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

/** One end of a connection. Never keeps the process alive. */
export interface Socket {
  /** Sends the buffers in order; never blocks, so what the other side does not take is queued. */
  write(buffers: readonly Buffer[]): void;
  /** Bytes that were written and not yet taken by the operating system. */
  readonly queuedBytes: number;
  /** Stops and restarts the calls of `data`. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What a socket calls; `closed` exactly once and last. */
export interface SocketEvents {
  /** Connected (the side that connects only). */
  connected?(): void;
  data(chunk: Buffer): void;
  closed(error: Error | null): void;
}

export interface Listener {
  /** Takes no more connections. The name stays, and refuses. */
  close(): void;
}

/**
 * Sockets lie in the directory of their storage, and are named by their file names: processes that reach the same socket by the
 * same name in a directory have the same storage, wherever each of them has it mounted, and a copy of the directory has none.
 */
export interface Sockets {
  /**
   * Listens under a name in a directory; a socket that has the name before is replaced. It is bound under a temporary name and then
   * renamed, so that the name outlives the process, however that ends, and refuses from then on.
   * @param accept Gives the events for each new connection.
   * @param done Called once, later.
   */
  listen(
    directory: string,
    name: string,
    accept: (socket: Socket) => SocketEvents,
    done: (error: Error | null, listener: Listener) => void,
  ): void;
  /** Connects to the socket of that name in a directory; `closed` gets `ECONNREFUSED` when its process has ended, and only then. */
  connect(directory: string, name: string, events: SocketEvents): Socket;
}

export interface Clock {
  /** Wall clock, in whole ms since 1970; may jump. */
  now(): number;
  /** Calls once after a delay; never keeps the process alive. */
  after(ms: number, call: () => void): Timer;
  /** Calls once, as soon as the running job is over. */
  microtask(call: () => void): void;
  /** Calls once what has already arrived on the sockets has been delivered. */
  soon(call: () => void): void;
  /** ms from an arbitrary start, never falling: for durations only. */
  elapsed(): number;
  /** Keeps the process alive until it is cancelled. */
  keepAlive(): Timer;
}

/** A hub that runs beside the event loop of its member. */
export interface HubHandle {
  /**
   * Hands the seat on: the last append is confirmed, then `ended` is reported.
   * @param hasWritten Whether batches of its own member are in the log, which then notes that this member has left.
   */
  close(destroy: boolean, hasWritten: boolean): void;
  /** Stops at once. */
  terminate(): void;
}

export interface Threads {
  /**
   * Starts a hub that claims the seat after `request.epoch`.
   * @param instead Called when no thread starts: starts the hub in this event loop. Without it, the hub fails.
   */
  startHub(request: HubRequest, report: (report: HubReport) => void, instead?: () => HubHandle): HubHandle;
  /** Runs one compaction. Calls back once, with a `NoThreadError` if it was not begun. Returns a function that stops it. */
  compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): () => void;
}

export interface Identity {
  readonly pid: number;
  readonly host: string;
  /** Differs after every start of the machine, and between machines. */
  readonly bootId: string;
  /** The user of this process; -1 where there are no such numbers. */
  readonly uid: number;
  /** Whether a process of this machine is alive, as far as this one can see. */
  isAlive(pid: number): boolean;
}

export interface Machine {
  readonly files: Files;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly threads: Threads;
  readonly identity: Identity;
  /** Unpredictable bytes. */
  random(bytes: number): Buffer;
}

/** A place in the log's files; often the end of a segment, as far as that is confirmed. */
export interface Position {
  readonly epoch: number;
  /** The number of the segment within its epoch: 1, 2, 3, ... */
  readonly segment: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
}

/** A position where a frame ends, with the seq and time of the last batch before it. */
export interface LogPosition extends Position {
  readonly seq: number;
  readonly time: number;
  /**
   * Length and checksum of the frame that ends there, a batch or the first frame of a segment; 0 or none when they are not
   * known. They distinguish one history from another.
   */
  readonly bytes?: number;
  readonly crc?: number;
}

/** Where a storage's files are. */
export interface Place {
  /** `<path>/<name>.db.d` */
  readonly directory: string;
  /** `<path>/<name>.db` */
  readonly filename: string;
}

export interface HubOptions {
  /** When a confirmed batch is on the disk. */
  readonly fsync: "always" | "everysec" | "never";
  /** ms between two batches of an idle log. */
  readonly gcInterval: number;
  readonly recover: "strict" | "salvage";
  /** false: the files are void once no member is left. */
  readonly persist: boolean;
  readonly maxMemberBacklogBytes: number;
  /** ms of silence, by a member's own running time, after which it replaces the manager. */
  readonly stallTimeout: number;
  /** Bytes of segments, beyond the size of the snapshot, that start a compaction. */
  readonly compactAfterBytes: number;
}

export interface HubRequest {
  readonly place: Place;
  readonly options: HubOptions;
  /** Random text that distinguishes the contender from all other members. */
  readonly member: string;
  /** The highest epoch that the contender has seen; 0 for none. */
  readonly epoch: number;
  /** Up to where the contender has applied the log; the hub reads only what follows. None: everything is read and checked. */
  readonly position: LogPosition | null;
}

export type HubReport =
  /** It has the seat and serves. */
  | { readonly kind: "serving"; readonly epoch: number }
  /** It reads the log before it serves, and gets on; reported some times a second. */
  | { readonly kind: "reading" }
  /** Another member was first, or has replaced it. */
  | { readonly kind: "replaced" }
  /** It has handed its seat on, or removed the files. `isNoted`: the log notes that its own member has left, or need not. */
  | { readonly kind: "ended"; readonly isNoted: boolean }
  | { readonly kind: "compacted"; readonly result: CompactResult }
  /** Corrupt files were kept aside; the message names what was lost. */
  | { readonly kind: "salvaged"; readonly message: string }
  /** Files are damaged, as the message says; what they held is written again, and is `healed` then. */
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "healed" }
  /** A compaction failed; it is tried again later. */
  | { readonly kind: "compactionFailed"; readonly code: string; readonly message: string }
  /** It cannot serve. `code` is a `StorageErrorCode` or the code of a failed system call. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** What is folded into a new snapshot. */
export interface FoldRequest {
  readonly place: Place;
  /** The manager's epoch, for names of temporary files. */
  readonly epoch: number;
  /** The seq of the newest snapshot; 0 for none. */
  readonly snapshot: number;
  /** The ends of the closed segments that follow it, in order. */
  readonly segments: readonly Position[];
}

/** What is folded beside the hub. */
export interface CompactRequest extends FoldRequest {
  /** {@link Pin.id} of the directory; nothing is done in another one at its path. */
  readonly directoryId: string;
}

export interface CompactResult {
  /** The seq of the snapshot; 0 when there was nothing to fold. */
  readonly snapshot: number;
  readonly bytes: number;
}
