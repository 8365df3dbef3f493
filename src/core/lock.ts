/** Locks as users have them. */
import type { StorageLock, StorageLockOptions } from "./api.js";
import { StorageError } from "./errors.js";
import type { LockClaim, LockTerms } from "./replica/lock-claim.js";

/** The names of the options of a lock. */
export const LOCK_OPTIONS = ["lease", "wait", "signal"] as const;

/** Default, least and most ms of a lease. */
const [LEASE_MS, LEAST_LEASE_MS, MOST_LEASE_MS] = [10_000, 100, 24 * 60 * 60 * 1000];

/** Most that may hold a semaphore at the same time. */
const MOST_HOLDERS = 10_000;

/** What options of known names and a known signal ask for. @throws TypeError, RangeError when one is not valid. */
export function termsOf(count: unknown, { lease = LEASE_MS, wait = Infinity, signal }: StorageLockOptions): LockTerms {
  if (typeof count !== "number") throw new TypeError(`expected how many may hold as a number, got ${typeof count}`);
  if (!Number.isInteger(count) || count < 1 || count > MOST_HOLDERS)
    throw new RangeError(`expected a whole number of holders from 1 to ${MOST_HOLDERS}, got ${count}`);
  if (typeof lease !== "number") throw new TypeError(`expected lease to be a number, got ${typeof lease}`);
  if (!(lease >= LEAST_LEASE_MS && lease <= MOST_LEASE_MS))
    throw new RangeError(`expected lease to be from ${LEAST_LEASE_MS} to ${MOST_LEASE_MS} ms, got ${lease}`);
  if (typeof wait !== "number") throw new TypeError(`expected wait to be a number, got ${typeof wait}`);
  if (!(wait >= 0)) throw new RangeError(`expected wait to be 0 ms or more, got ${wait}`);
  return { count, leaseMs: Math.ceil(lease), waitMs: wait, signal };
}

/** Why a lock ends with its storage. */
export function closedError(): StorageError {
  return new StorageError(
    "ERR_STORAGE_CLOSED",
    "expected an open storage until the lock is released, got one that was closed",
  );
}

/** A lock that this process holds. */
export class HeldLock implements StorageLock {
  readonly #claim: LockClaim;

  constructor(claim: LockClaim) {
    this.#claim = claim;
  }

  get token(): number {
    return this.#claim.token;
  }

  get signal(): AbortSignal {
    return this.#claim.signal;
  }

  release(): Promise<void> {
    return this.#claim.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
