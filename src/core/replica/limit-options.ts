/** What callers say of a limit, and what they get. */
import { type LimitRule, MAX_PRODUCT } from "../log/limit-rule.js";
import { aKindOf } from "./value.js";

/** What `limit` allows, and how long it waits. All processes should say the same of one path. */
export interface StorageLimitOptions {
  /** How much is allowed in a window, in all processes together: a whole number of 1 or more. */
  readonly limit: number;
  /** The window, in whole ms, 1 or more. */
  readonly windowMs: number;
  /** How much this call counts: a whole number up to `limit`. 0: it looks and counts nothing. Default: 1. */
  readonly cost?: number | undefined;
  /**
   * `"window"`: a window begins with the first call that is counted, and never moves; in two that follow each other there may be twice `limit`
   * around the edge. `"gcra"`: what was counted drains evenly, by `limit` in `windowMs`, so that after a burst of `limit` there is room for one
   * more every `windowMs / limit` ms. Default: `"window"`.
   */
  readonly algorithm?: "window" | "gcra" | undefined;
  /** The longest wait for the confirmation by a manager, in ms, 1 to 2^31-1. Default: 1000. */
  readonly timeout?: number | undefined;
  /**
   * What decides when no confirmation has come in time. `"view"`: what this process knows, its own calls that are pending included.
   * `"failOpen"`: it is allowed. `"failClosed"`: it is refused. The call is pending all the same, and is counted when there is a manager. Default:
   * `"view"`.
   */
  readonly onTimeout?: "view" | "failOpen" | "failClosed" | undefined;
}

/** What `limit` has decided. */
export interface StorageLimitResult {
  /** Whether there was room, so that this call is counted. With `cost: 0`: whether there is room for a call that costs 1. */
  readonly allowed: boolean;
  /** How much is counted now, this call included if it is allowed. */
  readonly used: number;
  /** How much more is allowed now: `limit - used`, never below 0. */
  readonly remaining: number;
  /** When nothing is counted any more, in ms since 1970, by the time of the storage: that of the same entry as `used`. */
  readonly resetAt: number;
  /** In ms: after this time the same call would be allowed if nobody else made one; 0 when it is allowed now. */
  readonly retryAfter: number;
}

/** How long a hit waits, and what decides then. */
export interface Patience {
  readonly timeoutMs: number;
  readonly onTimeout: "view" | "failOpen" | "failClosed";
}

/** Checked options. */
export interface CheckedLimit extends Patience {
  readonly rule: LimitRule;
  readonly cost: number;
}

const NAMES = ["limit", "windowMs", "cost", "algorithm", "timeout", "onTimeout"];
const DEFAULT_TIMEOUT_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws TypeError, RangeError when these are no options of a limit. */
export function checkLimit(options: StorageLimitOptions): CheckedLimit {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`expected options such as { limit: 5, windowMs: 60000 }, got ${aKindOf(options)}`);
  for (const name in options)
    if (!NAMES.includes(name)) throw new TypeError(`expected one of the options ${NAMES.join(", ")}, got ${name}`);
  const { cost = 1, algorithm = "window" } = options;
  const limit = whole("limit", options.limit, 1, Number.MAX_SAFE_INTEGER);
  const ms = whole("windowMs", options.windowMs, 1, Number.MAX_SAFE_INTEGER);
  whole("cost", cost, 0, limit);
  if (algorithm !== "window" && algorithm !== "gcra")
    throw new TypeError(`expected algorithm to be "window" or "gcra", got ${JSON.stringify(algorithm)}`);
  if (algorithm === "gcra" && limit * ms > MAX_PRODUCT)
    throw new RangeError(`expected limit * windowMs to be at most 2^52 with "gcra", got ${limit * ms}`);
  const { timeoutMs, onTimeout } = checkPatience(options);
  return { rule: { kind: algorithm, limit, ms, blockMs: 0 }, cost, timeoutMs, onTimeout };
}

/** @throws TypeError, RangeError when the two options are not valid. */
export function checkPatience(options: Pick<StorageLimitOptions, "timeout" | "onTimeout">): Patience {
  const { timeout = DEFAULT_TIMEOUT_MS, onTimeout = "view" } = options;
  if (onTimeout !== "view" && onTimeout !== "failOpen" && onTimeout !== "failClosed") {
    const wanted = '"view", "failOpen" or "failClosed"';
    throw new TypeError(`expected onTimeout to be ${wanted}, got ${JSON.stringify(onTimeout)}`);
  }
  return { timeoutMs: whole("timeout", timeout, 1, MAX_TIMER_MS), onTimeout };
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`expected ${name} to be a number, got ${aKindOf(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`expected ${name} to be a whole number from ${least} to ${most}, got ${value}`);
}
