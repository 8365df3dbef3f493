/** `cluster-storage/fastify-rate-limit`: stores for @fastify/rate-limit 10 and 11. */
import { LimitAccess, type LimitStoreOptions, wholeOf } from "../adapter/limits.js";
import type { Storage } from "../core/index.js";
import { microtask } from "../core/runtime.js";

export type { GivenStorage, LimitStoreOptions, StorageSource, StorageToOpen } from "../adapter/limits.js";

/** What the plugin asks a store for: how much a client has used, and in how many ms its window ends. */
export type RateLimitCallback = (error: Error | null, result?: { current: number; ttl: number }) => void;

/** What the plugin tells a store of its limiter. Its types say something else of routes. */
interface LimiterParams {
  readonly continueExceeding?: boolean;
  readonly exponentialBackoff?: boolean;
  readonly ban?: number;
  readonly max?: unknown;
  readonly timeWindow?: unknown;
  readonly groupId?: string;
  readonly routeInfo?: { readonly method?: string | string[]; readonly url?: string };
}

/** A store of the plugin. */
export interface RateLimitStore {
  /** Counts a request of a client. */
  incr(key: string, callback: RateLimitCallback, timeWindow: number, max: number): void;
  /** Looks at what a client has used, and counts nothing. */
  read(key: string, callback: RateLimitCallback, timeWindow: number, max: number): void;
  /** Creates the store of a route or limiter that has options of its own. */
  child(params: object): RateLimitStore;
}

/** What the option `store` of the plugin takes. */
export interface RateLimitStoreClass {
  new (params: object): RateLimitStore;
  /** The storage that holds the counts. */
  readonly storage: Storage;
  /** Closes the storage if it was opened here. */
  close(): Promise<void>;
}

const DEFAULT_PREFIX = "fastify-rate-limit/";

/**
 * Creates a class of stores for one registration of the plugin. All processes together allow exactly its limits.
 *
 * Once a limit is reached, refused requests are not counted and write nothing, unless the limiter has `ban`, `continueExceeding` or
 * `exponentialBackoff`.
 * @throws TypeError, RangeError on a bad option; StorageError as the constructor of a storage.
 *
 * @example
 * await app.register(rateLimit, { max: 100, timeWindow: 60_000, store: rateLimitStore({ storage }) });
 */
export function rateLimitStore(options: LimitStoreOptions = {}): RateLimitStoreClass {
  const access = new LimitAccess(options);
  const names = new Names();
  return class ClusterRateLimitStore extends Store {
    constructor(params: object) {
      super(access, names, names.of(access.prefix ?? DEFAULT_PREFIX), params);
    }

    static get storage(): Storage {
      return access.storage;
    }

    static async close(): Promise<void> {
      await access.close();
    }
  };
}

export default rateLimitStore;

/** Tells limiters of one name apart by the order in which they are made, which is the same in all processes. */
class Names {
  readonly #counts = new Map<string, number>();

  of(name: string): string {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count === 1 ? name : `${name}${count}/`;
  }
}

class Store implements RateLimitStore {
  readonly #access: LimitAccess;
  readonly #names: Names;
  readonly #prefix: string;
  readonly #kind: "restart" | "double" | "count" | "window";

  constructor(access: LimitAccess, names: Names, prefix: string, params: object) {
    this.#access = access;
    this.#names = names;
    this.#prefix = prefix;
    const { continueExceeding, exponentialBackoff, ban = -1 } = params as LimiterParams;
    this.#kind = continueExceeding ? "restart" : exponentialBackoff ? "double" : ban >= 0 ? "count" : "window";
  }

  incr(key: string, callback: RateLimitCallback, timeWindow: number, max: number): void {
    const rule = { kind: this.#kind, limit: wholeOf(max), ms: wholeOf(timeWindow, 1), blockMs: 0 };
    this.#access.hit(this.#prefix + key, rule).then(
      ({ used, msLeft }) => microtask(() => callback(null, { current: used, ttl: msLeft })),
      (error: Error) => microtask(() => callback(error)),
    );
  }

  read(key: string, callback: RateLimitCallback): void {
    const counted = this.#access.count(this.#prefix + key);
    microtask(() => callback(null, { current: counted?.used ?? 0, ttl: counted?.msLeft ?? 0 }));
  }

  /** A route or a limiter of its own counts for itself. Routes of one group share their counts, since the plugin adds the group to each key. */
  child(params: object): RateLimitStore {
    const { groupId, max, timeWindow, routeInfo } = params as LimiterParams;
    const route = `${[routeInfo?.method].flat().join()} ${routeInfo?.url}/`;
    const own =
      routeInfo?.url === undefined ? this.#names.of(`${this.#prefix}${max}/${timeWindow}/`) : this.#prefix + route;
    return new Store(this.#access, this.#names, groupId === undefined ? own : `${this.#prefix}group/`, params);
  }
}
