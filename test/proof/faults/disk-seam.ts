/**
 * The files of a simulated machine with one chosen fault: every call of every thread is counted, and the n-th fails, once or
 * with all that follow it until the disk is healed.
 */
import type { Files, FileView, Pin } from "../../../dist/core/local/machine/machine.js";
import { PinnedFiles } from "../../../dist/core/local/machine/pinned-files.js";
import { failure } from "../simulation/disk.js";
import type { FilesOf } from "../simulation/files-of.js";
import type { Thread } from "../simulation/scheduler.js";
import type { World } from "../simulation/world.js";

/** A method of `Files`; opening to create is another thing than opening what exists. */
export type Call = keyof Files | "create";

const NAMES: readonly Call[] = ["create", "clone", "link", "rename", "makeDirectory"];

/**
 * What a disk answers, and to which calls; EIO comes from everywhere. `short`: it takes half of a write. `full`: it takes half
 * of a write, and nothing of the next one.
 */
const ANSWERS: Readonly<Record<string, readonly Call[] | null>> = {
  EIO: null,
  ENOSPC: [...NAMES, "write", "sync", "syncLater"],
  EPERM: [...NAMES, "open", "unlink", "removeDirectory", "list", "touch", "truncate"],
  EMFILE: ["open", "create", "list", "syncDirectory", "syncDirectoryLater"],
  short: ["write"],
  full: ["write"],
};

export type Answer = keyof typeof ANSWERS;

/** What can go wrong with a call. */
export function answersTo(call: Call): Answer[] {
  return Object.keys(ANSWERS).filter((answer) => ANSWERS[answer]?.includes(call) ?? true);
}

export interface Fault {
  readonly answer: Answer;
  /** The number of the first call that fails, from 1 on. */
  readonly at: number;
  /** Whether all that follow fail too, as far as they can with this answer. */
  readonly isLasting: boolean;
}

/** ms until a later sync has failed. */
const SYNC_MS = 5;

/** All calls of one machine. */
export class Seam {
  /** The fault; null: none. */
  fault: Fault | null = null;
  /** Whether a write was cut short by a disk that is full now. */
  #isFull = false;
  /** How many calls there were. */
  callCount = 0;
  /** Each call, the place in the source that made it, and that with its caller; filled only while there is no fault. */
  readonly calls: { readonly call: Call; readonly site: string; readonly way: string }[] = [];
  /** The places in the source whose calls have failed. */
  readonly failedSites = new Set<string>();

  /** Whether calls fail from now on until the disk is healed. */
  get isBroken(): boolean {
    return this.fault?.isLasting === true && this.callCount >= this.fault.at;
  }

  /** Counts a call; returns what it answers when it fails. */
  count(call: Call): Answer | null {
    const number = ++this.callCount;
    if (this.fault === null) {
      const [site = "", above] = callersOf();
      this.calls.push({ call, site, way: `${site} ${above}` });
      return null;
    }
    const answer = this.#answerTo(call, number, this.fault);
    if (answer === null) return null;
    const [site = ""] = callersOf();
    this.failedSites.add(site);
    return answer;
  }

  #answerTo(call: Call, number: number, { answer, at, isLasting }: Fault): Answer | null {
    if (this.#isFull && answersTo(call).includes(isLasting ? "ENOSPC" : "full")) {
      this.#isFull = isLasting;
      return "ENOSPC";
    }
    const isDue = number === at || (isLasting && number > at && answer !== "full");
    if (!isDue || !answersTo(call).includes(answer)) return null;
    this.#isFull = answer === "full";
    return this.#isFull ? "short" : answer;
  }

  heal(): void {
    this.#isFull = false;
    this.fault = { answer: "EIO", isLasting: false, ...this.fault, at: Number.POSITIVE_INFINITY };
  }
}

const SITE = /core\/local\/(?:[\w-]+\/)?([\w-]+\.js):(\d+):/;

/** Files that pass calls on: what counts is where those come from. */
const PASSES_ON = "pinned-files.js";

/** Frames of a stack that are looked at: a call that is passed on has a dozen more than Node.js notes of itself. */
const STACK_FRAMES = 30;

/** File and line of the engine's calls that are on the stack, innermost first. */
function callersOf(): string[] {
  Error.stackTraceLimit = STACK_FRAMES;
  const lines = (new Error().stack ?? "").split("\n");
  return lines.flatMap((line) => {
    const [, file, number] = SITE.exec(line) ?? [];
    return file === undefined || file === PASSES_ON ? [] : [`${file}:${number}`];
  });
}

/** The files as one thread sees them. */
export class FaultyFiles implements Files {
  readonly #files: FilesOf;
  readonly #seam: Seam;
  readonly #world: World;
  readonly #thread: Thread;

  constructor(files: FilesOf, seam: Seam, world: World, thread: Thread) {
    this.#files = files;
    this.#seam = seam;
    this.#world = world;
    this.#thread = thread;
  }

  /** Paths of the files that are open and that no sync under way will close. */
  get openPaths(): string[] {
    return this.#files.leakedPaths;
  }

  open(path: string, how: "read" | "create" | "write"): number {
    return this.#call(how === "create" ? "create" : "open", () => this.#files.open(path, how));
  }

  close(file: number): void {
    this.#files.close(file);
  }

  read(file: number, into: Buffer, offset: number, length: number, position: number): number {
    return this.#call("read", () => this.#files.read(file, into, offset, length, position));
  }

  write(file: number, buffers: readonly Buffer[], position: number): number {
    const answer = this.#count("write");
    if (answer !== null && answer !== "short") throw failure(answer, "write");
    const bytes = Buffer.concat(buffers);
    const taken = answer === "short" && bytes.length > 1 ? bytes.subarray(0, bytes.length >> 1) : bytes;
    return this.#files.write(file, [taken], position);
  }

  truncate(file: number, bytes: number): void {
    this.#call("truncate", () => this.#files.truncate(file, bytes));
  }

  sync(file: number): void {
    this.#sync(this.#count("sync"), () => this.#files.sync(file));
  }

  readonly canSync = true;

  syncLater(file: number, done: (error: Error | null) => void): void {
    const answer = this.#count("syncLater");
    if (answer === null) {
      this.#files.syncLater(file, done);
      return;
    }
    this.#later(answer, () => this.#files.sync(file), done);
  }

  bytes(file: number): number {
    return this.#call("bytes", () => this.#files.bytes(file));
  }

  lookAt(file: number, path: string): FileView {
    return this.#call("lookAt", () => this.#files.lookAt(file, path));
  }

  readonly isOwn = (): boolean => this.#call("isOwn", () => this.#files.isOwn());

  touch(path: string, time: number): void {
    this.#call("touch", () => this.#files.touch(path, time));
  }

  modifiedAt(path: string): number | undefined {
    return this.#call("modifiedAt", () => this.#files.modifiedAt(path));
  }

  list(directory: string): string[] {
    return this.#call("list", () => this.#files.list(directory));
  }

  clone(path: string, name: string): boolean {
    return this.#call("clone", () => this.#files.clone(path, name));
  }

  link(path: string, name: string): void {
    this.#call("link", () => this.#files.link(path, name));
  }

  symlink(target: string, path: string): void {
    this.#call("symlink", () => this.#files.symlink(target, path));
  }

  rename(path: string, name: string): void {
    this.#call("rename", () => this.#files.rename(path, name));
  }

  unlink(path: string): boolean {
    return this.#call("unlink", () => this.#files.unlink(path));
  }

  makeDirectory(path: string): void {
    this.#call("makeDirectory", () => this.#files.makeDirectory(path));
  }

  realPath(path: string): string {
    return this.#call("realPath", () => this.#files.realPath(path));
  }

  readonly isPrivate = (): boolean => this.#call("isPrivate", () => this.#files.isPrivate());

  readonly isWide = (): boolean => this.#call("isWide", () => this.#files.isWide());
  readonly narrow = (): string | null => this.#files.narrow();
  readonly room = (): number => this.#files.room();

  readonly isRemote = (): boolean => this.#call("isRemote", () => this.#files.isRemote());

  removeDirectory(path: string): void {
    this.#call("removeDirectory", () => this.#files.removeDirectory(path));
  }

  syncDirectory(path: string): void {
    const answer = this.#count("syncDirectory");
    this.#sync(answer, () => this.#files.syncDirectory(path));
  }

  readonly deviceOf = (): string => this.#call("deviceOf", () => this.#files.deviceOf());

  /** What goes by the directory that is held fails as what goes by a path does. */
  pin(directory: string): Pin {
    return this.#call("pin", () => {
      const pin = this.#files.pin(directory);
      const isAtPath = () => String(this.#world.disk.idOf(directory)) === pin.id;
      return { ...pin, files: new PinnedFiles(this, directory, pin.directory, isAtPath) };
    });
  }

  syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
    const answer = this.#count("syncDirectoryLater");
    this.#later(answer, () => this.#files.syncDirectory(path), done);
  }

  #later(answer: Answer | null, run: () => void, done: (error: Error | null) => void): void {
    this.#thread.in(SYNC_MS, () => {
      let failed: Error | null = null;
      try {
        this.#sync(answer, run);
      } catch (error) {
        failed = error as Error;
      }
      done(failed);
    });
  }

  #call<T>(call: Call, run: () => T): T {
    const answer = this.#count(call);
    if (answer !== null) throw failure(answer, call);
    return run();
  }

  /** A sync that fails gives up the pages that it should have written. */
  #sync(answer: Answer | null, run: () => void): void {
    if (answer === null) {
      run();
      return;
    }
    const { weather } = this.#world;
    this.#world.weather = { ...weather, calls: { ...weather.calls, sync: 1 } };
    try {
      run();
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === "EIO" ? failure(answer, "fsync") : error;
    } finally {
      this.#world.weather = weather;
    }
  }

  /** What a thread that is gone still calls does not count. */
  #count(call: Call): Answer | null {
    return this.#thread.isAlive ? this.#seam.count(call) : null;
  }
}
