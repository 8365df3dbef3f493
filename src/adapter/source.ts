/** What the adapters have in common: the storage that they were given or have opened, and the wait until it has joined. */
import { inspect } from "node:util";
import { expectKnown, factsOf, Storage, StorageError, type StorageOptions } from "../core/index.js";
import { deadline } from "../core/runtime.js";

/** Where an adapter gets its storage: one that is open already, or the name and options to open one. */
export type StorageSource = GivenStorage | StorageToOpen;

/** A storage that the application has opened and will close. */
export type GivenStorage = { /** An open storage. */ storage: Storage } & {
  [Option in "name" | Exclude<keyof StorageOptions, "timeout">]?: never;
};

/** A storage that the adapter opens and closes. Storages of one name and path share their data. */
export interface StorageToOpen extends Omit<StorageOptions, "timeout"> {
  /** The name of the storage. Default: `"app"`. */
  name?: string;
  /** Not together with these options: give either `storage` or these. */
  storage?: never;
}

/** The storage of an adapter. */
export interface Source {
  /** The storage. It is open, but may not have joined yet. */
  readonly storage: Storage;
  /** Whether the adapter has opened it, and so must close it. */
  readonly isOwn: boolean;
}

/** The name of a storage that is opened without one: all adapters of an application that give no name share it. */
const DEFAULT_NAME = "app";
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The options that open a storage; a record, so that the compiler reports one that is missing. */
const OPENING: Readonly<Record<"name" | keyof StorageOptions, true>> = {
  name: true,
  path: true,
  gcInterval: true,
  fsync: true,
  candidate: true,
  persist: true,
  recover: true,
  maxValueBytes: true,
  maxPendingBytes: true,
  maxMemberBacklogBytes: true,
  stallTimeout: true,
  maxLevel: true,
  timeout: true,
};

/**
 * Returns the given storage or opens one.
 * @param options A {@link StorageSource} and the adapter's own options.
 * @param adapterOptionNames The names of the adapter's own options.
 * @throws TypeError when `options` is not an object or is a storage itself, when `storage` is not a storage, or when it is given
 *   together with an unknown option or one to open a storage; and as the constructor of a storage.
 * @throws StorageError `ERR_STORAGE_CLOSED` when the given storage is closed; and as the constructor of a storage.
 */
export function sourceFrom(options: unknown = {}, adapterOptionNames: readonly string[] = []): Source {
  expectOptions(options);
  const isOpening = ([key]: [string, unknown]): boolean => key !== "storage" && !adapterOptionNames.includes(key);
  const toOpen = Object.fromEntries(Object.entries(options).filter(isOpening));
  const isOwn = !Object.hasOwn(options, "storage");
  if (isOwn) expectKnown(toOpen, [...new Set(["storage", ...Object.keys(OPENING), ...adapterOptionNames])]);
  const storage = isOwn ? open(toOpen) : given((options as { storage: unknown }).storage, toOpen, adapterOptionNames);
  Readiness.of(storage);
  return { storage, isOwn };
}

/**
 * Checks that an adapter was given options, before it reads any of them.
 * @throws TypeError when it was not; a storage by itself is a likely mistake, and has properties that look like options.
 */
export function expectOptions(options: unknown): asserts options is object {
  if (isStorage(options)) throw new TypeError("expected options such as { storage }, got a Storage; write { storage }");
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`expected options, got ${show(options)}`);
  }
}

function open({ name = DEFAULT_NAME, ...options }: { name?: unknown }): Storage {
  return new Storage(name as string, options);
}

function given(storage: unknown, toOpen: object, adapterOptionNames: readonly string[]): Storage {
  if (storage === undefined || storage === null)
    throw new TypeError(`expected storage to be an open Storage, got ${storage}; leave it out to open one by its name`);
  const [extra] = Object.entries(toOpen).find(([, value]) => value !== undefined) ?? [];
  if (extra !== undefined && !Object.hasOwn(OPENING, extra))
    expectKnown({ [extra]: true }, ["storage", ...adapterOptionNames]);
  if (extra !== undefined) {
    throw new TypeError(`expected either a storage or options to open one, got storage and ${extra}`);
  }
  if (!isStorage(storage)) throw new TypeError(`expected storage to be an open Storage, got ${show(storage)}`);
  if (storage.closed) throw closedError(storage);
  return storage;
}

/** Not `instanceof`: the application may have loaded the class from another copy of this package. */
function isStorage(value: unknown): value is Storage {
  return factsOf(value) !== undefined;
}

/**
 * Resolves once the storage has joined for the first time: at once when it has, even if it has lost its manager since.
 * @param timeoutMs The longest wait.
 * @throws StorageError the failure of the storage, or `ERR_STORAGE_NOT_READY`, whose `cause` is what went wrong meanwhile.
 */
export async function whenReady(storage: Storage, timeoutMs: number): Promise<void> {
  await Readiness.of(storage).wait(timeoutMs);
}

/** Returns what reads and writes of a storage throw because it has failed or was closed; null when they work. */
export function failureOf(storage: Storage): Error | null {
  return storage.status === "closed" ? closedError(storage) : (factsOf(storage)?.failure ?? null);
}

/**
 * Checks an option in ms and returns it, or the fallback when it is undefined.
 * @param least The lowest allowed value.
 * @param most The highest allowed value; by default the longest time that a timer can wait.
 * @throws TypeError when the value is not a number, RangeError when it is not a whole number in the range.
 */
export function checkMs(name: string, value: unknown, fallback: number, least = 1, most = MAX_TIMER_MS): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw new TypeError(`expected ${name} to be a number of ms, got ${show(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`expected ${name} to be a whole number of ms from ${least} to ${most}, got ${value}`);
}

/**
 * The waits for one storage to join for the first time. One pair of listeners serves all waits, and a wait that has ended
 * leaves nothing behind. A `sync()` for each wait would stay pending, and keep the process alive, until there is a manager.
 */
class Readiness {
  static readonly #all = new WeakMap<Storage, Readiness>();

  readonly #storage: Storage;
  readonly #waiting = new Set<(failure: Error | null) => void>();
  #isReady: boolean;
  /** The last error that the storage has reported. */
  #trouble: Error | undefined;

  private constructor(storage: Storage) {
    this.#storage = storage;
    this.#isReady = storage.status === "open" || storage.status === "disconnected";
    if (this.#isReady) return;
    const onError = (error: Error): void => {
      this.#trouble = error;
      const failure = failureOf(storage);
      if (failure !== null) this.#end(failure);
    };
    storage.on("error", onError);
    storage.once("ready", () => {
      storage.off("error", onError);
      this.#isReady = true;
      this.#end(null);
    });
  }

  static of(storage: Storage): Readiness {
    const known = Readiness.#all.get(storage);
    if (known !== undefined) return known;
    const readiness = new Readiness(storage);
    Readiness.#all.set(storage, readiness);
    return readiness;
  }

  wait(timeoutMs: number): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    const failure = failureOf(this.#storage);
    if (failure !== null) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      const end = (failure: Error | null): void => {
        this.#waiting.delete(end);
        timer.cancel();
        if (failure === null) resolve();
        else reject(failure);
      };
      // The timer keeps the process alive: without it, a process with nothing else to do would end and report nothing.
      const timer = deadline(timeoutMs, () => end(failureOf(this.#storage) ?? this.#notReady(timeoutMs)));
      this.#waiting.add(end);
    });
  }

  #end(failure: Error | null): void {
    for (const end of this.#waiting) end(failure);
  }

  #notReady(timeoutMs: number): StorageError {
    const reason = this.#trouble
      ? `: ${this.#trouble.message}`
      : " (does a process that may be the manager have it open?)";
    return new StorageError(
      "ERR_STORAGE_NOT_READY",
      `expected the storage ${this.#storage.name} to join within ${timeoutMs} ms, got no manager${reason}`,
      this.#trouble && { cause: this.#trouble },
    );
  }
}

function closedError({ name }: Storage): StorageError {
  return new StorageError(
    "ERR_STORAGE_CLOSED",
    `expected an open storage, got ${name}, which is closed; close it last, after the server`,
  );
}

function show(value: unknown): string {
  return inspect(value, { depth: 0 });
}
