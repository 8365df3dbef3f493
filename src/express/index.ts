/** `cluster-storage/express`: middleware for Express 4 and 5 that gives each request the storage. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { checkMs, type GivenStorage, type StorageToOpen, whenReady } from "../adapter/source.js";
import { type Storage, StorageError } from "../core/index.js";
import { ServerScope } from "./server-scope.js";

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
  /** The storage of the requests: the same object until it is closed. The next request opens it again, as a new object. */
  readonly storage: Storage;
  /**
   * Closes the storage if the middleware opened it. A later request opens it again.
   * @throws as `close` of the storage.
   */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Creates the middleware. A storage that it opens is closed when all servers whose requests it has seen have been closed for
 * 30 seconds, and before that when the process ends because it has nothing left to do. Background work may go on writing meanwhile.
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
  const scope = new ServerScope(options, ["timeout"]);
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
