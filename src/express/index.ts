/** `cluster-storage/express`: middleware for Express 4 and 5 that gives each request the storage. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import {
  checkMs,
  type GivenStorage,
  type Source,
  type StorageToOpen,
  sourceFrom,
  whenReady,
} from "../adapter/source.js";
import { type Storage, StorageError } from "../core/index.js";

export type { GivenStorage, StorageToOpen };

declare global {
  namespace Express {
    interface Request {
      /** The storage of `clusterStorage()`. */
      storage: Storage;
    }
    interface Locals {
      /** The storage of `clusterStorage()`. */
      storage: Storage;
    }
  }
}

/** The middleware's own options. */
export interface WaitOptions {
  /** The longest wait of a request for the storage to join for the first time, in ms. Default: 10000. */
  timeout?: number;
}

/** `{ storage }`, or the name and options to open one. With neither, it is the storage "app" in the working directory. */
export type ClusterStorageOptions = (GivenStorage | StorageToOpen) & WaitOptions;

/** The middleware that {@link clusterStorage} returns. */
export interface ClusterStorageMiddleware {
  /** Sets `req.storage`, `res.locals.storage` and `req.app.locals.storage` once the storage has joined. */
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The storage of the requests. It is a new object after it was closed and a request has opened it again. */
  readonly storage: Storage;
  /**
   * Closes the storage if the middleware opened it. A later request opens it again.
   * @throws as `close` of the storage.
   */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Creates the middleware. A storage that it opens is closed once all servers whose requests it has seen are closed.
 *
 * A request that arrives before the storage has joined waits. If the storage does not join within `timeout`, the error handlers
 * of the application get a StorageError `ERR_STORAGE_NOT_READY` with status 503. Requests go on when the manager is lost later.
 * @throws TypeError, RangeError on a bad option; and as the constructor of a storage.
 *
 * @example
 * app.use(clusterStorage());
 * app.get("/", async (req, res) => {
 *   res.json({ visits: await req.storage.increment("visits") });
 * });
 */
export function clusterStorage(options?: ClusterStorageOptions): ClusterStorageMiddleware {
  const timeoutMs = checkMs("timeout", options?.timeout, DEFAULT_TIMEOUT_MS);
  const scope = new ServerScope(options);
  const middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void => {
    const storage = scope.storageFor(req);
    whenReady(storage, timeoutMs).then(
      () => {
        expose(storage, req as Exposed, res as Exposed);
        next();
      },
      (error: Error) => next(unavailable(storage, error)),
    );
  };
  return Object.defineProperties(middleware, {
    storage: { get: () => scope.storage },
    close: { value: () => scope.close() },
  }) as ClusterStorageMiddleware;
}

export default clusterStorage;

/** The storage of an application, which stays open as long as one of the servers that use it. */
class ServerScope {
  readonly #options: ClusterStorageOptions | undefined;
  readonly #servers = new Set<Server>();
  #source: Source;

  constructor(options: ClusterStorageOptions | undefined) {
    this.#source = sourceFrom(options, ["timeout"]);
    this.#options = options && { ...options };
  }

  get storage(): Storage {
    return this.#source.storage;
  }

  /** Returns the storage for a request; opens it again if it was closed, for example with an earlier server. */
  storageFor(req: IncomingMessage): Storage {
    if (this.#source.isOwn && this.storage.closed) this.#source = sourceFrom(this.#options, ["timeout"]);
    if (this.#source.isOwn) this.#follow((req.socket as { server?: Server }).server);
    return this.storage;
  }

  close(): Promise<void> {
    return this.#source.isOwn ? this.storage.close() : Promise.resolve();
  }

  /** Closes the storage with the last server. A request without a server, for example one of a test, does not count. */
  #follow(server: Server | undefined): void {
    if (server === undefined || this.#servers.has(server)) return;
    this.#servers.add(server);
    server.once("close", () => {
      this.#servers.delete(server);
      if (this.#servers.size > 0) return;
      const { storage } = this;
      storage.close().catch((error: Error) => {
        if (storage.listenerCount("error") > 0) storage.emit("error", error);
      });
    });
  }
}

/** The properties of a request and a response that Express has added and this middleware sets. */
interface Exposed {
  storage?: Storage;
  app?: { locals: { storage?: Storage } };
  locals?: { storage?: Storage };
}

function expose(storage: Storage, req: Exposed, res: Exposed): void {
  req.storage = storage;
  if (req.app) req.app.locals.storage = storage;
  if (res.locals) res.locals.storage = storage;
}

/** Returns the error for Express, which answers with the `status` of the error. */
function unavailable(storage: Storage, cause: Error): StorageError {
  const isLate = (cause as StorageError).code === "ERR_STORAGE_NOT_READY";
  const message = `expected the storage ${storage.name} to join, got ${cause.message}`;
  const error = isLate ? cause : new StorageError("ERR_STORAGE_NOT_READY", message, { cause });
  return Object.assign(error as StorageError, { status: 503, statusCode: 503 });
}
