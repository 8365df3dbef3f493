/** The files of a directory that is held open: nothing is done in another directory that has come to its path. */
import { isError } from "../../errors.js";
import type { Files, FileView, Pin } from "./machine.js";

/** A directory is not at its path any more: it was renamed or removed, or something else is mounted there. */
export class MovedError extends Error {
  override readonly name = "MovedError";
  /** As of the system call errors: "stale file handle". */
  readonly code = "ESTALE";

  constructor(directory: string) {
    super(`expected ${directory} to stay where it is, got another directory or none at its path`);
  }
}

/**
 * Invariants:
 *
 * 1. A path in the directory is checked directly before it is used: it leads to the directory that is held.
 * 2. It is used through the directory itself where the platform has a path for that, so that a move between the check and the
 *    call does no harm either.
 */
export class PinnedFiles implements Files {
  /** Called whenever bytes are read or written. */
  used: (() => void) | null = null;
  readonly #files: Files;
  readonly #path: string;
  readonly #alias: string;
  readonly #isAtPath: () => boolean;

  /**
   * @param path Where the directory was when it was opened.
   * @param alias A path that leads to the directory itself; `path` where the platform has none.
   * @param isAtPath Whether `path` leads to the directory now.
   */
  constructor(files: Files, path: string, alias: string, isAtPath: () => boolean) {
    this.#files = files;
    this.#path = path;
    this.#alias = alias;
    this.#isAtPath = isAtPath;
  }

  open(path: string, how: "read" | "create" | "write"): number {
    return this.#at(path, (reached) => this.#files.open(reached, how));
  }

  close(file: number): void {
    this.#files.close(file);
  }

  read(file: number, into: Buffer, offset: number, length: number, position: number): number {
    this.used?.();
    return this.#files.read(file, into, offset, length, position);
  }

  write(file: number, buffers: readonly Buffer[], position: number): number {
    this.used?.();
    return this.#files.write(file, buffers, position);
  }

  truncate(file: number, bytes: number): void {
    this.#files.truncate(file, bytes);
  }

  get canSync(): boolean {
    return this.#files.canSync;
  }

  sync(file: number): void {
    this.#files.sync(file);
  }

  syncLater(file: number, done: (error: Error | null) => void): void {
    this.#files.syncLater(file, done);
  }

  bytes(file: number): number {
    return this.#files.bytes(file);
  }

  /** By the path as others have it. */
  lookAt(file: number, path: string): FileView {
    return this.#files.lookAt(file, path);
  }

  isOwn(file: number): boolean {
    return this.#files.isOwn(file);
  }

  touch(path: string, time: number): void {
    this.#at(path, (reached) => this.#files.touch(reached, time));
  }

  modifiedAt(path: string): number | undefined {
    return this.#at(path, (reached) => this.#files.modifiedAt(reached));
  }

  list(directory: string): string[] {
    return this.#at(directory, (reached) => this.#files.list(reached));
  }

  clone(path: string, name: string): boolean {
    return this.#at(path, (reached) => this.#at(name, (reachedName) => this.#files.clone(reached, reachedName)));
  }

  link(path: string, name: string): void {
    this.#at(path, (reached) => this.#at(name, (reachedName) => this.#files.link(reached, reachedName)));
  }

  symlink(target: string, path: string): void {
    this.#at(path, (reached) => this.#files.symlink(target, reached));
  }

  rename(path: string, name: string): void {
    this.#at(path, (reached) => this.#at(name, (reachedName) => this.#files.rename(reached, reachedName)));
  }

  unlink(path: string): boolean {
    return this.#at(path, (reached) => this.#files.unlink(reached));
  }

  makeDirectory(path: string): void {
    this.#files.makeDirectory(path);
  }

  realPath(path: string): string {
    return this.#files.realPath(path);
  }

  isPrivate(path: string): boolean {
    return this.#files.isPrivate(path);
  }

  isRemote(path: string): boolean {
    return this.#files.isRemote(path);
  }

  isWide(path: string): boolean {
    return this.#at(path, (reached) => this.#files.isWide(reached));
  }

  narrow(directory: string, isMeant: (name: string) => boolean): string | null {
    return this.#files.narrow(directory, isMeant);
  }

  room(path: string): number {
    return this.#files.room(path);
  }

  deviceOf(path: string): string {
    return this.#at(path, (reached) => this.#files.deviceOf(reached));
  }

  /** By its path, since a directory has no other name that could be removed; it is removed only when it is empty. */
  removeDirectory(path: string): void {
    this.#at(path, () => this.#files.removeDirectory(path));
  }

  syncDirectory(path: string): void {
    this.#at(path, (reached) => this.#files.syncDirectory(reached));
  }

  syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
    try {
      this.#at(path, (reached) => this.#files.syncDirectoryLater(reached, done));
    } catch (error) {
      done(error as Error);
    }
  }

  pin(directory: string): Pin {
    return this.#files.pin(directory);
  }

  /** Calls with a path that leads into the directory itself. Paths elsewhere stay as they are. */
  #at<T>(path: string, call: (reached: string) => T): T {
    const isInside = path === this.#path || path.startsWith(`${this.#path}/`);
    if (isInside && !this.#isAtPath()) throw new MovedError(this.#path);
    try {
      return call(isInside ? this.#alias + path.slice(this.#path.length) : path);
    } catch (error) {
      throw this.#alias === this.#path ? error : named(error, this.#alias, this.#path);
    }
  }
}

/** An error, its message changed so that it names the file that it is about as people know it. */
export function named<T>(error: T, alias: string, path: string): T {
  if (isError(error) && error.message.includes(alias)) error.message = error.message.replaceAll(alias, path);
  return error;
}
