/** Writes by which processes agree: each is decided at its place in the log, and its caller learns what it came to. */
import { deleteEntry, KEEP, type Path, publishEntry, swapEntry } from "../log/entry.js";
import { MAX_BATCH_BYTES, MESSAGE_LIFE_MS, SPLIT_BATCH_BYTES } from "../log/limits.js";
import { APPLIED } from "../state/executor.js";
import { kindsOf, parsePath, type UserPath } from "../state/path.js";
import type { Table } from "../state/table.js";
import { readFrozen } from "../state/tree.js";
import type { PendingQueue } from "./pending-queue.js";
import type { Tables } from "./tables.js";
import { expectFit, expiryOf, jsonOf } from "./value.js";
import { expectNoPromise, type Writer } from "./writer.js";

/** Most bytes of the text of a swap, which has two values; a frame holds it with what was written before it in the same batch. */
const MAX_SWAP_BYTES = MAX_BATCH_BYTES - 4 * SPLIT_BATCH_BYTES;

/** The parts of a replica that these writes need. */
export interface CoordinationParts {
  readonly writer: Writer;
  readonly pending: PendingQueue;
  readonly tables: Tables;
  readonly maxValueBytes: number;
  /** Whether there is a top-level key, as `parsePath` asks for it. */
  readonly hasKey: (key: string) => boolean;
}

/** What an update asks for besides its function. */
export interface UpdateOptions {
  /** In ms: the new expiry of the value; null or 0: none; undefined: it stays. */
  readonly ttl?: number | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Computes a value from the one that is there; undefined: that one stays. */
export type Updater = (current: unknown) => unknown;

interface Update {
  readonly path: Path;
  readonly kinds: ReturnType<typeof kindsOf>;
  readonly fn: Updater;
  readonly options: UpdateOptions;
  /** Throws when the caller's storage is no longer open. */
  readonly expectOpen: () => void;
}

/** What the function of an update saw. */
interface Seen {
  readonly value: unknown;
  /** Its JSON text; undefined: nothing was there. */
  readonly text: string | undefined;
}

/**
 * Invariant: of the updates of one path, one runs at a time, in the order of their calls.
 *
 * An update compares values, as the compare-and-set of M. Herlihy, "Wait-Free Synchronization" (1991), does with memory: it is repeated
 * until nothing came between. Each time that one of several processes must repeat, another one has succeeded.
 */
export class Coordination {
  readonly #parts: CoordinationParts;
  /** When the last update of a path has ended, by the JSON text of the path. */
  readonly #lastUpdates = new Map<string, Promise<unknown>>();

  constructor(parts: CoordinationParts) {
    this.#parts = parts;
  }

  /**
   * Removes what is at a path. Resolves with the value that it removes at its place in the log; null: nothing was there. Rejects when it
   * cannot be known whether this call got the value.
   */
  take(path: UserPath): Promise<unknown> {
    const { writer, hasKey } = this.#parts;
    return writer.promise(
      deleteEntry(parsePath(path, hasKey)),
      (op) => (op.status === APPLIED ? op.taken : null),
      true,
    );
  }

  /**
   * Stores what `fn` makes of the value at a path, unless another write came between: then `fn` is called again, with the new value.
   * Resolves with the value that is there then. Throws at once what is wrong with the call; what `fn` throws rejects.
   * @param expectOpen Called before each try.
   */
  update(path: UserPath, fn: Updater, options: UpdateOptions, expectOpen: () => void): Promise<unknown> {
    const { writer, hasKey } = this.#parts;
    if (writer.isInBatch)
      throw new TypeError(
        "expected update outside of batch(fn), since its function may be called again, got one in it",
      );
    const keys = parsePath(path, hasKey);
    expiryOf(options.ttl, () => 0);
    const update: Update = { path: keys, kinds: kindsOf(path, keys), fn, options, expectOpen };
    return orAborted(this.#inTurn(update), options.signal);
  }

  /** Tells all members something. Resolves when it has its place in the log. Throws at once what `set` throws. */
  publish(channel: string, data: unknown): Promise<void> {
    const { writer, tables, maxValueBytes, hasKey } = this.#parts;
    const [key] = parsePath([channel], hasKey) as [string];
    const json = jsonOf(data, 1, maxValueBytes);
    return writer.promise(publishEntry(key, json, tables.now + MESSAGE_LIFE_MS), () => {});
  }

  #inTurn(update: Update): Promise<unknown> {
    const key = JSON.stringify(update.path);
    const before = this.#lastUpdates.get(key);
    const result = before === undefined ? this.#run(update) : before.then(() => this.#run(update));
    const end = (): void => {
      if (this.#lastUpdates.get(key) === ended) this.#lastUpdates.delete(key);
    };
    const ended: Promise<void> = result.then(end, end);
    this.#lastUpdates.set(key, ended);
    return result;
  }

  async #run(update: Update): Promise<unknown> {
    for (;;) {
      update.options.signal?.throwIfAborted();
      update.expectOpen();
      const seen = this.#seen(this.#shown, update.path);
      const made = call(update.fn, seen);
      if ("value" in made && made.value !== undefined) {
        const json = jsonOf(made.value, update.path.length, this.#parts.maxValueBytes);
        if (await this.#swap(update, seen, json)) return readFrozen(json);
      } else if (await this.#isConfirmed(update.path, seen)) {
        if ("error" in made) throw made.error;
        return seen.value;
      }
    }
  }

  /** Resolves with whether what was seen was still there at the place of the swap in the log. */
  #swap({ path, kinds, options }: Update, seen: Seen, json: string): Promise<boolean> {
    const { writer, tables } = this.#parts;
    const text = seen.text === undefined ? `{"to":${json}}` : `{"from":${seen.text},"to":${json}}`;
    expectFit("a value and the one that it replaces", text, MAX_SWAP_BYTES);
    const expiresAt = options.ttl === undefined ? KEEP : expiryOf(options.ttl, () => tables.now);
    return writer.promise(swapEntry(path, text, expiresAt, kinds), (op) => op.status === APPLIED);
  }

  /**
   * Whether what was seen is, or was, at its path in the log. When own writes are pending that made it, some of them may come to something
   * else at their places, and then a function that wrote nothing has decided by what never was.
   */
  async #isConfirmed(path: Path, seen: Seen): Promise<boolean> {
    const { writer, pending, tables } = this.#parts;
    const key = path[0] as string;
    if (pending.keys?.has(key) === false) return true;
    await writer.flush();
    const table = tables.shown;
    return pending.onConfirmed(table, key, () => this.#seen(table, path)).text === seen.text;
  }

  /** What the user sees. */
  get #shown(): Table {
    const { pending, tables } = this.#parts;
    if (pending.isLifted) pending.perform(tables.shown);
    return tables.shown;
  }

  #seen(table: Table, path: Path): Seen {
    const { now } = this.#parts.tables;
    // A path that leads to the length of an array, or into a text, can be read, but nothing is there that a write could replace.
    const isThere = table.present(path, now) !== undefined;
    const value = (isThere ? table.get(path, now) : null) ?? null;
    return { value, text: isThere ? JSON.stringify(value) : undefined };
  }
}

/** What the function of an update makes of a value: another one, or an error. */
function call(fn: Updater, seen: Seen): { readonly value: unknown } | { readonly error: unknown } {
  try {
    const value = fn(seen.value);
    expectNoPromise(value);
    return { value };
  } catch (error) {
    return { error };
  }
}

/** Settles as a promise does, or rejects when a signal is aborted before that. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const settle = (): void => signal.removeEventListener("abort", abort);
    promise.then(resolve, reject).finally(settle);
  });
}
