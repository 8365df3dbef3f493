/** `cluster-storage/rate-limiter-flexible`: a limiter of rate-limiter-flexible. */
import {
  type IRateLimiterStoreOptions,
  RateLimiterRedis,
  RateLimiterRes,
  type RateLimiterStoreAbstract,
} from "rate-limiter-flexible";
import { LimitAccess, type LimitStoreOptions, wholeOf } from "../adapter/limits.js";
import type { Storage } from "../core/index.js";

export type { GivenStorage, LimitStoreOptions, StorageSource, StorageToOpen } from "../adapter/limits.js";

/** The options of a limiter, where `storage` stands for `storeClient`, and `timeout` and `onTimeout` are those of a storage's `limit`. */
export type RateLimiterStorageOptions = Omit<IRateLimiterStoreOptions, "storeClient"> & {
  /** An open storage. */
  storage: Storage;
  /** The longest wait for the confirmation by a manager, in ms. Default: 1000. */
  timeout?: LimitStoreOptions["timeout"];
  /** What decides when no confirmation has come in time. Default: `"view"`. */
  onTimeout?: LimitStoreOptions["onTimeout"];
};

/** What is counted. */
export interface StoredPoints {
  /** How much. */
  readonly points: number;
  /** How long, in ms; -1: forever. */
  readonly msLeft: number;
}

/** The class that limiters over stores extend. The package has its type, and does not export it. */
const Limiter: typeof RateLimiterStoreAbstract = Object.getPrototypeOf(RateLimiterRedis);

/**
 * A limiter whose points are counted in a storage. All processes together allow exactly its points.
 *
 * @example
 * const limiter = new RateLimiterStorage({ storage, points: 5, duration: 60, blockDuration: 600 });
 * await limiter.consume(request.ip);
 */
export class RateLimiterStorage extends Limiter {
  readonly #access: LimitAccess;

  /** @throws TypeError, RangeError on a bad option; what the other limiters of the package throw. */
  constructor({ storage, timeout, onTimeout, ...options }: RateLimiterStorageOptions) {
    super({ ...options, storeClient: storage });
    this.#access = new LimitAccess({
      storage,
      ...(timeout === undefined ? {} : { timeout }),
      ...(onTimeout === undefined ? {} : { onTimeout }),
    });
  }

  /** The storage that holds the points. */
  get storage(): Storage {
    return this.#access.storage;
  }

  /** Adds points to those of a key, or puts them in their place. */
  protected async _upsert(key: string, points: number, msDuration: number, forceExpire = false): Promise<StoredPoints> {
    if (!Number.isInteger(points)) throw new TypeError(`expected points as a whole number, got ${points}`);
    const ms = wholeOf(msDuration);
    if (forceExpire) {
      this.storage.set([key], points, ms);
      await this.#access.confirmed();
      return { points, msLeft: ms > 0 ? ms : -1 };
    }
    const rule = { kind: "count", limit: wholeOf(this.points), ms, blockMs: 0 } as const;
    const { used, msLeft } = await this.#access.hit(key, rule, points);
    return { points: used, msLeft: msLeft === Infinity ? -1 : msLeft };
  }

  /** The points of a key, as this process knows them. */
  protected async _get(key: string): Promise<StoredPoints | null> {
    const counted = this.#access.count(key);
    return counted && { points: counted.used, msLeft: counted.msLeft === Infinity ? -1 : counted.msLeft };
  }

  /** Whether this process knew points of the key. */
  protected async _delete(key: string): Promise<boolean> {
    const isThere = this.storage.has([key]);
    this.storage.delete([key]);
    await this.#access.confirmed();
    return isThere;
  }

  /** What callers get. */
  protected _getRateLimiterRes(_key: string, changed: number, { points, msLeft }: StoredPoints): RateLimiterRes {
    return new RateLimiterRes(Math.max(0, this.points - points), msLeft, points, points === changed);
  }
}

export default RateLimiterStorage;
