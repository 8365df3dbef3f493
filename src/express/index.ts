/** `cluster-storage/express`: middleware for Express 4 and 5 that gives each request the storage. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { checkMs, type GivenStorage, joined, type Source, type StorageToOpen, sourceFrom } from "../adapter/source.js";
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

/** What is the middleware's own beside where the storage comes from. */
export interface WaitOptions {
  /** The longest that a request waits until the storage has joined for the first time, in ms. Default: 10000. */
  timeout?: number;
}

/** `{ storage }`, or the name and options to open one; with neither, the storage "app" in the working directory. */
export type ClusterStorageOptions = (GivenStorage | StorageToOpen) & WaitOptions;

/** The middleware. */
export interface ClusterStorageMiddleware {
  /** Sets `req.storage`, `res.locals.storage` and `req.app.locals.storage`, once everything is there. */
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The storage of the requests; another one when it was closed and a request has opened it again. */
  readonly storage: Storage;
  /**
   * Closes the storage, if it was opened here; a later request opens it again.
   * @throws as `close` of the storage.
   */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Makes the middleware. A storage that it opens closes when the last server whose requests came here has closed.
 * Requests that come before the storage has joined wait, and fail with status 503 when `timeout` is over: a StorageError
 * `ERR_STORAGE_NOT_READY` goes to the error handlers of the application. A manager that is lost later stops no request.
 * @throws as the constructor of a storage; TypeError, RangeError on bad options.
 *
 * @example
 * app.use(clusterStorage());
 * app.get("/", async (req, res) => {
 *   res.json({ visits: await req.storage.increment("visits") });
 * });
 */
export function clusterStorage(options?: ClusterStorageOptions): ClusterStorageMiddleware {
  const timeoutMs = checkMs("timeout", options?.timeout, DEFAULT_TIMEOUT_MS);
  const served = new Served(options);
  const middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void => {
    const storage = served.storageFor(req);
    joined(storage, timeoutMs).then(
      () => {
        expose(storage, req as Exposed, res as Exposed);
        next();
      },
      (error: Error) => next(unavailable(storage, error)),
    );
  };
  return Object.defineProperties(middleware, {
    storage: { get: () => served.storage },
    close: { value: () => served.close() },
  }) as ClusterStorageMiddleware;
}

export default clusterStorage;

/** The storage of an application, and the servers that it is open for. */
class Served {
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

  /** The storage for a request; opened again if it was closed with the servers that came before. */
  storageFor(req: IncomingMessage): Storage {
    if (this.#source.isOwn && this.storage.closed) this.#source = sourceFrom(this.#options, ["timeout"]);
    if (this.#source.isOwn) this.#follow((req.socket as { server?: Server }).server);
    return this.storage;
  }

  close(): Promise<void> {
    return this.#source.isOwn ? this.storage.close() : Promise.resolve();
  }

  /** Closes the storage with the last server. Requests without one (made by a test, say) keep it open. */
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

/** What Express adds to a request and a response. */
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

/** The error for Express, which answers with its `status`. */
function unavailable(storage: Storage, cause: Error): StorageError {
  const isLate = (cause as StorageError).code === "ERR_STORAGE_NOT_READY";
  const message = `expected the storage ${storage.name} to join, got ${cause.message}`;
  const error = isLate ? cause : new StorageError("ERR_STORAGE_NOT_READY", message, { cause });
  return Object.assign(error as StorageError, { status: 503, statusCode: 503 });
}
