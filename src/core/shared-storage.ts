/**
 * The storages that are open in this thread: those of the same data share one replica, so that a plugin, a middleware and a
 * session store can each open "app" and the data is in memory once.
 */
import type { StorageStatus } from "./api.js";
import { StorageError } from "./errors.js";
import { openStorages, type StorageFacts } from "./facts.js";
import { Listeners, type ManagerView, type StorageListener } from "./listeners.js";
import { localEngine } from "./local/engine.js";
import { MAX_IN_FLIGHT } from "./log/limits.js";
import type { Engine, EngineLog, Log, LogClock, StateView } from "./log/log.js";
import { opened } from "./opening.js";
import { DIFFERS_ALLOWED, type ResolvedOptions } from "./options.js";
import { type Change, Replica, type ReplicaEvents } from "./replica/replica.js";
import { kindOf, troubleOf } from "./trouble.js";

const LOCAL = localEngine();

/** Longest time, in ms, that closing waits for pending writes. */
const CLOSE_WAIT_MS = 10_000;

/** What the storages of the same data in this thread share. */
export class SharedStorage implements ReplicaEvents, StorageFacts {
  static readonly #all = openStorages() as Map<string, SharedStorage>;

  /** {@link EngineLog.filename} */
  readonly filename: string | null;
  readonly log: Log;
  readonly replica: Replica;
  readonly #clock: LogClock;
  readonly #key: string;
  readonly #engine: EngineLog;
  readonly #options: ResolvedOptions;
  readonly #listeners = new Listeners();
  status: Exclude<StorageStatus, "closed"> = "opening";
  failure: Error | null = null;
  #diskTrouble: Error | null = null;
  #lastTrouble: StorageError | null = null;
  /** The kinds of trouble that were reported since all was well. */
  readonly #reportedKinds = new Set<string>();
  readonly #onDiskTrouble = new Set<(error: StorageError) => void>();
  manager: ManagerView = { pid: 0, isHere: false };
  reloadCount = 0;

  private constructor(opened: EngineLog, options: ResolvedOptions) {
    const { key, filename, log, clock } = opened;
    this.#clock = clock;
    this.#key = key;
    this.#engine = opened;
    this.#options = options;
    this.filename = filename;
    this.log = log;
    this.replica = new Replica(log, {
      clock,
      random: (bytes) => opened.random(bytes),
      events: this,
      maxValueBytes: options.maxValueBytes,
      maxPendingBytes: options.maxPendingBytes,
      maxInFlight: MAX_IN_FLIGHT,
    });
    this.log.open(this.replica.sink);
  }

  /**
   * Opens the storage, or joins those that have it open in this thread.
   * @throws StorageError as the engine, and `ERR_STORAGE_OPTIONS`.
   */
  static acquire(
    name: string,
    options: ResolvedOptions,
    listener: StorageListener,
    engine: Engine<ResolvedOptions> = LOCAL,
  ): SharedStorage {
    const opened = engine.open(name, options);
    let shared = SharedStorage.#all.get(opened.key);
    if (shared === undefined) {
      shared = new SharedStorage(opened, options);
      SharedStorage.#all.set(opened.key, shared);
    }
    shared.join(listener, options);
    return shared;
  }

  /** Lets a storage take part, also one of another build of this package. @throws as {@link SharedStorage.acquire}. */
  join(listener: StorageListener, options: ResolvedOptions): void {
    this.#expectOptions(options);
    this.#listeners.add(listener);
    if (this.status === "open") this.#clock.microtask(() => this.#welcome(listener));
  }

  /** Leaves; the last one closes the log. Resolves when it is closed. */
  release(listener: StorageListener, destroy: boolean): Promise<void> {
    if (!this.#listeners.delete(listener) || !this.#listeners.isEmpty) return Promise.resolve();
    if (SharedStorage.#all.get(this.#key) === this) SharedStorage.#all.delete(this.#key);
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => {
        this.replica.fail(
          new StorageError(
            "ERR_STORAGE_CLOSED",
            `expected an open storage, got ${this.#label}, which was closed; close it last, after the server`,
          ),
        );
        if (error) reject(troubleOf(error));
        else resolve();
      };
      if (destroy) this.log.destroy(done);
      else this.log.close(done);
    });
  }

  /** What messages call it. */
  get #label(): string {
    return this.filename ?? this.#key;
  }

  get seq(): number {
    return this.replica.seq;
  }

  get hasPending(): boolean {
    return this.replica.hasPending;
  }

  get delayMs(): number {
    return this.replica.delayMs;
  }

  holds(key: string): boolean {
    return this.replica.holds(key);
  }

  keyParts(prefix: string): Iterable<readonly string[]> {
    return this.replica.keyParts(prefix);
  }

  get isPushed(): boolean {
    return this.log.isPushed;
  }

  connected(): void {
    this.status = "open";
    this.#listeners.connected(this.manager);
  }

  /** Emits to a listener that came later what the others got before. */
  #welcome(listener: StorageListener): void {
    if (this.status === "open") this.#listeners.welcome(listener, this.manager);
  }

  disconnected(): void {
    this.status = "disconnected";
    this.#listeners.emit("disconnect");
  }

  managerChanged(pid: number, isHere: boolean): void {
    if (this.manager.pid === pid && this.manager.isHere === isHere) return;
    this.manager = { pid, isHere };
    this.#listeners.managerChanged(this.manager);
  }

  changed(change: Change): void {
    this.#listeners.emit("change", change);
  }

  expired(event: { readonly path: readonly string[] }): void {
    this.#listeners.emit("expire", event);
  }

  reloaded(): void {
    this.reloadCount++;
    this.#listeners.reloaded();
  }

  /** Reports each kind of trouble once, however often it is met before all is well again. */
  diskTrouble(error: Error | null): void {
    this.#diskTrouble = error;
    if (error === null) {
      this.#reportedKinds.clear();
      return;
    }
    this.#lastTrouble = troubleOf(error);
    const kind = kindOf(error);
    if (this.#reportedKinds.has(kind)) return;
    this.#reportedKinds.add(kind);
    for (const call of this.#onDiskTrouble) call(this.#lastTrouble);
    this.#onDiskTrouble.clear();
    this.#listeners.report(this.#lastTrouble);
  }

  /**
   * Resolves when the storage has everything.
   * @param timeoutMs The longest time without progress.
   * @throws as {@link opened}, and the failure of the storage.
   */
  async opened(timeoutMs: number): Promise<void> {
    const opening = {
      clock: this.#clock,
      label: this.#label,
      progress: () => this.replica.deliveredCount + this.log.readCount,
      trouble: () => this.#lastTrouble,
      missing: () => this.#missing,
      sync: () => this.replica.sync(),
    };
    await opened(opening, timeoutMs);
  }

  /** What this process waits for while it is not connected. */
  get #missing(): string {
    if (this.status === "open") return "the answer of the manager";
    if (this.#options.candidate) return "a manager";
    return "a manager, which must be another process, since candidate is false here";
  }

  /**
   * Waits until all writes are confirmed, unless the disk refuses them or it takes longer than `CLOSE_WAIT_MS`.
   * @returns why some are still pending; null when none is, or the storage has failed.
   */
  async flushOrGiveUp(): Promise<Error | null> {
    if (this.failure !== null || !this.hasPending) return null;
    const { gaveUp, cancel } = this.#givesUp();
    const flushed = this.replica.flush().then(
      () => null,
      (error: Error) => error,
    );
    return Promise.race([flushed, gaveUp]).finally(cancel);
  }

  #givesUp(): { gaveUp: Promise<StorageError>; cancel: () => void } {
    let cancel = (): void => {};
    const gaveUp = new Promise<StorageError>((resolve) => {
      if (this.#diskTrouble) resolve(troubleOf(this.#diskTrouble));
      else this.#onDiskTrouble.add(resolve);
      const timer = this.#clock.after(CLOSE_WAIT_MS, () => {
        const { pendingCount } = this.replica;
        const message = `expected a manager to confirm pending writes within ${CLOSE_WAIT_MS} ms, got none for ${pendingCount} writes; they are lost`;
        resolve(new StorageError("ERR_STORAGE_CLOSED", message));
      });
      cancel = () => {
        timer.cancel();
        this.#onDiskTrouble.delete(resolve);
      };
    });
    return { gaveUp, cancel };
  }

  /** Departures of others end what they had claimed; one of this member is a mistake that must be reported. */
  left(member: string): void {
    if (member !== this.log.member) return;
    const message = `expected ${this.#label} to know that this process lives, got its departure in the log; what it had claimed has ended, and it goes on`;
    this.#listeners.report(new StorageError("ERR_STORAGE_UNREACHABLE", message));
  }

  /** {@link EngineLog.backup}, of all that was confirmed before the call. */
  async backup(file: string): Promise<void> {
    let view: StateView | null;
    // While a whole state is being loaded there is none to view.
    do {
      await this.replica.sync();
      view = this.replica.sink.view();
    } while (view === null);
    const taken = view;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#engine.backup(file, taken, (error) => (error ? reject(error) : resolve()));
      });
    } finally {
      taken.close();
    }
  }

  forgotten(error: Error): void {
    this.#listeners.report(error);
  }

  warned(error: Error): void {
    this.#listeners.reportAlsoToLast(error);
  }

  failed(error: Error): void {
    this.failure = error;
    this.status = "failed";
    this.#listeners.report(error);
  }

  /** Whether an event that is costly to create has listeners. */
  hasListeners(event: "change" | "expire"): boolean {
    return this.#listeners.has(event);
  }

  #expectOptions(options: ResolvedOptions): void {
    for (const [key, value] of Object.entries(options) as Array<[keyof ResolvedOptions, unknown]>) {
      if (DIFFERS_ALLOWED.has(key) || this.#options[key] === value) continue;
      throw new StorageError(
        "ERR_STORAGE_OPTIONS",
        `expected ${key} to be ${this.#options[key]} as where ${this.#label} was opened in this process, got ${value}`,
      );
    }
  }
}
