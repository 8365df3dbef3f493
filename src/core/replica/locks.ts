/** The claims of locks that this member has made, by their keys. */
import { CLEAR, type Entry, LEFT } from "../log/entry.js";
import { claimsKeyOf, departureOf } from "../state/claims.js";
import { parsePath, type UserPath } from "../state/path.js";
import type { Announcer } from "./events.js";
import { LockClaim, type LockTerms } from "./lock-claim.js";
import type { LockParts } from "./lock-line.js";

/** Invariant: `#claims` has the claims of this member that have not ended, and no empty set. */
export class Locks {
  readonly #parts: LockParts;
  readonly #announcer: Announcer;
  readonly #claims = new Map<string, Set<LockClaim>>();
  /** The keys whose claims must look at the state. */
  readonly #seen = new Set<string>();

  constructor(parts: LockParts, announcer: Announcer) {
    this.#parts = parts;
    this.#announcer = announcer;
  }

  /**
   * Claims a lock. The same path names the same lock, whatever is stored.
   * @throws what `set` throws.
   */
  claim(path: UserPath, terms: LockTerms, onEnd: () => void): LockClaim {
    const name = parsePath(path, () => false);
    const key = claimsKeyOf(name);
    parsePath([key], () => false);
    const ended = (claim: LockClaim): void => {
      this.#forget(claim);
      onEnd();
    };
    const claim = new LockClaim(this.#parts, key, JSON.stringify(path), terms, ended);
    const claims = this.#claims.get(key) ?? new Set();
    this.#claims.set(key, claims.add(claim));
    return claim;
  }

  /**
   * The entries of another member as they are executed one after the other, where a departure is what it does to the claims of its member. Each is
   * executed before the next one is asked for.
   */
  *seeing(entries: readonly Entry[]): Generator<Entry> {
    const { pending, tables } = this.#parts;
    const table = tables.shown;
    const departure = (entry: Entry) => departureOf(entry, table.slots, table.time);
    for (const entry of entries) {
      const executed = entry.type === LEFT ? pending.onConfirmed(table, null, () => departure(entry)) : [entry];
      for (const each of executed) {
        yield each;
        this.saw(each);
      }
    }
  }

  /** An entry was executed at its place in the log. */
  saw({ type, path }: Entry): void {
    if (this.#claims.size === 0) return;
    if (type === CLEAR) this.sawAll();
    else if (this.#claims.has(path[0] as string)) this.#sawKey(path[0] as string);
  }

  /** The state is another one. */
  sawAll(): void {
    for (const key of this.#claims.keys()) this.#sawKey(key);
  }

  /** Nothing more is written. */
  fail(error: Error): void {
    for (const claims of [...this.#claims.values()]) for (const claim of [...claims]) claim.close(error);
  }

  #sawKey(key: string): void {
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#announcer.push(() => {
      this.#seen.delete(key);
      for (const claim of [...(this.#claims.get(key) ?? [])]) claim.step();
    });
  }

  #forget(claim: LockClaim): void {
    const claims = this.#claims.get(claim.key);
    if (claims?.delete(claim) && claims.size === 0) this.#claims.delete(claim.key);
  }
}
