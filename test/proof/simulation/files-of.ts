/** The files of a machine as one thread of one process sees them: with faults of single calls, and an end with the thread. */
import type { Files, FileView, Pin } from "../../../dist/core/local/machine/machine.js";
import { PinnedFiles } from "../../../dist/core/local/machine/pinned-files.js";
import { type Disk, failure, heldPath } from "./disk.js";
import type { Inode } from "./inode.js";
import type { Process } from "./process.js";
import type { Thread } from "./scheduler.js";
import type { World } from "./world.js";

export class FilesOf implements Files {
  readonly #world: World;
  readonly #process: Process;
  readonly #thread: Thread;
  readonly #open = new Map<number, { path: string; inode: Inode }>();
  /** Syncs that are under way. What waits for one is stopped when that is over, and closes its files then. */
  #syncCount = 0;
  /** Called once no sync is under way. */
  readonly #waiting: (() => void)[] = [];
  #last = 2;

  constructor(world: World, process: Process, thread: Thread) {
    this.#world = world;
    this.#process = process;
    this.#thread = thread;
  }

  /** Paths of the files that are open. */
  get openPaths(): string[] {
    return [...this.#open.values()].map(({ path }) => path);
  }

  /** Paths of the files that are open and that no sync under way will close. */
  get leakedPaths(): string[] {
    return this.#syncCount > 0 ? [] : this.openPaths;
  }

  /** Calls back once no sync is under way. */
  whenSynced(call: () => void): void {
    if (this.#syncCount === 0) call();
    else this.#waiting.push(call);
  }

  open(path: string, how: "read" | "create" | "write"): number {
    this.#enter("open", path);
    const { world } = this;
    if (world.fails("handles")) throw failure("EMFILE", "open", path);
    if (how === "create" && this.#disk.room <= 0 && world.dice.chance(0.3)) throw failure("ENOSPC", "open", path);
    const inode = how === "create" ? this.#disk.create(path) : this.#disk.find(path);
    if (inode === undefined) throw failure("ENOENT", "open", path);
    this.#open.set(++this.#last, { path: this.#disk.reached(path), inode });
    return this.#last;
  }

  close(file: number): void {
    if (!this.#thread.isAlive) return;
    if (!this.#open.delete(file)) throw failure("EBADF", "close");
  }

  read(file: number, into: Buffer, offset: number, length: number, position: number): number {
    const { path, inode } = this.#file(file);
    this.#enter("read", path);
    return inode.content.copy(into, offset, position, Math.min(position + length, inode.bytes));
  }

  write(file: number, buffers: readonly Buffer[], position: number): number {
    const { path, inode } = this.#file(file);
    const { dice } = this.world;
    const all = buffers.length === 1 ? (buffers[0] as Buffer) : Buffer.concat(buffers as Buffer[]);
    const put = (count: number) => {
      this.#disk.write(path, inode, all.subarray(0, count), position);
      inode.modifiedAt = this.#process.wallTime;
      return count;
    };
    this.#enter("write", path, () => put(dice.below(all.length + 1)));
    const room = this.#disk.room - Math.max(0, position + all.length - inode.bytes) < 0 ? this.#disk.room : all.length;
    if (room <= 0) throw failure("ENOSPC", "write", path);
    const isShort = all.length > 1 && this.world.fails("short");
    const count = put(Math.min(room, isShort ? 1 + dice.below(all.length - 1) : all.length));
    this.#disk.room -= count;
    return count;
  }

  truncate(file: number, bytes: number): void {
    const { path, inode } = this.#file(file);
    this.#enter("truncate", path);
    inode.truncate(bytes);
  }

  sync(file: number): void {
    const { path, inode } = this.#file(file);
    this.#enter("sync", path, undefined, false);
    this.#sync(path, inode);
  }

  readonly canSync = true;

  syncLater(file: number, done: (error: Error | null) => void): void {
    const { path, inode } = this.#file(file);
    this.#enter("syncLater", path, undefined, false);
    this.#later(() => this.#sync(path, inode), done);
  }

  bytes(file: number): number {
    const { path, inode } = this.#file(file);
    this.#enter("bytes", path, undefined, false);
    return inode.bytes;
  }

  lookAt(file: number, path: string): FileView {
    const { inode } = this.#file(file);
    this.#enter("lookAt", path, undefined, false);
    return { links: inode.links, bytes: inode.bytes, isAtPath: this.#disk.find(path) === inode };
  }

  pin(directory: string): Pin {
    this.#enter("pin", directory);
    const disk = this.#disk;
    const id = disk.idOf(directory);
    if (id === undefined) throw failure("ENOENT", "open", directory);
    const alias = heldPath(id);
    const files = new PinnedFiles(this, directory, alias, () => disk.idOf(directory) === id);
    return { files, directory: alias, id: String(id), close: () => {} };
  }

  deviceOf(): string {
    return "disk";
  }

  symlink(_target: string, path: string): void {
    throw failure("EPERM", "symlink", path);
  }

  isOwn(): boolean {
    return true;
  }

  touch(path: string, time: number): void {
    this.#enter("touch", path, undefined, false);
    const inode = this.#disk.find(path);
    if (inode === undefined) throw failure("ENOENT", "utime", path);
    inode.modifiedAt = time;
  }

  modifiedAt(path: string): number | undefined {
    this.#enter("modifiedAt", path);
    return this.#disk.find(path)?.modifiedAt;
  }

  list(directory: string): string[] {
    this.#enter("list", directory);
    return this.#disk.list(directory);
  }

  /** Half of the machines have a file system that shares blocks. */
  clone(path: string, name: string): boolean {
    this.#enter("clone", name);
    if (this.world.seed % 2 === 1) return false;
    const { content } = this.#disk.find(path) ?? {};
    if (content === undefined) throw failure("ENOENT", "clone", path);
    this.#disk.write(name, this.#disk.create(name), content, 0);
    return true;
  }

  link(path: string, name: string): void {
    this.#enter("link", name);
    this.#disk.link(path, name);
  }

  rename(path: string, name: string): void {
    this.#enter("rename", name);
    this.#disk.rename(path, name);
  }

  unlink(path: string): boolean {
    this.#enter("unlink", path);
    return this.#disk.unlink(path);
  }

  makeDirectory(path: string): void {
    this.#enter("makeDirectory", path);
    this.#disk.makeDirectory(path);
  }

  isPrivate(): boolean {
    return true;
  }

  readonly isWide = () => false;
  readonly narrow = () => null;

  room(): number {
    return this.#disk.room;
  }

  isRemote(): boolean {
    return false;
  }

  realPath(path: string): string {
    return path;
  }

  removeDirectory(path: string): void {
    this.#enter("removeDirectory", path);
    this.#disk.removeDirectory(path);
  }

  syncDirectory(path: string): void {
    this.#enter("syncDirectory", path, undefined, false);
    if (this.world.fails("sync")) {
      this.#disk.unsynced.add(this.#disk.reached(path));
      throw failure("EIO", "fsync", path);
    }
    this.#disk.syncDirectory(path);
  }

  syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
    this.#enter("syncDirectoryLater", path, undefined, false);
    this.#later(() => this.syncDirectory(path), done);
  }

  get world(): World {
    return this.#world;
  }

  get #disk(): Disk {
    return this.#world.disk;
  }

  #later(sync: () => void, done: (error: Error | null) => void): void {
    this.#syncCount++;
    this.#thread.in(this.world.dice.delay(5, 60), () => {
      let failed: Error | null = null;
      try {
        sync();
      } catch (error) {
        failed = error as Error;
      }
      done(failed);
      if (--this.#syncCount === 0) for (const call of this.#waiting.splice(0)) call();
    });
  }

  #sync(path: string, inode: Inode): void {
    if (this.world.fails("sync") || this.world.fails("io")) {
      inode.drop();
      throw failure("EIO", "fsync", path);
    }
    inode.sync();
  }

  /** @param partly What of the call happens, when the process ends in it. */
  #enter(call: string, path: string, partly?: () => void, mayFail = true): void {
    if (this.#process.crashIn <= 1 && this.#thread.isAlive) partly?.();
    this.#process.expectAlive(this.#thread);
    if (mayFail && this.world.fails("io")) throw failure("EIO", call, path);
  }

  #file(file: number): { path: string; inode: Inode } {
    const open = this.#open.get(file);
    if (open === undefined) {
      this.#process.expectAlive(this.#thread);
      throw failure("EBADF", "file");
    }
    return open;
  }
}
