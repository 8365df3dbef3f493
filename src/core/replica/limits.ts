/** Limits: hits that are counted at their place in the log, and answered in time whether or not there is a manager. */
import { limitEntry, NEVER, type Path } from "../log/entry.js";
import { type LimitRule, returnText, ruleText } from "../log/limit-rule.js";
import { type Count, canRefuse, countHit } from "../state/counting.js";
import { kindsOf, type UserPath } from "../state/path.js";
import type { Table } from "../state/table.js";
import { checkLimit, type Patience, type StorageLimitOptions, type StorageLimitResult } from "./limit-options.js";
import { type Asked, type Hit, PendingHit, PendingHits } from "./pending-hits.js";
import type { Tables } from "./tables.js";
import type { Writer } from "./writer.js";

export type { Hit } from "./pending-hits.js";

/** What limits need of their replica. */
export interface LimitsParts {
  readonly tables: Tables;
  readonly writer: Writer;
  /** What the user sees. */
  readonly table: () => Table;
  readonly parse: (path: UserPath) => Path;
}

/**
 * Counts hits.
 *
 * Invariants:
 * 1. Each hit is decided once: by the log, or by this process alone, no later than its `timeoutMs` after the call.
 * 2. A hit that this process refuses at once, although there is a manager, had no room in the state that it shows. It writes nothing.
 */
export class Limits {
  readonly #parts: LimitsParts;
  readonly #pending: PendingHits;

  constructor(parts: LimitsParts) {
    this.#parts = parts;
    this.#pending = new PendingHits(parts.tables.clock, (asked, amount) => this.#decide(asked, amount));
  }

  /** What `Storage.limit` does. Throws at once what is wrong with the arguments. */
  limit(path: UserPath, options: StorageLimitOptions): Promise<StorageLimitResult> {
    const limit = checkLimit(options);
    const { rule, cost } = limit;
    const keys = this.#parts.parse(path);
    if (cost === 0) return Promise.resolve(this.#look(rule, keys));
    const answer = (hit: Hit) => resultOf(rule, cost, hit, this.now);
    return this.#hit(path, { keys, limit, answer }) as Promise<StorageLimitResult>;
  }

  /** Counts a hit by any rule. Throws at once what `Replica.increment` throws. */
  hit(path: UserPath, rule: LimitRule, cost: number, { timeoutMs, onTimeout }: Patience): Promise<Hit> {
    const limit = { rule, cost, timeoutMs, onTimeout };
    const answer = (hit: Hit) => hit;
    return this.#hit(path, { keys: this.#parts.parse(path), limit, answer }) as Promise<Hit>;
  }

  /** What this process knows to be counted at a path; null: nothing. */
  count(path: UserPath): Count | null {
    return this.#find(this.#parts.parse(path), this.now) ?? null;
  }

  /** Takes hits back from the count that expires at `until`, if it goes on. Resolves when that is confirmed. */
  giveBack(path: UserPath, until: number, cost = 1): Promise<void> {
    const entry = limitEntry(this.#parts.parse(path), returnText(until), cost);
    return this.#parts.writer.promise(entry, () => undefined);
  }

  /** Ends the timers. Nothing is pending any more. */
  end(): void {
    this.#pending.end();
  }

  /** Storage time in ms since 1970. */
  get now(): number {
    return this.#parts.tables.now;
  }

  #hit(path: UserPath, asked: Asked): Promise<unknown> {
    const { keys } = asked;
    const { rule, cost } = asked.limit;
    if (canRefuse(rule)) {
      const { now } = this;
      const found = this.#find(keys, now);
      const seen = found === undefined ? null : countHit(rule, cost, found, now);
      if (seen?.isCounted === false) return Promise.resolve(asked.answer(seen));
    }
    // What would be refused for want of a manager is not written for it.
    if (this.#pending.areLate) {
      const hit = this.#decide(asked, this.#pending.amountOn(keys) + cost);
      if (!hit.isCounted) return Promise.resolve(asked.answer(hit));
    }
    const entry = limitEntry(keys, ruleText(rule), cost, kindsOf(path, keys));
    return new PendingHit(this.#pending, asked).write(this.#parts.writer, entry);
  }

  /** What this process decides by itself, with the hits that are pending. */
  #decide({ keys, limit }: Asked, amount: number): Hit {
    const { now } = this;
    const seen = countHit(limit.rule, amount, this.#find(keys, now) ?? null, now);
    if (limit.onTimeout === "view") return seen;
    if (limit.onTimeout === "failClosed") return { ...seen, isCounted: false };
    return { ...seen, isCounted: true, used: Math.min(seen.used, limit.rule.limit) };
  }

  #look(rule: LimitRule, keys: Path): StorageLimitResult {
    const { now } = this;
    const found = this.#find(keys, now) ?? null;
    if (found === null) return { allowed: true, used: 0, remaining: rule.limit, resetAt: now, retryAfter: 0 };
    const hit = countHit(rule, 0, found, now);
    return resultOf(rule, 1, { ...hit, isCounted: hit.used < rule.limit }, now);
  }

  /** What is counted; null: nothing; undefined: something else is there, of which the log says what is wrong with it. */
  #find(keys: Path, now: number): Count | null | undefined {
    return this.#parts.table().count(keys, now);
  }
}

/** What the caller of `limit` gets for a hit. The last ms of a window was left out. */
function resultOf({ kind, limit, ms }: LimitRule, cost: number, hit: Hit, now: number): StorageLimitResult {
  const { isCounted, used, expiresAt } = hit;
  const isEven = kind === "gcra";
  const resetAt = expiresAt === NEVER ? Infinity : isEven ? expiresAt : expiresAt + 1;
  const roomAt = isEven ? Math.ceil(expiresAt - ((limit - cost) * ms) / limit) + 1 : resetAt;
  const retryAfter = isCounted ? 0 : Math.max(1, roomAt - now);
  return { allowed: isCounted, used, remaining: Math.max(0, limit - used), resetAt, retryAfter };
}
