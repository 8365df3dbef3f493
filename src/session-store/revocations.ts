import { randomUUID } from "node:crypto";
import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import { KNOWN_MS } from "./destroyed-sessions.js";
import { SINCE, type StoredSession } from "./payload.js";
import type { SessionUsers } from "./session-users.js";

/** A record of a user. */
interface UserRecord {
  /** Its place in the log, or that of the latest write while it is pending. */
  readonly at: number;
  /** `@ended` only: the ids of the sessions that it leaves alone. */
  readonly except?: readonly string[];
  /** `@revoked` only: names this one, whatever else is written there. */
  readonly name?: string;
}

/** The field of a record that gets its place in the log. */
const AT = "at";

/**
 * From which place in the log on the sessions of a user count. Both records are of one user, under `@<kind>/<prefix>/<user>`, and are
 * compared with the place from which on a session has been that user's, the field `SINCE`:
 *
 * - `@revoked`: an earlier session is void. It counts as absent in every process that knows the record, and does not come back.
 * - `@ended`: an earlier session that has expired does not come back: it may not have been there to be destroyed.
 *
 * Invariants:
 * 1. The log orders creations, logins and records, so all processes agree which sessions are void, whatever happens at the same moment.
 * 2. A record is there while a session that it concerns may be, or come back: a revocation until they are destroyed, and `KNOWN_MS` more.
 *    The field `SINCE` is missing where a session was stored without the option `index`: it counts as earlier than all records.
 */
export class Revocations {
  readonly #storage: Storage;
  readonly #facts: StorageFacts;
  readonly #prefix: string;
  readonly #users: SessionUsers;

  constructor(storage: Storage, prefix: string, users: SessionUsers) {
    this.#storage = storage;
    this.#facts = factsOf(storage) as StorageFacts;
    this.#prefix = prefix;
    this.#users = users;
  }

  /** Makes the sessions void that a user has at this place in the log. Returns the name of the record. */
  revoke(user: string): string {
    const name = randomUUID();
    this.#facts.replica.set([this.#keyOf("@revoked", user)], { name }, undefined, AT);
    return name;
  }

  /** Notes that the sessions are destroyed that were void by a record, unless there is another one: it may be forgotten some time. */
  settle(user: string, name: string): Promise<boolean> {
    return this.#storage.patch([this.#keyOf("@revoked", user)], {}, { match: { name }, ttl: KNOWN_MS });
  }

  /** Notes that the sessions of a user, but for some ids, are being destroyed. */
  end(user: string, except: readonly string[]): void {
    this.#facts.replica.set([this.#keyOf("@ended", user)], { except }, KNOWN_MS, AT);
  }

  /** Whether what is stored of a session counts as absent. */
  isVoid(sid: string, stored: StoredSession): boolean {
    const user = this.#users.of(sid, stored);
    return user !== null && isBefore(sinceOf(stored), this.#recordOf("@revoked", user));
  }

  /** Whether a session that is absent must not come back. */
  isLost(sid: string, session: StoredSession, since: number): boolean {
    const user = this.#users.of(sid, session);
    if (user === null) return false;
    const ended = this.#recordOf("@ended", user);
    const isEnded = isBefore(since, ended) && !ended?.except?.includes(sid);
    return isEnded || isBefore(since, this.#recordOf("@revoked", user));
  }

  #recordOf(kind: string, user: string): UserRecord | null {
    return this.#storage.get<UserRecord | null>([this.#keyOf(kind, user)]);
  }

  #keyOf(kind: string, user: string): string {
    return `${kind}/${this.#prefix}/${user}`;
  }
}

/** Since when, as a place in the log, a stored session has been that of its user; 0: not known. */
export function sinceOf(stored: StoredSession): number {
  const since: unknown = stored[SINCE];
  return typeof since === "number" ? since : 0;
}

function isBefore(since: number, record: UserRecord | null): boolean {
  return record !== null && since < record.at;
}
