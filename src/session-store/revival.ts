import { randomUUID } from "node:crypto";
import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import { elapsedTime } from "../core/runtime.js";
import { type DestroyedSessions, KNOWN_MS } from "./destroyed-sessions.js";
import type { ExpiredKeys } from "./expired-keys.js";
import { BIRTH, REVIVING, revivingMarkOf, SINCE, type StoredSession } from "./payload.js";
import type { LoadedSession } from "./request-context.js";
import type { Revocations } from "./revocations.js";

/** Longest time, in ms, since a request last knew that its session existed, for which it may bring it back. */
const MAX_ABSENCE_MS = KNOWN_MS / 2;

/** By how many ms two readings of clocks may differ. */
const CLOCK_MARGIN_MS = 1000;

/** Tries until a session has settled: each time, another request of it came first. */
const MAX_TRIES = 10;

/** What a session becomes when it comes back. */
export interface Revived {
  readonly key: string;
  /** All of it, as it is stored, without a birth mark. */
  readonly session: StoredSession;
  /** Since when it has been that of its user, as a place in the log; `Infinity`: from now on. */
  readonly since: number;
  /** What the request writes if the session is already back. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** In ms. */
  readonly lifetime: number;
}

/**
 * Brings sessions back that have expired while a request was using them.
 *
 * A session that has expired and one that was destroyed are both absent, and another process may destroy it at this moment. So it
 * comes back in two steps. First it is added under a birth mark of its own, which begins with `REVIVING`: no read shows it. Once that is
 * confirmed, all that precedes it in the log is known here. If no note of a destruction is among it, what was added, and nothing
 * that was added again since, gets the birth mark of the session. A destruction that comes after the first step removes it, so that the
 * second has no effect.
 */
export class Revival {
  readonly #storage: Storage;
  readonly #facts: StorageFacts;
  readonly #destroyed: DestroyedSessions;
  readonly #expired: ExpiredKeys;
  readonly #revocations: Revocations;
  /** The last one of the revivals of each key that run in this process: what is pending here looks as if it were confirmed. */
  readonly #running = new Map<string, Promise<boolean>>();

  constructor(storage: Storage, destroyed: DestroyedSessions, expired: ExpiredKeys, revocations: Revocations) {
    this.#storage = storage;
    this.#revocations = revocations;
    this.#expired = expired;
    this.#facts = factsOf(storage) as StorageFacts;
    this.#destroyed = destroyed;
  }

  /** Brings a session back; resolves, once confirmed, with whether it exists again. False: it was destroyed, or replaced. */
  revive(loaded: LoadedSession, revived: Revived): Promise<boolean> {
    const { key } = revived;
    if (!this.#hasExpired(loaded, key)) return Promise.resolve(false);
    const before = this.#running.get(key) ?? Promise.resolve(false);
    const revival = before.catch(() => false).then(() => this.#revive(loaded, revived));
    this.#running.set(key, revival);
    const end = (): void => {
      if (this.#running.get(key) === revival) this.#running.delete(key);
    };
    revival.then(end, end);
    return revival;
  }

  async #revive(loaded: LoadedSession, revived: Revived): Promise<boolean> {
    const { key, session, changes, lifetime } = revived;
    const { replica } = this.#facts;
    const stamp = revived.since === Infinity ? SINCE : "";
    const birth = loaded.birth ?? randomUUID();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (this.#isLost(loaded, revived)) return false;
      const raw: unknown = this.#storage.get([key]);
      const begun = revivingMarkOf(raw, birth);
      if (raw === null) {
        const mark = REVIVING + birth + REVIVING + randomUUID();
        if (!(await replica.add([key], { ...session, [BIRTH]: mark }, lifetime, stamp))) continue;
        if (await this.#settle(loaded, revived, mark, { [BIRTH]: birth })) return true;
      } else if (begun !== undefined) {
        // Another process has begun and may not go on. What is visible of it is confirmed.
        if (await this.#settle(loaded, revived, begun, { ...changes, [BIRTH]: birth })) return true;
      } else {
        const options = { match: { [BIRTH]: birth }, ttl: lifetime };
        if (await replica.patch([key], changes, options, stamp)) return true;
        if (this.#storage.get([key]) !== null) return false;
      }
    }
    return false;
  }

  /** The second step. What must not come back is made to expire at once. */
  async #settle(
    loaded: LoadedSession,
    revived: Revived,
    mark: string,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<boolean> {
    const { key, lifetime, since } = revived;
    const match = { [BIRTH]: mark };
    const stamp = since === Infinity ? SINCE : "";
    if (!this.#isLost(loaded, revived))
      return this.#facts.replica.patch([key], changes, { match, ttl: lifetime }, stamp);
    await this.#storage.patch([key], {}, { match, ttl: 1 });
    return false;
  }

  /** Whether a session that is absent has expired, and was not removed from the storage by other means than its store. */
  #hasExpired({ vitals }: LoadedSession, key: string): boolean {
    if (elapsedTime() >= vitals.endsAt - CLOCK_MARGIN_MS) return true;
    // Another request may have given it a shorter life.
    return this.#facts.holds(key) || this.#expired.has(key);
  }

  /** Whether a session must not come back: it was destroyed, or so long ago was it there that this is not known any more. */
  #isLost({ sid, vitals }: LoadedSession, { session, since }: Revived): boolean {
    if (elapsedTime() - vitals.seenAt > MAX_ABSENCE_MS) return true;
    return this.#destroyed.isDestroyedSince(sid, vitals.destructions) || this.#revocations.isLost(sid, session, since);
  }
}
