import { failureOf, whenReady } from "../adapter/source.js";
import { factsOf, type Storage, StorageError, type StorageFacts } from "../core/index.js";
import { deadline, soon } from "../core/runtime.js";

/** A write that arrives this many ms after it was ordered shows that more writes may wait at the manager. */
const LATE_MS = 20;

/**
 * Waits, before a read, until the storage shows all that the reader may know of, and after a write until it is confirmed; in
 * both cases no longer than a deadline.
 *
 * A log that is pushed sends a write to all members before it confirms the write. So when a client was answered after its write
 * was confirmed, and its next request reaches another process, the write is already in the socket of that process. The storage
 * shows it once
 *
 * 1. the event loop has polled all sockets since: for this, the rest of the turn in which the request was read and the whole
 *    next turn must pass;
 * 2. the writes of this process that precede it in the order are confirmed: the manager confirms them after it has sent those
 *    of others;
 * 3. this process is not late: when it stood still for long, its socket is full and the rest of the writes waits at the
 *    manager. It sees this by how late the last write arrived, and then asks the manager.
 *
 * A log that is not pushed is asked before every read.
 */
export class ReadBarrier {
  readonly #storage: Storage;
  readonly #facts: StorageFacts;
  readonly #isStrong: boolean;
  readonly #timeoutMs: number;
  /** The wait that further reads of this turn of the event loop share. */
  #nextRead: Promise<void> | null = null;
  /** The waits for a connection. */
  readonly #waiting = new Set<() => void>();
  /** Where this process last had everything after it was late; a seq counts for the state that it belongs to. */
  #caughtUp = { seq: -1, reloadCount: 0 };
  readonly #onConnect = (): void => {
    for (const resolve of this.#waiting) resolve();
  };

  constructor(storage: Storage, isStrong: boolean, timeoutMs: number) {
    this.#storage = storage;
    this.#facts = factsOf(storage) as StorageFacts;
    this.#isStrong = isStrong;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Resolves, in a later turn of the event loop, when the storage may be read. Reads share a wait until its first turn is over: the whole
   * next turn follows for all of them.
   * @throws StorageError `ERR_STORAGE_NOT_READY`; the failure of the storage.
   */
  beforeRead(): Promise<void> {
    this.#nextRead ??= new Promise((resolve) => {
      soon(() => {
        this.#nextRead = null;
        soon(() => resolve(this.#whenShown()));
      });
    });
    return this.#nextRead;
  }

  /**
   * Resolves with the result of a write once the write is confirmed.
   * @throws StorageError `ERR_STORAGE_NOT_READY` when that takes too long; the write stays pending.
   */
  untilConfirmed<T>(write: Promise<T>): Promise<T> {
    return this.#withDeadline(write, "confirm a write, which stays pending,");
  }

  /**
   * Resolves when the storage shows all that any process had confirmed before the call.
   * @throws StorageError `ERR_STORAGE_NOT_READY` when there is no manager in time; the failure of the storage.
   */
  async untilCurrent(): Promise<void> {
    const failure = failureOf(this.#storage);
    if (failure !== null) throw failure;
    await whenReady(this.#storage, this.#timeoutMs);
    if (!(await this.#whenConnected())) throw this.#notReady("answer");
    await this.#withDeadline(this.#storage.sync(), "answer");
  }

  /** Waits until the storage shows all; undefined when it does already. If the manager is lost meanwhile, the wait ends. */
  #whenShown(): Promise<void> | undefined {
    if (this.#isStrong || this.#storage.status !== "open") return this.#askManager();
    const { isPushed, delayMs, hasPending } = this.#facts;
    if (!isPushed || (delayMs > LATE_MS && !this.#isCaughtUp)) return this.#catchUp();
    return hasPending ? this.untilConfirmed(this.#storage.flush()).catch(() => {}) : undefined;
  }

  get #isCaughtUp(): boolean {
    const { seq, reloadCount } = this.#facts;
    return seq === this.#caughtUp.seq && reloadCount === this.#caughtUp.reloadCount;
  }

  async #catchUp(): Promise<void> {
    await this.#withDeadline(this.#storage.sync(), "answer").catch(() => {});
    const { seq, reloadCount } = this.#facts;
    this.#caughtUp = { seq, reloadCount };
  }

  async #askManager(): Promise<void> {
    if (this.#isStrong) return this.untilCurrent();
    const failure = failureOf(this.#storage);
    if (failure !== null) throw failure;
    await whenReady(this.#storage, this.#timeoutMs);
    await this.#whenConnected();
  }

  /** Resolves once there is a manager, or at the deadline; returns whether there is one. */
  async #whenConnected(): Promise<boolean> {
    if (this.#storage.connected) return true;
    if (this.#waiting.size === 0) this.#storage.on("connect", this.#onConnect);
    let end = (): void => {};
    const connected = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#waiting.add(end);
    const timer = deadline(this.#timeoutMs, end);
    await connected;
    timer.cancel();
    this.#waiting.delete(end);
    if (this.#waiting.size === 0) this.#storage.off("connect", this.#onConnect);
    return this.#storage.connected;
  }

  #withDeadline<T>(promise: Promise<T>, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = deadline(this.#timeoutMs, () => reject(this.#notReady(what)));
      promise.then(
        (value) => {
          timer.cancel();
          resolve(value);
        },
        (error) => {
          timer.cancel();
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
