import { joined } from "../adapter/source.js";
import { type Storage, StorageError } from "../core/index.js";

/** A write that arrives so many ms after it was ordered shows that more may be waiting at the manager. */
const LATE_MS = 20;

/**
 * Waits, before a read, until the storage shows what the reader may have heard of, and after a write until it is confirmed;
 * never longer than a deadline.
 *
 * A manager sends a write to all members before it confirms it. So when a client was answered after its write was
 * confirmed, and now asks another process, the write is already in that process' socket. It is shown once
 *
 * 1. the event loop has polled all sockets since: the rest of the turn in which the request was read and the whole next one;
 * 2. the writes of this process before it in the order, which the manager confirms after it has sent those of others, are
 *    confirmed;
 * 3. this process is not late: when it stood still for long, the rest of what others wrote waits at the manager, since the
 *    socket is full. It tells by how late the last write came, and then asks the manager.
 */
export class ReadBarrier {
  readonly #storage: Storage;
  readonly #isStrong: boolean;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<() => void>();
  /** The seq up to which this process is known to have been late no more. */
  #punctualAt = -1;
  readonly #connected = (): void => {
    for (const resolve of this.#waiting) resolve();
  };

  constructor(storage: Storage, isStrong: boolean, timeoutMs: number) {
    this.#storage = storage;
    this.#isStrong = isStrong;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Resolves, in a later turn of the event loop, when the storage may be read.
   * @throws StorageError `ERR_STORAGE_NOT_READY`; the failure of the storage.
   */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(this.#shown()))));
  }

  /**
   * Resolves with what a write came to, once it is confirmed.
   * @throws StorageError `ERR_STORAGE_NOT_READY` when that takes too long: it stays pending.
   */
  confirmed<T>(write: Promise<T>): Promise<T> {
    return this.#before(write, "confirm a write, which stays pending,");
  }

  /** Waits for what is to be shown; undefined: nothing is. Without a manager meanwhile: what this process has. */
  #shown(): Promise<void> | undefined {
    if (this.#isStrong || !this.#storage.connected) return this.#ask();
    const { pending, delay, seq } = this.#storage.stats();
    if (delay > LATE_MS && seq !== this.#punctualAt) return this.#catchUp();
    return pending > 0 ? this.confirmed(this.#storage.flush()).catch(() => {}) : undefined;
  }

  async #catchUp(): Promise<void> {
    await this.#before(this.#storage.sync(), "answer").catch(() => {});
    this.#punctualAt = this.#storage.stats().seq;
  }

  async #ask(): Promise<void> {
    this.#storage.has("any"); // throws now, and not after the time, when it is closed or has failed
    await joined(this.#storage, this.#timeoutMs);
    const isConnected = await this.#connection();
    if (!this.#isStrong) return;
    if (!isConnected) throw this.#notReady("answer");
    await this.#before(this.#storage.sync(), "answer");
  }

  /** Whether there was a manager within the time. */
  async #connection(): Promise<boolean> {
    if (this.#storage.connected) return true;
    if (this.#waiting.size === 0) this.#storage.on("connect", this.#connected);
    let end = (): void => {};
    const connected = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#waiting.add(end);
    const timer = setTimeout(end, this.#timeoutMs);
    await connected;
    clearTimeout(timer);
    this.#waiting.delete(end);
    if (this.#waiting.size === 0) this.#storage.off("connect", this.#connected);
    return this.#storage.connected;
  }

  #before<T>(promise: Promise<T>, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#notReady(what)), this.#timeoutMs);
      promise.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }

  #notReady(what: string): StorageError {
    const { name } = this.#storage;
    return new StorageError(
      "ERR_STORAGE_NOT_READY",
      `expected the manager of ${name} to ${what} within ${this.#timeoutMs} ms, got no answer`,
    );
  }
}
