/**
 * A file system in memory, for tests: with faults at chosen calls, and with what a loss of power takes.
 *
 * Invariants: `names` and each inode's `content` are what running processes see; `durableNames` and `durable` are what is
 * left after a loss of power: what `syncDirectory` and `sync` have brought to the disk.
 */
import { dirname } from "node:path";
import type { Files, FileView, Pin } from "../../../../dist/core/local/machine/machine.js";
import { PinnedFiles } from "../../../../dist/core/local/machine/pinned-files.js";

/** Ends a simulated process; nothing that it still tries has an effect. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}

interface Inode {
  content: Buffer;
  durable: Buffer;
  links: number;
  modifiedAt: number;
}

/** What a fault does to one call. */
export type Fault =
  /** Fails with this code, and has no effect. */
  | { readonly code: string }
  /** Takes only so many bytes of a write. */
  | { readonly takesBytes: number }
  /** Ends the process before the call; a write may have taken half of its bytes. */
  | { readonly crash: true };

const failure = (code: string, call: string, path = "") =>
  Object.assign(new Error(`${code}: ${call} ${path}`), { code });

export class MemoryFiles implements Files {
  names = new Map<string, Inode>();
  durableNames = new Map<string, Inode>();
  readonly openFiles = new Map<number, { path: string; inode: Inode }>();
  readonly directories = new Set<string>();
  /** Which directory is at a path, where that is not the first one. */
  readonly directoryIds = new Map<string, string>();
  /** Calls so far that change something. */
  changes = 0;
  readonly calls: string[] = [];
  /** Whether a file can be copied at once, as on Btrfs or XFS. */
  clones = false;
  /** Called for each call that changes something; returns its fault. */
  fault: ((call: string, change: number, path: string) => Fault | undefined) | null = null;
  #isCrashed = false;
  #nextFile = 3;

  /** What a new process finds: all files closed, no faults. */
  afterCrash(): MemoryFiles {
    const next = new MemoryFiles();
    const copies = new Map<Inode, Inode>();
    for (const [path, inode] of this.names) next.names.set(path, copyOf(inode, copies, inode.content));
    for (const [path, inode] of this.durableNames) next.durableNames.set(path, copyOf(inode, copies, inode.content));
    return next;
  }

  /**
   * What a new process finds after a loss of power.
   * @param keepsUnlinks Whether names that were removed are gone, although those that were made meanwhile are too: the
   *   disk takes changes of a directory in any order until that is synced.
   */
  afterPowerLoss(keepsUnlinks = false): MemoryFiles {
    const next = new MemoryFiles();
    const copies = new Map<Inode, Inode>();
    for (const [path, inode] of this.durableNames) {
      if (keepsUnlinks && !this.names.has(path)) continue;
      next.names.set(path, copyOf(inode, copies, inode.durable));
    }
    next.durableNames = new Map(next.names);
    return next;
  }

  /** Brings everything to the disk. */
  settle(): void {
    for (const inode of this.names.values()) inode.durable = inode.content;
    this.durableNames = new Map(this.names);
  }

  get(path: string): Buffer {
    const inode = this.names.get(path);
    if (!inode) throw failure("ENOENT", "get", path);
    return inode.content;
  }

  put(path: string, content: Buffer): void {
    const inode = { content, durable: content, links: 1, modifiedAt: 0 };
    this.names.set(path, inode);
    this.durableNames.set(path, inode);
  }

  open(path: string, how: "read" | "create" | "write"): number {
    if (how === "create") this.#change("create", path);
    let inode = this.names.get(path);
    if (how === "create") {
      if (inode) throw failure("EEXIST", "open", path);
      inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0), links: 1, modifiedAt: 0 };
      this.names.set(path, inode);
    }
    if (!inode) throw failure("ENOENT", "open", path);
    const file = this.#nextFile++;
    this.openFiles.set(file, { path, inode });
    return file;
  }

  close(file: number): void {
    if (!this.openFiles.delete(file)) throw failure("EBADF", "close");
  }

  read(file: number, into: Buffer, offset: number, length: number, position: number): number {
    const { content } = this.#inode(file);
    return content.copy(into, offset, position, Math.min(position + length, content.length));
  }

  write(file: number, buffers: readonly Buffer[], position: number): number {
    const inode = this.#inode(file);
    const bytes = Buffer.concat(buffers as Buffer[]);
    const put = (count: number) => {
      const grown = Buffer.alloc(Math.max(inode.content.length, position + count));
      inode.content.copy(grown);
      bytes.copy(grown, position, 0, count);
      inode.content = grown;
      return count;
    };
    const short = this.#change("write", this.#pathOf(file), () => put(bytes.length >> 1));
    return put(short === undefined ? bytes.length : Math.min(short, bytes.length));
  }

  truncate(file: number, bytes: number): void {
    this.#change("truncate", this.#pathOf(file));
    const inode = this.#inode(file);
    inode.content = Buffer.from(inode.content.subarray(0, bytes));
  }

  sync(file: number): void {
    this.#change("sync", this.#pathOf(file));
    const inode = this.#inode(file);
    inode.durable = inode.content;
  }

  readonly canSync = true;

  syncLater(file: number, done: (error: Error | null) => void): void {
    later(() => this.sync(file), done);
  }

  bytes(file: number): number {
    return this.#inode(file).content.length;
  }

  lookAt(file: number, path: string): FileView {
    const inode = this.#inode(file);
    return { links: inode.links, bytes: inode.content.length, isAtPath: this.names.get(path) === inode };
  }

  readonly isOwn = () => true;

  touch(path: string, time: number): void {
    const inode = this.names.get(path);
    if (!inode) throw failure("ENOENT", "touch", path);
    inode.modifiedAt = time;
  }

  modifiedAt(path: string): number | undefined {
    return this.names.get(path)?.modifiedAt;
  }

  list(directory: string): string[] {
    return [...this.names.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1));
  }

  /** A file system that cannot share blocks, unless `clones`. */
  clone(path: string, name: string): boolean {
    if (!this.clones) return false;
    this.#change("clone", name);
    const { content } = this.names.get(path) ?? { content: null };
    if (content === null) throw failure("ENOENT", "clone", path);
    if (this.names.has(name)) throw failure("EEXIST", "clone", name);
    this.names.set(name, { content, durable: Buffer.alloc(0), links: 1, modifiedAt: 0 });
    return true;
  }

  link(path: string, name: string): void {
    this.#change("link", name);
    const inode = this.names.get(path);
    if (!inode) throw failure("ENOENT", "link", path);
    if (this.names.has(name)) throw failure("EEXIST", "link", name);
    this.names.set(name, inode);
    inode.links++;
  }

  deviceOf = () => "memory";

  symlink(_target: string, path: string): void {
    throw failure("EPERM", "symlink", path);
  }

  pin(directory: string): Pin {
    const idNow = (): string => this.directoryIds.get(directory) ?? directory;
    const id = idNow();
    return { files: new PinnedFiles(this, directory, directory, () => idNow() === id), directory, id, close: () => {} };
  }

  rename(path: string, name: string): void {
    this.#change("rename", name);
    const inode = this.names.get(path);
    if (!inode) throw failure("ENOENT", "rename", path);
    const replaced = this.names.get(name);
    if (replaced === inode) return;
    if (replaced) replaced.links--;
    this.names.set(name, inode);
    this.names.delete(path);
  }

  unlink(path: string): boolean {
    this.#change("unlink", path);
    const inode = this.names.get(path);
    if (!inode) return false;
    inode.links--;
    return this.names.delete(path);
  }

  makeDirectory(path: string): void {
    this.directories.add(path);
  }

  isPrivate = () => true;
  isWide = (_path: string) => false;
  narrow = () => null;
  room = () => Number.POSITIVE_INFINITY;
  readonly isRemote = () => false;
  readonly realPath = (path: string): string => path;

  removeDirectory(path: string): void {
    this.#change("removeDirectory", path);
    if (this.list(path).length > 0) throw failure("ENOTEMPTY", "rmdir", path);
    this.directories.delete(path);
  }

  syncDirectory(path: string): void {
    this.#change("syncDirectory", path);
    for (const name of this.durableNames.keys()) if (dirname(name) === path) this.durableNames.delete(name);
    for (const [name, inode] of this.names) if (dirname(name) === path) this.durableNames.set(name, inode);
  }

  syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
    later(() => this.syncDirectory(path), done);
  }

  /** Counts a call and lets its fault happen; returns to how many bytes a write is cut. */
  #change(call: string, path: string, beforeCrash?: () => void): number | undefined {
    if (this.#isCrashed) throw new CrashError(call);
    this.calls.push(`${call} ${path}`);
    const fault = this.fault?.(call, this.changes++, path);
    if (fault === undefined) return undefined;
    if ("takesBytes" in fault) return fault.takesBytes;
    if ("code" in fault) throw failure(fault.code, call, path);
    beforeCrash?.();
    this.#isCrashed = true;
    throw new CrashError(call);
  }

  #inode(file: number): Inode {
    const open = this.openFiles.get(file);
    if (!open) throw failure("EBADF", "file");
    return open.inode;
  }

  #pathOf(file: number): string {
    return this.openFiles.get(file)?.path ?? "";
  }
}

function copyOf(inode: Inode, copies: Map<Inode, Inode>, content: Buffer): Inode {
  let copy = copies.get(inode);
  if (!copy) {
    copy = { content: Buffer.from(content), durable: Buffer.from(inode.durable), links: inode.links, modifiedAt: 0 };
    copies.set(inode, copy);
  }
  return copy;
}

function later(call: () => void, done: (error: Error | null) => void): void {
  setImmediate(() => {
    let failed: Error | null = null;
    try {
      call();
    } catch (error) {
      failed = error as Error;
    }
    done(failed);
  });
}
