/** The options of a session store: types, defaults, validation. */
import { inspect } from "node:util";
import { checkMs, type StorageSource } from "../adapter/source.js";

/** The options of a session store: an open `storage`, or the name and options to open one, and these. */
export type ClusterSessionStoreOptions = StorageSource & {
  /**
   * Separates the sessions from those of other stores in the same storage: the keys are `<prefix>/<sid>`. It must not contain
   * `/`. Default: `"session"`.
   */
  prefix?: string;
  /** How long a session whose cookie has no expiry lives after its last use, in ms. Default: 86400000 (1 day). */
  ttl?: number;
  /**
   * By how much the stored expiry of a session may lag behind while requests only read the session, in ms; it never lags by
   * more than a tenth of the lifetime. 0: every request writes the expiry. Default: 60000.
   */
  touchAfter?: number;
  /**
   * What a read sees. `"local"`: everything that has arrived in this process, which includes all that a client was answered
   * before it sent this request. `"strong"`: the read first asks the manager for the latest state. Default: `"local"`.
   */
  consistency?: "local" | "strong";
  /**
   * The longest wait for a manager, in ms. After that, `get` returns what this process has; with `"strong"`, or before the
   * storage has joined for the first time, it fails with `ERR_STORAGE_NOT_READY`. A write fails with that code too, but
   * stays pending and is sent to the next manager. Default: 10000.
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

/** The options that are the store's own; all others open its storage. */
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
