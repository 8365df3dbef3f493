/** The options of a session store: types, defaults, validation. */
import { inspect } from "node:util";
import { checkMs, type StorageSource } from "../adapter/source.js";

/** How a session store is made: with `storage`, or with what opens one (`name` and the options of a storage), and these. */
export type ClusterSessionStoreOptions = StorageSource & {
  /** Tells its sessions from those of other stores in the storage: the keys are `<prefix>/<sid>`. No `/`. Default: `"session"`. */
  prefix?: string;
  /** Lifetime in ms, from its last use, of a session whose cookie has no expiry. Default: 86400000 (1 day). */
  ttl?: number;
  /**
   * By how many ms the expiry of a session that is only read may lag behind; never more than a tenth of its lifetime.
   * 0: every request writes it. Default: 60000.
   */
  touchAfter?: number;
  /**
   * What a read sees. `"local"` (default): all that has arrived in this process, which includes what was answered to a
   * client before it sent this request. `"strong"`: it asks the manager for the latest first.
   */
  consistency?: "local" | "strong";
  /**
   * Longest wait for a manager, in ms. Then `get` gives what this process has (`"strong"`, or before it has ever joined: an
   * error), and a write calls back with `ERR_STORAGE_NOT_READY`, stays pending and is sent to the next manager. Default: 10000.
   */
  timeout?: number;
};

/** Options with all defaults filled in. */
export interface ResolvedStoreOptions {
  readonly prefix: string;
  readonly ttl: number;
  readonly touchAfter: number;
  readonly isStrong: boolean;
  readonly timeoutMs: number;
}

/** The options that are the store's own: all others open its storage. */
export const OWN_OPTIONS: readonly string[] = ["prefix", "ttl", "touchAfter", "consistency", "timeout"];

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * Fills in the defaults.
 * @throws TypeError, RangeError on a bad option.
 */
export function resolveStoreOptions(options: Partial<ClusterSessionStoreOptions> = {}): ResolvedStoreOptions {
  const { prefix = "session", consistency = "local" } = options;
  if (typeof prefix !== "string" || prefix.includes("/")) {
    throw new TypeError(`expected prefix to be a string without "/", got ${inspect(prefix)}`);
  }
  if (consistency !== "local" && consistency !== "strong") {
    throw new TypeError(`expected consistency to be "local" or "strong", got ${inspect(consistency)}`);
  }
  return {
    prefix,
    ttl: checkMs("ttl", options.ttl, DAY_MS, 1, Number.MAX_SAFE_INTEGER),
    touchAfter: checkMs("touchAfter", options.touchAfter, MINUTE_MS, 0, Number.MAX_SAFE_INTEGER),
    isStrong: consistency === "strong",
    timeoutMs: checkMs("timeout", options.timeout, 10_000),
  };
}
