/** What the adapters have in common: the storage that they were given or open, and the wait until it has joined. */
import { inspect } from "node:util";
import { Storage, StorageError, type StorageOptions } from "../core/index.js";

/** Where an adapter's storage comes from: one that is open already, or the name and options to open one. */
export type StorageSource = GivenStorage | StorageToOpen;

/** A storage that the application has opened, and will close. */
export type GivenStorage = { /** An open storage. */ storage: Storage } & {
  [Option in "name" | keyof StorageOptions]?: never;
};

/** A storage that the adapter opens, and closes. Those of one name and path share their data. */
export interface StorageToOpen extends StorageOptions {
  /** The name of the storage. Default: `"app"`. */
  name?: string;
  /** Only instead of the other options. */
  storage?: never;
}

/** An adapter's storage, and who closes it. */
export interface Source {
  /** The storage; open, but perhaps not joined yet. */
  readonly storage: Storage;
  /** Whether it was opened here, so that it is closed here. */
  readonly isOwn: boolean;
}

/** The name of a storage that is opened without one: all adapters of an application without options share it. */
const DEFAULT_NAME = "app";
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Takes the given storage or opens one.
 * @param options A {@link StorageSource} and the adapter's own options.
 * @param adapterOptionNames Which of the options are the adapter's own.
 * @throws TypeError when they are no options, `storage` is none, or it comes along with options to open one.
 * @throws StorageError `ERR_STORAGE_CLOSED` when the given storage is closed; and as the constructor of a storage.
 */
export function sourceFrom(options: unknown = {}, adapterOptionNames: readonly string[] = []): Source {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`expected options, got ${show(options)}`);
  }
  const isOpening = ([key]: [string, unknown]): boolean => key !== "storage" && !adapterOptionNames.includes(key);
  const toOpen = Object.fromEntries(Object.entries(options).filter(isOpening));
  const isOwn = !Object.hasOwn(options, "storage");
  const storage = isOwn ? open(toOpen) : given((options as { storage: unknown }).storage, toOpen);
  Joining.of(storage);
  return { storage, isOwn };
}

function open({ name = DEFAULT_NAME, ...options }: { name?: unknown }): Storage {
  return new Storage(name as string, options);
}

function given(storage: unknown, toOpen: object): Storage {
  const extra = Object.entries(toOpen).find(([, value]) => value !== undefined);
  if (extra) throw new TypeError(`expected either a storage or options to open one, got storage and ${extra[0]}`);
  if (!isStorage(storage)) throw new TypeError(`expected storage to be an open Storage, got ${show(storage)}`);
  if (!storage.closed) return storage;
  throw new StorageError("ERR_STORAGE_CLOSED", `expected an open storage, got ${storage.name}, which is closed`);
}

/** Told by what it can do: the application may have loaded the class from another copy of this package. */
function isStorage(value: unknown): value is Storage {
  const methods = ["get", "set", "sync", "close", "on", "once", "off"] as const;
  const candidate = value as Partial<Storage> | null | undefined;
  return typeof candidate?.closed === "boolean" && methods.every((method) => typeof candidate[method] === "function");
}

/**
 * Resolves once the storage has everything for the first time; at once when that is long ago, also while it has no manager.
 * @param timeoutMs The longest wait.
 * @throws StorageError the failure of the storage, or `ERR_STORAGE_NOT_READY`, with what went wrong meanwhile as `cause`.
 */
export async function joined(storage: Storage, timeoutMs: number): Promise<void> {
  await Joining.of(storage).wait(timeoutMs);
}

/**
 * Checks an option in ms.
 * @param least The least that it may be.
 * @param most The most that it may be; what a timer can wait, when nothing else is said.
 * @throws TypeError when it is no number, RangeError when it is out of its range.
 */
export function checkMs(name: string, value: unknown, fallback: number, least = 1, most = MAX_TIMER_MS): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw new TypeError(`expected ${name} to be a number of ms, got ${show(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`expected ${name} to be a whole number of ms from ${least} to ${most}, got ${value}`);
}

/**
 * Those who wait for a storage to join. One pair of listeners serves all of them, and a wait that has ended leaves nothing
 * behind; a `sync()` for each would stay pending, and hold the process, for as long as there is no manager.
 */
class Joining {
  static readonly #all = new WeakMap<Storage, Joining>();

  readonly #storage: Storage;
  readonly #waiting = new Set<(failure: Error | null) => void>();
  #hasJoined: boolean;
  #trouble: Error | undefined;

  private constructor(storage: Storage) {
    this.#storage = storage;
    this.#hasJoined = storage.connected || storage.managerPid > 0;
    if (this.#hasJoined) return;
    const onError = (error: Error): void => {
      this.#trouble = error;
      const failure = failureOf(storage);
      if (failure !== null) this.#end(failure);
    };
    storage.on("error", onError);
    storage.once("ready", () => {
      storage.off("error", onError);
      this.#hasJoined = true;
      this.#end(null);
    });
  }

  static of(storage: Storage): Joining {
    const known = Joining.#all.get(storage);
    if (known !== undefined) return known;
    const joining = new Joining(storage);
    Joining.#all.set(storage, joining);
    return joining;
  }

  wait(timeoutMs: number): Promise<void> {
    if (this.#hasJoined) return Promise.resolve();
    const failure = failureOf(this.#storage);
    if (failure !== null) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      const end = (failure: Error | null): void => {
        this.#waiting.delete(end);
        clearTimeout(timer);
        if (failure === null) resolve();
        else reject(failure);
      };
      // Not unref'ed: somebody waits, and a process with nothing else to do would end without a word.
      const timer = setTimeout(() => end(failureOf(this.#storage) ?? this.#notReady(timeoutMs)), timeoutMs);
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

/** Why nothing can be read any more, or null: a storage that has failed or was closed throws whatever is asked of it. */
function failureOf(storage: Storage): Error | null {
  try {
    storage.has("any");
    return null;
  } catch (error) {
    return error as Error;
  }
}

function show(value: unknown): string {
  return inspect(value, { depth: 0 });
}
