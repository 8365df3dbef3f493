/** The options of a session store: types, defaults, validation. */
import { inspect } from "node:util";
import { checkMs, type StorageSource } from "../adapter/source.js";
import type { SessionIndex } from "./session-users.js";

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
   * What stays when requests of one session run at the same time. `"fields"`: the fields that each of them has changed; of two changes
   * of one field the later one. `"whole"`: the later session as a whole, as with other stores. In both cases, a session that
   * was destroyed stays destroyed. All processes need the same value. Default: `"fields"`.
   */
  merge?: "fields" | "whole";
  /**
   * Groups of fields that must agree with each other, such as `[["orgId", "role"]]`, for `merge: "fields"`: a request that changes a field of
   * a group writes the whole group as it holds it. So of two such requests the later one's whole group stays. Default: none.
   */
  together?: readonly (readonly string[])[];
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
  /**
   * Says whose session a session is: returns the id of the user, or nothing for a session that is nobody's. `byUser` and the other methods
   * that take a user need it. A number and its text, `42` and `"42"`, are one user. It must not change the session. A session for
   * which it throws, or returns anything else, such as a promise, is nobody's; a warning of the process reports the first one. All
   * processes need the same function. Default: none.
   * @example index: (session) => session.userId
   */
  index?: SessionIndex;
  /**
   * How many sessions there may be, in all processes. When one more is created, about a hundredth of them is removed: those that
   * `index` says are nobody's, and of the others those that end first. All processes need the same number. Default: no limit.
   */
  maxSessions?: number;
};

/** Options with all defaults filled in. */
export interface ResolvedStoreOptions {
  readonly prefix: string;
  readonly ttl: number;
  readonly touchAfter: number;
  readonly isWhole: boolean;
  readonly together: readonly (readonly string[])[];
  readonly isStrong: boolean;
  readonly timeoutMs: number;
  readonly index: SessionIndex | null;
  readonly maxSessions: number;
}

/** The options that are the store's own; all others open its storage. */
export const OWN_OPTIONS: readonly string[] = [
  "prefix",
  "ttl",
  "touchAfter",
  "merge",
  "together",
  "consistency",
  "timeout",
  "index",
  "maxSessions",
];

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * Fills in the defaults.
 * @throws TypeError, RangeError on a bad option.
 */
export function resolveStoreOptions(options: Partial<ClusterSessionStoreOptions> = {}): ResolvedStoreOptions {
  const { prefix = "session", merge = "fields", together = [], consistency = "local" } = options;
  const { index, maxSessions = Infinity } = options;
  if (typeof prefix !== "string" || prefix.includes("/")) {
    throw new TypeError(`expected prefix to be a string without "/", got ${inspect(prefix)}`);
  }
  if (consistency !== "local" && consistency !== "strong") {
    throw new TypeError(`expected consistency to be "local" or "strong", got ${inspect(consistency)}`);
  }
  if (merge !== "fields" && merge !== "whole") {
    throw new TypeError(`expected merge to be "fields" or "whole", got ${inspect(merge)}`);
  }
  checkUsers(index, maxSessions);
  checkGroups(together);
  if (merge === "whole" && together.length > 0) {
    throw new TypeError(
      'expected together only with merge: "fields", got it with "whole", where all fields are together',
    );
  }
  return {
    prefix,
    ttl: checkMs("ttl", options.ttl, DAY_MS, 1, Number.MAX_SAFE_INTEGER),
    touchAfter: checkMs("touchAfter", options.touchAfter, MINUTE_MS, 0, Number.MAX_SAFE_INTEGER),
    isWhole: merge === "whole",
    together: together.map((group) => [...group]),
    isStrong: consistency === "strong",
    timeoutMs: checkMs("timeout", options.timeout, 10_000),
    index: index ?? null,
    maxSessions,
  };
}

function checkUsers(index: unknown, maxSessions: unknown): void {
  if (index !== undefined && typeof index !== "function") {
    throw new TypeError(`expected index to be a function such as (session) => session.userId, got ${inspect(index)}`);
  }
  if (/Async|Generator/.test(Object.prototype.toString.call(index))) {
    throw new TypeError(
      `expected index to be a function that returns an id at once, such as (session) => session.userId, got ${inspect(index)}`,
    );
  }
  if (typeof maxSessions !== "number")
    throw new TypeError(`expected maxSessions to be a number, got ${inspect(maxSessions)}`);
  if (maxSessions !== Infinity && !(Number.isInteger(maxSessions) && maxSessions > 0))
    throw new RangeError(`expected maxSessions to be a whole number of 1 or more, got ${maxSessions}`);
}

function checkGroups(together: unknown): void {
  const isGroup = (group: unknown): boolean =>
    Array.isArray(group) && group.length > 1 && group.every((field) => typeof field === "string" && field !== "cookie");
  if (!Array.isArray(together) || !together.every(isGroup)) {
    throw new TypeError(
      `expected together to be groups of fields such as [["orgId", "role"]], got ${inspect(together)}`,
    );
  }
  const fields = together.flat();
  const twice = fields.find((field, index) => fields.indexOf(field) < index);
  if (twice !== undefined)
    throw new TypeError(`expected each field in one group of together, got ${inspect(twice)} twice`);
}
