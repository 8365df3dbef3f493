/** Hits that are on their way to their places in the log, and what their callers get when that takes too long. */
import { codeOf } from "../errors.js";
import type { Entry, Path } from "../log/entry.js";
import { APPLIED } from "../state/executor.js";
import { type Lane, Lanes, type Waiting } from "./lanes.js";
import type { CheckedLimit } from "./limit-options.js";
import type { Op, Promised } from "./op.js";
import type { ReplicaClock } from "./tables.js";
import type { Writer } from "./writer.js";

/** What a hit came to. */
export interface Hit {
  /** Whether it was counted. */
  readonly isCounted: boolean;
  /** How much is counted after it. */
  readonly used: number;
  /** When that expires, in ms since 1970 by storage time, or `NEVER`: names the window, for `giveBack`. */
  readonly expiresAt: number;
}

/** What is asked for. */
export interface Asked {
  readonly keys: Path;
  readonly limit: CheckedLimit;
  /** What the caller gets for a hit. */
  answer(hit: Hit): unknown;
}

/** What this process decides by itself, when hits of an amount are pending on the path, the one that is asked for included. */
export type Decide = (asked: Asked, amount: number) => Hit;

/** What the hits on one path cost that were pending when a hit was late for the first time, and all after them. */
interface Sum {
  written: number;
  left: number;
}

/** All hits that are pending. */
export class PendingHits {
  readonly decide: Decide;
  readonly #lanes: Lanes<PendingHit>;
  /** By the text of the path; null unless some are late: nearly all the time nothing is added up. */
  #sums: Map<string, Sum> | null = null;
  #lateCount = 0;

  constructor(clock: ReplicaClock, decide: Decide) {
    this.decide = decide;
    this.#lanes = new Lanes(clock);
  }

  /** Whether this process has answered hits by itself that are still pending: there is no manager to wait for. */
  get areLate(): boolean {
    return this.#lateCount > 0;
  }

  /** The lane of hits that wait for `timeoutMs`. */
  lane(timeoutMs: number): Lane<PendingHit> {
    return this.#lanes.of(timeoutMs);
  }

  /** What the hits on a path cost. Costs as much as all that are pending, unless some are late. */
  amountOn(keys: Path): number {
    const sums = this.#sums ?? this.#addUp();
    const sum = sums.get(textOf(keys));
    return sum === undefined ? 0 : sum.written - sum.left;
  }

  /** Notes a hit that is late. */
  late(hit: PendingHit): void {
    this.#lateCount++;
    this.#sums ??= this.#addUp(hit);
    if (hit.sum === null) this.#add(this.#sums, hit);
  }

  /** Notes that a hit has left that was late. */
  left(): void {
    this.#lateCount--;
    if (this.#lateCount === 0) this.#sums = null;
  }

  /** Ends the timers: nothing is pending any more. */
  end(): void {
    this.#lanes.end();
  }

  #addUp(...first: PendingHit[]): Map<string, Sum> {
    const sums = new Map<string, Sum>();
    for (const hit of first) this.#add(sums, hit);
    for (const hit of this.#lanes.all()) this.#add(sums, hit);
    return sums;
  }

  #add(sums: Map<string, Sum>, hit: PendingHit): void {
    const text = textOf(hit.keys);
    const sum = sums.get(text) ?? { written: 0, left: 0 };
    sums.set(text, sum);
    sum.written += hit.cost;
    hit.sum = sum;
    hit.rank = sum.written;
  }
}

/** Only what is decided without a manager would suffer if two paths had the same text. */
function textOf(keys: Path): string {
  return keys.length === 1 ? (keys[0] as string) : JSON.stringify(keys);
}

/**
 * One hit.
 *
 * Invariant: `promise` is settled once: by the log, or by `late` if that comes first.
 */
export class PendingHit implements Promised<Op>, Waiting {
  readonly promise: Promise<unknown>;
  /** What the hits before it cost, and what it comes to with them: once some hit is late. */
  sum: Sum | null = null;
  rank = 0;
  readonly #hits: PendingHits;
  readonly #asked: Asked;
  #fulfil: ((answer: unknown) => void) | null = null;
  #reject: ((error: Error) => void) | null = null;
  /** Null: it does not wait. */
  #lane: Lane<PendingHit> | null = null;

  constructor(hits: PendingHits, asked: Asked) {
    this.#hits = hits;
    this.#asked = asked;
    this.promise = new Promise((resolve, reject) => {
      this.#fulfil = resolve;
      this.#reject = reject;
    });
  }

  get keys(): Path {
    return this.#asked.keys;
  }

  get cost(): number {
    return this.#asked.limit.cost;
  }

  /**
   * Writes it; returns its promise. Where there is no room for it, or others are late, this process decides at once.
   * @throws as `Writer.write`, but for `ERR_STORAGE_PENDING_FULL`.
   */
  write(writer: Writer, entry: Entry): Promise<unknown> {
    try {
      writer.write(entry, this, this.promise);
    } catch (error) {
      if (codeOf(error) !== "ERR_STORAGE_PENDING_FULL") throw error;
      this.#decide(this.#hits.amountOn(this.keys) + this.cost);
      return this.promise;
    }
    if (this.#hits.areLate) this.late();
    else {
      this.#lane = this.#hits.lane(this.#asked.limit.timeoutMs);
      this.#lane.add(this);
    }
    return this.promise;
  }

  /** The log has decided. */
  resolve({ status, number, expiresAt }: Op): void {
    this.#leave();
    this.#answer({ isCounted: status === APPLIED, used: number, expiresAt });
  }

  /** It is not known what became of it, or the storage has failed. */
  reject(error: Error): void {
    this.#leave();
    // It took effect, or may have. What is counted says more than the error.
    if (codeOf(error) === "ERR_STORAGE_EXPIRED") this.#decide(0);
    else this.#reject?.(error);
  }

  /** This process decides. */
  late(): void {
    this.#lane = null;
    this.#hits.late(this);
    this.#decide(this.rank - (this.sum as Sum).left);
  }

  #decide(amount: number): void {
    if (this.#fulfil !== null) this.#answer(this.#hits.decide(this.#asked, amount));
  }

  #answer(hit: Hit): void {
    this.#fulfil?.(this.#asked.answer(hit));
    this.#fulfil = null;
    this.#reject = null;
  }

  #leave(): void {
    if (this.sum !== null) this.sum.left += this.cost;
    if (this.#lane === null) this.#hits.left();
    else this.#lane.delete(this);
  }
}
