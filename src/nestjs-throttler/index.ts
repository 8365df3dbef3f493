/** `cluster-storage/nestjs-throttler`: the storage of @nestjs/throttler 6. */
import { LimitAccess, type LimitStoreOptions, wholeOf } from "../adapter/limits.js";
import type { Storage } from "../core/index.js";

export type { GivenStorage, LimitStoreOptions, StorageSource, StorageToOpen } from "../adapter/limits.js";

/** What the guard asks for. */
export interface ThrottlerRecord {
  /** `limit + 1` when the request is refused. */
  totalHits: number;
  /** Until the window ends, or the block, in whole seconds. */
  timeToExpire: number;
  /** Whether the request is refused. */
  isBlocked: boolean;
  /** Until a refused client is no longer refused, in whole seconds. */
  timeToBlockExpire: number;
}

const DEFAULT_PREFIX = "nestjs-throttler/";

/**
 * Counts the requests of @nestjs/throttler. All processes together allow exactly the limit.
 *
 * A window begins with the first request and never moves. The first request over the limit begins the block, for `blockDuration`, after which
 * a new window begins. Requests that are refused then are not counted and write nothing.
 *
 * @example
 * ThrottlerModule.forRoot({ throttlers: [{ ttl: 60_000, limit: 10 }], storage: new ClusterThrottlerStorage({ storage }) });
 */
export class ClusterThrottlerStorage {
  readonly #access: LimitAccess;
  readonly #prefix: string;

  /** @throws TypeError, RangeError on a bad option; StorageError as the constructor of a storage. */
  constructor(options: LimitStoreOptions = {}) {
    this.#access = new LimitAccess(options);
    this.#prefix = this.#access.prefix ?? DEFAULT_PREFIX;
  }

  /** The storage that holds the counts. */
  get storage(): Storage {
    return this.#access.storage;
  }

  /**
   * Counts a request.
   * @param key The guard has made it of the client, the route and the name of the throttler.
   * @param ttl The window, in ms.
   * @param blockDuration In ms; 0: requests over the limit are refused until the window ends.
   * @throws StorageError when the storage is closed or has failed.
   */
  async increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    _throttlerName: string,
  ): Promise<ThrottlerRecord> {
    const blockMs = wholeOf(blockDuration);
    const kind = blockMs > 0 ? "block" : "window";
    const rule = { kind, limit: wholeOf(limit), ms: wholeOf(ttl, 1), blockMs } as const;
    const { used, msLeft } = await this.#access.hit(this.#prefix + key, rule);
    const isBlocked = used > rule.limit;
    const seconds = Math.ceil(msLeft / 1000);
    return { totalHits: used, timeToExpire: seconds, isBlocked, timeToBlockExpire: isBlocked ? seconds : 0 };
  }

  /** Closes the storage if it was opened here. */
  async onApplicationShutdown(): Promise<void> {
    await this.#access.close();
  }
}

export default ClusterThrottlerStorage;
