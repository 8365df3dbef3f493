import type { Storage } from "../core/index.js";
import type { ReadBarrier } from "./read-barrier.js";
import { type SessionKeys, Slices } from "./session-index.js";
import type { Sessions } from "./sessions.js";

/** Which part of the sessions is removed at a time, so that it is seldom looked for those that go. */
const REMOVED_PART = 0.01;

/** How many sessions are removed in one batch. */
const BATCH_COUNT = 1000;

/** What comes on top of the ms that a session with a user has left: so those of nobody go first. */
const USER_MS = 2 ** 52;

/**
 * Keeps a store from having more than `maxSessions` sessions for longer than it takes to remove some: those of nobody, and then of the
 * others those that end first.
 *
 * A process that has created a session looks when that is confirmed: then it knows all sessions that come before it in the log. So whichever
 * process creates the session that is one too many, that one removes some.
 */
export class SessionLimit {
  readonly #storage: Storage;
  readonly #sessions: Sessions;
  readonly #keys: SessionKeys;
  readonly #readBarrier: ReadBarrier;
  readonly #maxCount: number;
  #running: Promise<void> | null = null;

  constructor(storage: Storage, sessions: Sessions, keys: SessionKeys, readBarrier: ReadBarrier, maxCount: number) {
    this.#storage = storage;
    this.#sessions = sessions;
    this.#keys = keys;
    this.#readBarrier = readBarrier;
    this.#maxCount = maxCount;
  }

  /** Removes sessions if there are too many; resolves when that is confirmed. It is no failure of the session that was created if it cannot. */
  async enforce(): Promise<void> {
    await this.#keys.catchUp();
    if (this.#keys.size <= this.#maxCount) return;
    this.#running ??= this.#remove().finally(() => {
      this.#running = null;
    });
    await this.#running.catch(() => {});
  }

  async #remove(): Promise<void> {
    const slices = new Slices();
    const left = new Map<string, number>();
    for (const [key, user] of [...this.#keys.entries()]) {
      const ms = this.#storage.ttl([key]);
      if (ms !== null) left.set(key, Math.min(ms, USER_MS - 1) + (user === null ? 0 : USER_MS));
      if (slices.isOver) await slices.next();
    }
    const count = left.size - this.#maxCount;
    if (count <= 0) return;
    const removedCount = Math.max(count, left.size - Math.floor(this.#maxCount * (1 - REMOVED_PART)));
    const last = Float64Array.from(left.values()).sort()[removedCount - 1] as number;
    const keys = [...left].filter(([, ms]) => ms <= last).map(([key]) => key);
    for (let from = 0; from < removedCount; from += BATCH_COUNT) {
      const some = keys.slice(from, Math.min(from + BATCH_COUNT, removedCount));
      await this.#readBarrier.untilConfirmed(this.#sessions.remove(some));
    }
  }
}
