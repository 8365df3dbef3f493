/** How long the storage of an Express application stays open. */
import type { IncomingMessage, Server } from "node:http";
import { type Source, type StorageSource, type StorageToOpen, sourceFrom } from "../adapter/source.js";
import type { Storage } from "../core/index.js";
import * as runtime from "../core/runtime.js";

/** The timers of a scope; they never keep the process alive. */
export interface ScopeClock {
  after(ms: number, call: () => void): { cancel(): void };
}

/** ms from when the last server is closed until the storage is closed, unless a server opens meanwhile. */
const LINGER_MS = 30_000;

/**
 * The storage of an application. It stays open, and the same object, while any server that has sent requests is open, and for a
 * while after that: test tools start a server for each request.
 *
 * Invariant: a storage that this scope has opened is closed at last by `close`, by the timer, or when the process has nothing
 * left to do.
 */
export class ServerScope {
  /** The scopes whose storages may be open. */
  static readonly #open = new Set<ServerScope>();

  readonly #clock: ScopeClock;
  readonly #options: StorageToOpen | undefined;
  readonly #optionNames: readonly string[];
  readonly #known = new WeakSet<Server>();
  readonly #servers = new Set<Server>();
  #source: Source;
  #linger: { cancel(): void } | null = null;

  /**
   * @param optionNames The names of the adapter's own options.
   * @throws as `sourceFrom`.
   */
  constructor(options: StorageSource | undefined, optionNames: readonly string[], clock: ScopeClock = runtime) {
    this.#clock = clock;
    this.#optionNames = optionNames;
    this.#source = sourceFrom(options, optionNames);
    if (!this.#source.isOwn) return;
    // The working directory may be another one when the storage is opened again.
    this.#options = { ...(options as StorageToOpen), path: this.storage.path };
    this.#opened();
  }

  get storage(): Storage {
    return this.#source.storage;
  }

  /** Returns the storage for a request; opens it again if it was closed. */
  storageFor(req: IncomingMessage): Storage {
    if (!this.#source.isOwn) return this.storage;
    if (this.storage.closed) {
      this.#source = sourceFrom(this.#options, this.#optionNames);
      this.#opened();
    }
    this.#follow((req.socket as { server?: Server }).server);
    return this.storage;
  }

  async close(): Promise<void> {
    if (!this.#source.isOwn) return;
    this.#linger?.cancel();
    ServerScope.#open.delete(this);
    await this.storage.close();
  }

  #opened(): void {
    if (ServerScope.#open.size === 0) process.on("beforeExit", ServerScope.#closeAll);
    ServerScope.#open.add(this);
  }

  static readonly #closeAll = (): void => {
    process.off("beforeExit", ServerScope.#closeAll);
    for (const scope of ServerScope.#open) scope.#rest();
  };

  #follow(server: Server | undefined): void {
    if (server === undefined || this.#known.has(server)) return;
    this.#known.add(server);
    this.#add(server);
    server.on("listening", () => this.#add(server));
    server.on("close", () => {
      this.#servers.delete(server);
      if (this.#servers.size === 0) this.#restSoon();
    });
  }

  #add(server: Server): void {
    this.#servers.add(server);
    this.#linger?.cancel();
  }

  #restSoon(): void {
    this.#linger?.cancel();
    this.#linger = this.#clock.after(LINGER_MS, () => this.#rest());
  }

  /** Closes the storage; its listeners of `error` learn when that fails. */
  #rest(): void {
    const { storage } = this;
    this.close().catch((error: Error) => {
      if (storage.listenerCount("error") > 0) storage.emit("error", error);
    });
  }
}
