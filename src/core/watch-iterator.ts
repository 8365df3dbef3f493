/** A watch as an `AsyncIterator`: what comes while nobody reads waits in a buffer. */
import type { StorageWatchEvent } from "./api.js";
import { StorageError } from "./errors.js";
import type { Version, Watcher } from "./replica/watches.js";

interface Waiting {
  resolve(result: IteratorResult<StorageWatchEvent, undefined>): void;
  reject(error: unknown): void;
}

/**
 * Invariant: either nothing is in the buffer, or nobody waits. Once `#end` is set nothing more comes in; what is in the buffer is still
 * read, and then the error of the end, once.
 */
export class WatchIterator implements AsyncIterableIterator<StorageWatchEvent>, Watcher {
  readonly #maxBuffered: number;
  /** Called once, when nothing more is to come. */
  readonly #onEnd: () => void;
  #buffer: { readonly event: StorageWatchEvent; readonly isCounted: boolean }[] = [];
  /** How many of the buffer were read: it is cut off now and then. */
  #readCount = 0;
  #countedCount = 0;
  #waiting: Waiting[] = [];
  #end: { error: unknown; isError: boolean } | null = null;

  constructor(maxBuffered: number, onEnd: () => void) {
    this.#maxBuffered = maxBuffered;
    this.#onEnd = onEnd;
  }

  /** What was there at the beginning, or is found after a reload, is as much as the data, and may wait besides the changes. */
  changed(event: Version, isInitial: boolean): void {
    if (this.#end !== null) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ value: event, done: false });
      return;
    }
    const isCounted = !isInitial && !event.isReload;
    if (isCounted && this.#countedCount === this.#maxBuffered) {
      this.end(overflow(this.#maxBuffered));
      return;
    }
    if (isCounted) this.#countedCount++;
    this.#buffer.push({ event, isCounted });
  }

  failed(error: Error): void {
    this.end(error);
  }

  /** Nothing more comes. @param error What the reader gets after what has come already; without one, the iteration just ends. */
  end(...error: [] | [error: unknown]): void {
    if (this.#end !== null) return;
    this.#end = { error: error[0], isError: error.length > 0 };
    this.#onEnd();
    const waiting = this.#waiting.splice(0);
    for (const each of waiting) this.#finish(each);
  }

  next(): Promise<IteratorResult<StorageWatchEvent, undefined>> {
    return new Promise((resolve, reject) => {
      const next = this.#buffer[this.#readCount];
      if (next === undefined) {
        if (this.#end === null) this.#waiting.push({ resolve, reject });
        else this.#finish({ resolve, reject });
        return;
      }
      this.#readCount++;
      if (this.#readCount * 2 > this.#buffer.length) {
        this.#buffer = this.#buffer.slice(this.#readCount);
        this.#readCount = 0;
      }
      if (next.isCounted) this.#countedCount--;
      resolve({ value: next.event, done: false });
    });
  }

  /** The reader leaves: what waits is dropped. */
  return(): Promise<IteratorResult<StorageWatchEvent, undefined>> {
    this.end();
    this.#buffer = [];
    this.#readCount = 0;
    this.#end = { error: undefined, isError: false };
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish({ resolve, reject }: Waiting): void {
    const { error, isError } = this.#end as { error: unknown; isError: boolean };
    this.#end = { error: undefined, isError: false };
    if (isError) reject(error);
    else resolve({ value: undefined, done: true });
  }
}

function overflow(maxBuffered: number): StorageError {
  return new StorageError(
    "ERR_STORAGE_PENDING_FULL",
    `expected at most ${maxBuffered} changes to wait for the reader of a watch, got more; watch again, with initial, and read faster or raise maxBuffered`,
  );
}
