/** What the adapters of rate limiters have in common: where they count, how long they wait, and times as their callers have them. */
import { checkPatience, factsOf, type Hit, type LimitRule, type Patience, type Storage } from "../core/index.js";
import { after, type DateOfCaller, dateOfCaller, wallTimeOfCaller } from "../core/runtime.js";
import { expectOptions, failureOf, type Source, type StorageSource, sourceFrom } from "./source.js";

export type { DateOfCaller } from "../core/runtime.js";
export type { GivenStorage, StorageSource, StorageToOpen } from "./source.js";

/** The options of an adapter: an open `storage`, or the name and options to open one, and these. */
export type LimitStoreOptions = StorageSource & {
  /** Begins the keys of what is counted: limiters with the same prefix share their counts, and others must have another one. */
  prefix?: string;
  /** The longest wait of a request for the confirmation by a manager, in ms, 1 to 2^31-1. Default: 1000. */
  timeout?: number;
  /**
   * What decides when no confirmation has come in time: what this process knows (`"view"`), or every request is allowed
   * (`"failOpen"`) or refused (`"failClosed"`). Default: `"view"`.
   */
  onTimeout?: "view" | "failOpen" | "failClosed";
};

const OWN_OPTIONS = ["prefix", "timeout", "onTimeout"];
/** Clocks that differ by less are the same one, in other steps: a window must not move by a ms with each answer. */
const SAME_CLOCK_MS = 1000;

/** What is counted. */
export interface Counted {
  /** How much; more than the limit when the hit was refused. */
  readonly used: number;
  /** Whether it is counted: another process would count from it. */
  readonly isCounted: boolean;
  /** {@link Hit.expiresAt} */
  readonly expiresAt: number;
  /** In ms; `Infinity`: the count never ends. */
  readonly msLeft: number;
}

/** Counts of an adapter in a storage. */
export class LimitAccess {
  readonly prefix: string | undefined;
  readonly #source: Source;
  readonly #patience: Patience;

  /**
   * @param ownOptions The adapter's options besides those of every adapter.
   * @throws TypeError, RangeError on a bad option; StorageError as the constructor of a storage.
   */
  constructor(options: LimitStoreOptions, ownOptions: readonly string[] = []) {
    expectOptions(options);
    const { prefix } = options;
    if (prefix !== undefined && typeof prefix !== "string")
      throw new TypeError(`expected prefix to be a string, got ${String(prefix)}`);
    this.prefix = prefix;
    this.#patience = checkPatience(options);
    this.#source = sourceFrom(options, [...OWN_OPTIONS, ...ownOptions]);
  }

  get storage(): Storage {
    return this.#source.storage;
  }

  /** Counts a hit on a top-level key. @throws StorageError as `limit` of a storage. */
  async hit(key: string, rule: LimitRule, cost = 1): Promise<Counted> {
    const hit = await this.#limits.hit([key], rule, cost, this.#patience);
    const { isCounted, expiresAt } = hit;
    // What was refused counts for nothing, and its caller must see that it was.
    const used = isCounted ? hit.used : Math.max(hit.used, rule.limit + 1);
    return { used, isCounted, expiresAt, msLeft: this.#msLeft(hit) };
  }

  /** What this process knows to be counted; null: nothing. */
  count(key: string): Counted | null {
    const count = this.#limits.count([key]);
    if (count === null) return null;
    const { number: used, expiresAt } = count;
    return { used, isCounted: true, expiresAt, msLeft: this.#msLeft(count) };
  }

  /** Takes a hit back from the count that ends at `expiresAt`, if it goes on. */
  async giveBack(key: string, expiresAt: number): Promise<void> {
    await this.#inTime(this.#limits.giveBack([key], expiresAt));
  }

  /** Resolves when all that was written is confirmed, or when the longest wait is over. @throws as `flush` of a storage. */
  async confirmed(): Promise<void> {
    await this.#inTime(this.storage.flush());
  }

  /** When a time in ms from now is by the clock of the caller, as an object of its own. */
  dateAfter({ msLeft }: Counted): DateOfCaller | undefined {
    if (msLeft === Infinity) return undefined;
    const at = this.#limits.now + msLeft;
    const shift = at - msLeft - wallTimeOfCaller();
    return dateOfCaller(Math.abs(shift) < SAME_CLOCK_MS ? at : at - shift);
  }

  /** Closes the storage if it was opened here. */
  async close(): Promise<void> {
    if (this.#source.isOwn) await this.storage.close();
  }

  get #limits() {
    const failure = failureOf(this.storage);
    if (failure !== null) throw failure;
    const facts = factsOf(this.storage);
    if (facts === undefined) throw new TypeError("expected a storage of this version of the package, got another one");
    return facts.replica.limits;
  }

  /** The last ms of a window was left out. */
  #msLeft({ expiresAt }: Pick<Hit, "expiresAt">): number {
    return expiresAt === 0 ? Infinity : Math.max(0, expiresAt + 1 - this.#limits.now);
  }

  async #inTime(written: Promise<unknown>): Promise<void> {
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = after(this.#patience.timeoutMs, resolve).cancel;
    });
    written.catch(() => {}); // the race reports it, unless it is late
    await Promise.race([written, late]).finally(cancel);
  }
}

/** A whole number from 0 on, for numbers that come from elsewhere. */
export function wholeOf(value: number, least = 0): number {
  return Math.min(Math.max(least, Math.floor(value) || 0), Number.MAX_SAFE_INTEGER);
}
