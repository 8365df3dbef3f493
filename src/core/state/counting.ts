/**
 * What a hit makes of a count. Pure: the same hit at the same place in the log comes to the same in all members.
 *
 * A count is one number with its own expiry. With `gcra` the two are the *theoretical arrival time* at which nothing would be counted
 * any more: it is `expiresAt`, less the number in units of `1 / limit` ms. So it is exact, and a count that has drained has expired.
 *
 * The algorithm: ITU-T Recommendation I.371 (03/2004), annex A, "virtual scheduling"; Brandur Leach, "Rate limiting, cells, and GCRA"
 * (2015), and his package throttled for Go.
 */
import { endAfter, NEVER, type Path } from "../log/entry.js";
import type { LimitRule, ReturnRule } from "../log/limit-rule.js";
import { presentAt } from "./edit.js";
import type { Slot } from "./slot.js";

/** A count that is live. */
export interface Count {
  readonly number: number;
  /** In ms since 1970, or `NEVER`. */
  readonly expiresAt: number;
}

/** What a hit came to. */
export interface Counted extends Count {
  /** Whether the count was changed; otherwise `number` and `expiresAt` are as they were. */
  readonly isCounted: boolean;
  /** How much is counted now, as a whole number. */
  readonly used: number;
}

/** The count at a path of a live slot; null: there is nothing; undefined: there is something else. */
export function countAt(slot: Slot, path: Path, time: number): Count | null | undefined {
  const number = presentAt(slot, path, time);
  if (number === undefined) return null;
  if (typeof number !== "number") return undefined;
  return { number, expiresAt: slot.expiries?.find(path, path.length)?.at ?? NEVER };
}

/**
 * Counts a hit.
 * @param amount How much it counts.
 * @param found The count before; null: nothing is counted.
 * @param time When, in ms since 1970.
 */
export function countHit(rule: LimitRule | ReturnRule, amount: number, found: Count | null, time: number): Counted {
  if (rule.kind === "back") return takeBack(rule, amount, found);
  return rule.kind === "gcra" ? countEvenly(rule, amount, found, time) : countInWindow(rule, amount, found, time);
}

/** Whether a hit that a count has no room for changes nothing, so that it may be refused wherever the count is known. */
export function canRefuse({ kind }: LimitRule): boolean {
  return kind === "window" || kind === "gcra" || kind === "block";
}

function counted(number: number, expiresAt: number, used = number): Counted {
  return { isCounted: true, number, expiresAt, used };
}

function countInWindow(rule: LimitRule, amount: number, found: Count | null, time: number): Counted {
  const { kind, limit, ms } = rule;
  const before = found === null ? 0 : found.number;
  const expiresAt = found === null ? endOf(ms, time) : found.expiresAt;
  const number = before + amount;
  if (number <= limit || kind === "count") return counted(number, expiresAt);
  if (kind === "restart") return counted(number, endOf(ms, time));
  if (kind === "double") return counted(number, endOf(ms * 2 ** (number - limit - 1), time));
  if (kind === "block" && before <= limit) return counted(limit + 1, endOf(rule.blockMs, time));
  return { isCounted: false, number: before, expiresAt, used: before };
}

/** When a window ends that begins now. @param ms 0: never. */
function endOf(ms: number, time: number): number {
  return ms > 0 ? endAfter(Math.min(ms, Number.MAX_SAFE_INTEGER), time) : NEVER;
}

function countEvenly({ limit, ms }: LimitRule, amount: number, found: Count | null, time: number): Counted {
  const owed = owedIn(limit, found, time);
  const owedAfter = owed + amount * ms;
  if (owedAfter > ms * limit) {
    const { number, expiresAt } = found ?? { number: 0, expiresAt: time };
    return { isCounted: false, number, expiresAt, used: Math.ceil(owed / ms) };
  }
  const wait = Math.ceil(owedAfter / limit);
  return counted(wait * limit - owedAfter, time + wait, Math.ceil(owedAfter / ms));
}

/**
 * The time until nothing is counted, in units of `1 / limit` ms: a whole number. The number of the count may be that of another limit or
 * kind, or any.
 */
function owedIn(limit: number, found: Count | null, time: number): number {
  if (found === null || found.expiresAt === NEVER) return 0;
  const early = Math.floor(Math.min(Math.max(found.number, 0), limit - 1));
  const owed = (found.expiresAt - time) * limit - early;
  return Math.min(Math.max(0, owed), Number.MAX_SAFE_INTEGER);
}

/** Takes hits back, if their count goes on. It never falls below 0. */
function takeBack({ until }: ReturnRule, amount: number, found: Count | null): Counted {
  if (found === null) return { isCounted: false, number: 0, expiresAt: NEVER, used: 0 };
  if (found.expiresAt !== until) return { ...found, isCounted: false, used: found.number };
  return counted(Math.max(0, found.number - amount), until);
}
