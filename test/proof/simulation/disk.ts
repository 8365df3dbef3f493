/**
 * The file system of a simulated machine, shared by its processes: names, files, and what a loss of power takes.
 *
 * Invariant: `#names` is what processes see; `#durable` is what is on the disk, as far as directories were synced. A name
 * that differs between the two is, after a loss of power, the one or the other, each on its own.
 */

import { dirname } from "node:path";
import { HEADER_BYTES, seqOf } from "../../../dist/core/log/frame.js";
import type { Dice } from "./dice.js";
import { Inode, type Remains } from "./inode.js";

const SEGMENT_PATH = /\/log\.\d+\.\d+$/;
/** Where a storage ended that was removed: its last snapshot, outside of its directory. */
const END_PATH = /\/tombstone\.[0-9a-f]+\.\d+$/;
const SNAPSHOT_PATH = /\/snapshot\.(\d+)$/;

export const failure = (code: string, call: string, path = ""): Error =>
  Object.assign(new Error(`${code}: ${call} '${path}'`), { code });

/** What a checker wants to know of files. */
export interface DiskEvents {
  /** Bytes were added to the beginning of a segment. */
  segmentBegins(path: string, inode: Inode): void;
  snapshotPublished(seq: number): void;
}

type Names = Map<string, Inode>;

const HELD_PATH = /^\/held\/(\d+)/;

/** A path that leads to the directory with that number, wherever it is. */
export const heldPath = (id: number): string => `/held/${id}`;

export class Disk {
  readonly #events: DiskEvents;
  readonly #names = new Map<string, Names>();
  readonly #durable = new Map<string, Names>();
  /** Directories whose own name is on the disk. */
  readonly #durableDirectories = new Set<string>(["/"]);
  /** The number of each directory: a directory that is made again is another one. */
  readonly #ids = new Map<string, number>();
  #lastId = 0;
  /** Every segment that there ever was, by its path; the newest of a path. */
  segments = new Map<string, Inode>();
  /** Directories whose last sync failed. */
  readonly unsynced = new Set<string>();
  /** Files were damaged from outside. */
  isHurt = false;
  /** Bytes that it takes before it is full. */
  room = Number.POSITIVE_INFINITY;

  constructor(events: DiskEvents) {
    this.#events = events;
    this.#names.set("/", new Map());
    this.#durable.set("/", new Map());
  }

  /** Distinguishes a directory from all others; undefined when there is none. */
  idOf(directory: string): number | undefined {
    return this.#ids.get(this.reached(directory));
  }

  find(given: string): Inode | undefined {
    const path = this.reached(given);
    return this.#names.get(dirname(path))?.get(path);
  }

  list(given: string): string[] {
    const directory = this.reached(given);
    const names = this.#names.get(directory);
    return names === undefined ? [] : [...names.keys()].map((path) => path.slice(directory.length + 1));
  }

  get directories(): string[] {
    return [...this.#names.keys()];
  }

  create(given: string): Inode {
    const path = this.reached(given);
    const names = this.#in(path, "open");
    if (names.has(path)) throw failure("EEXIST", "open", path);
    const inode = new Inode();
    names.set(path, inode);
    if (SEGMENT_PATH.test(path)) this.segments.set(path, inode);
    return inode;
  }

  write(path: string, inode: Inode, bytes: Buffer, position: number): void {
    inode.write(bytes, position);
    if (this.segments.get(path) === inode) this.#events.segmentBegins(path, inode);
    else if (END_PATH.test(path) && inode.bytes >= HEADER_BYTES)
      this.#events.snapshotPublished(seqOf(inode.content, 0));
  }

  link(given: string, givenName: string): void {
    const [path, name] = [this.reached(given), this.reached(givenName)];
    const inode = this.find(path);
    if (inode === undefined) throw failure("ENOENT", "link", path);
    const names = this.#in(name, "link");
    if (names.has(name)) throw failure("EEXIST", "link", name);
    names.set(name, inode);
    inode.links++;
    const seq = SNAPSHOT_PATH.exec(name)?.[1];
    if (seq !== undefined) this.#events.snapshotPublished(Number(seq));
  }

  /** Something else changes a file; null: removes it. What the checker reads of a segment stays as it was written. */
  hurt(path: string, content: Buffer | null): void {
    const before = this.find(path);
    if (before === undefined) throw failure("ENOENT", "hurt", path);
    this.isHurt = true;
    this.unlink(path);
    if (content === null) return;
    const inode = new Inode();
    inode.write(content, 0);
    inode.sync();
    this.#in(path, "hurt").set(path, inode);
  }

  rename(given: string, givenName: string): void {
    const [path, name] = [this.reached(given), this.reached(givenName)];
    const inode = this.find(path);
    if (inode === undefined) throw failure("ENOENT", "rename", path);
    const replaced = this.find(name);
    if (replaced === inode) return;
    if (replaced) replaced.links--;
    this.#in(name, "rename").set(name, inode);
    this.#in(path, "rename").delete(path);
  }

  unlink(given: string): boolean {
    const path = this.reached(given);
    const inode = this.find(path);
    if (inode === undefined) return false;
    inode.links--;
    this.#in(path, "unlink").delete(path);
    return true;
  }

  makeDirectory(path: string): void {
    if (this.#names.has(path)) return;
    this.makeDirectory(dirname(path));
    this.#names.set(path, new Map());
    this.#durable.set(path, new Map());
    this.#ids.set(path, ++this.#lastId);
  }

  removeDirectory(given: string): void {
    const path = this.reached(given);
    const names = this.#names.get(path);
    if (names === undefined) throw failure("ENOENT", "rmdir", path);
    if (names.size > 0) throw failure("ENOTEMPTY", "rmdir", path);
    this.#names.delete(path);
    this.#ids.delete(path);
  }

  syncDirectory(given: string): void {
    const path = this.reached(given);
    const names = this.#names.get(path);
    if (names === undefined) throw failure("ENOENT", "open", path);
    this.#durable.set(path, new Map(names));
    this.unsynced.delete(path);
    for (const directory of this.#names.keys()) {
      if (dirname(directory) === path) this.#durableDirectories.add(directory);
    }
    for (const directory of this.#durableDirectories) {
      if (dirname(directory) !== path || this.#names.has(directory)) continue;
      this.#durableDirectories.delete(directory);
      this.#durable.delete(directory);
    }
  }

  /** The machine loses its power. */
  cut(dice: Dice, remainsOf: () => Remains): void {
    const inodes = new Set<Inode>(this.segments.values());
    for (const path of new Set([...this.#names.keys(), ...this.#durable.keys()])) {
      const isCertain = this.#names.has(path) && this.#durableDirectories.has(path);
      if (isCertain || dice.chance(0.5)) this.#names.set(path, this.#cutNames(path, dice));
      else this.#names.delete(path);
    }
    for (const path of [...this.#names.keys()]) if (!this.#isReachable(path)) this.#names.delete(path);
    for (const names of this.#names.values()) for (const inode of names.values()) inodes.add(inode);
    for (const inode of inodes) {
      inode.cut(dice, remainsOf());
      inode.links = 0;
    }
    this.#ids.clear();
    for (const path of this.#names.keys()) this.#ids.set(path, ++this.#lastId);
    this.#durable.clear();
    this.#durableDirectories.clear();
    for (const [path, names] of this.#names) {
      this.#durable.set(path, new Map(names));
      this.#durableDirectories.add(path);
      for (const inode of names.values()) inode.links++;
    }
    for (const [path, inode] of this.segments) if (inode.links === 0) this.segments.delete(path);
  }

  /** What a loss of power leaves of the names in a directory. */
  #cutNames(path: string, dice: Dice): Names {
    const now: Names = this.#names.get(path) ?? new Map();
    const durable: Names = this.#durable.get(path) ?? new Map();
    const left: Names = new Map();
    for (const name of new Set([...now.keys(), ...durable.keys()])) {
      const inode = now.get(name) === durable.get(name) || dice.chance(0.5) ? durable.get(name) : now.get(name);
      if (inode !== undefined) left.set(name, inode);
    }
    return left;
  }

  /** Where a path leads that goes by a directory that is held. */
  reached(path: string): string {
    const [held, id] = HELD_PATH.exec(path) ?? [];
    if (held === undefined) return path;
    for (const [directory, number] of this.#ids) if (number === Number(id)) return directory + path.slice(held.length);
    return `/gone${path.slice(held.length)}`;
  }

  #isReachable(path: string): boolean {
    return path === "/" || (this.#names.has(dirname(path)) && this.#isReachable(dirname(path)));
  }

  #in(path: string, call: string): Names {
    const names = this.#names.get(dirname(path));
    if (names === undefined) throw failure("ENOENT", call, path);
    return names;
  }
}
