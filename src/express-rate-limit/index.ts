/** `cluster-storage/express-rate-limit`: a store for express-rate-limit 7 and 8, and for limiters that take its stores. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Counted, type DateOfCaller, LimitAccess, type LimitStoreOptions, wholeOf } from "../adapter/limits.js";
import type { Storage } from "../core/index.js";

export type { GivenStorage, LimitStoreOptions, StorageSource, StorageToOpen } from "../adapter/limits.js";

/** What express-rate-limit tells a store of its limiter. */
export interface LimiterOptions {
  /** The window in ms. */
  readonly windowMs: number;
  /** A number, or a function of the request. */
  readonly limit?: unknown;
  /** Whether failed requests are given back. */
  readonly skipFailedRequests?: boolean;
  /** Whether successful requests are given back. */
  readonly skipSuccessfulRequests?: boolean;
}

/** What a client has used. */
export interface ClientInfo {
  /** More than the limit when the request is refused. */
  totalHits: number;
  /** When its window ends, by the clock of the caller. */
  resetTime: DateOfCaller | undefined;
}

/** A hit of the request that runs; it may be taken back. */
type OpenHit = { readonly key: string; counted: Counted | null };

/**
 * A store for one limiter. All processes together allow exactly its limit.
 *
 * Once the limit is reached, refused requests are not counted and write nothing: `totalHits` is then `limit + 1`. If requests are
 * given back (`skipFailedRequests`, `skipSuccessfulRequests`), or the limit is a function, every request is counted. One that is given
 * back leaves the window in which it was counted, and no later one.
 *
 * @example
 * app.use(rateLimit({ windowMs: 60_000, limit: 100, store: new ClusterRateLimitStore({ storage }) }));
 */
export class ClusterRateLimitStore {
  /** Begins the keys of this limiter. Default: `express-rate-limit/<windowMs>/`. */
  prefix: string;
  /** Stores with the same prefix share their counts, in all processes. */
  readonly localKeys = false;
  readonly #access: LimitAccess;
  readonly #requests = new AsyncLocalStorage<OpenHit>();
  #windowMs = 60_000;
  /** Null: it is another one for each request. */
  #limit: number | null = null;
  #isGivingBack = false;

  /** @throws TypeError, RangeError on a bad option; StorageError as the constructor of a storage. */
  constructor(options: LimitStoreOptions = {}) {
    this.#access = new LimitAccess(options);
    this.prefix = this.#access.prefix ?? "";
  }

  /** The storage that holds the counts. */
  get storage(): Storage {
    return this.#access.storage;
  }

  /** Called by the limiter. */
  init({ windowMs, limit, skipFailedRequests, skipSuccessfulRequests }: LimiterOptions): void {
    this.#windowMs = wholeOf(windowMs, 1);
    this.#isGivingBack = skipFailedRequests === true || skipSuccessfulRequests === true;
    this.#limit = typeof limit === "number" ? wholeOf(limit) : null;
    this.prefix = this.#access.prefix ?? `express-rate-limit/${this.#windowMs}/`;
  }

  /** Counts a request of a client. @throws StorageError when the storage is closed or has failed. */
  async increment(key: string): Promise<ClientInfo> {
    const hit: OpenHit = { key, counted: null };
    // What the middleware does later for this request, it does in this context.
    if (this.#isGivingBack) this.#requests.enterWith(hit);
    const kind = this.#limit === null || this.#isGivingBack ? "count" : "window";
    const rule = { kind, limit: this.#limit ?? 0, ms: this.#windowMs, blockMs: 0 } as const;
    const counted = await this.#access.hit(this.prefix + key, rule);
    hit.counted = counted;
    // Without a manager a hit may be refused whatever the limit of its request is.
    const isKnown = this.#limit !== null || counted.isCounted;
    const totalHits = isKnown ? Math.max(1, counted.used) : Number.MAX_SAFE_INTEGER;
    return { totalHits, resetTime: this.#access.dateAfter(counted) };
  }

  /** Takes the request of a client back: from the window in which it was counted, if that goes on. */
  async decrement(key: string): Promise<void> {
    const hit = this.#requests.getStore();
    const counted = hit?.key === key && hit.counted !== null ? hit.counted : this.#access.count(this.prefix + key);
    if (counted?.isCounted === true) await this.#access.giveBack(this.prefix + key, counted.expiresAt);
  }

  /** What this process knows of a client. */
  get(key: string): ClientInfo | undefined {
    const counted = this.#access.count(this.prefix + key);
    return counted === null ? undefined : { totalHits: counted.used, resetTime: this.#access.dateAfter(counted) };
  }

  /** Forgets what a client has used. */
  async resetKey(key: string): Promise<void> {
    this.storage.delete([this.prefix + key]);
    await this.#access.confirmed();
  }

  /** Forgets what all clients of this limiter have used. */
  async resetAll(): Promise<void> {
    for (const key of this.storage.keys(this.prefix)) this.storage.delete([key]);
    await this.#access.confirmed();
  }

  /** Closes the storage if this store has opened it. */
  async shutdown(): Promise<void> {
    await this.#access.close();
  }
}

export default ClusterRateLimitStore;
