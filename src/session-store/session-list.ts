import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import { isSession, isStored, type ListedSession, type StoredSession, unpacked } from "./payload.js";
import type { SessionUsers } from "./session-users.js";
import type { Sessions } from "./sessions.js";

/**
 * What is stored under the keys of sessions, for code that looks at many of them: what was not read before is parsed for one call
 * alone, so that the storage keeps its text.
 */
export class SessionList {
  readonly #facts: StorageFacts;
  readonly #sessions: Sessions;
  readonly #users: SessionUsers;

  constructor(storage: Storage, sessions: Sessions, users: SessionUsers) {
    this.#facts = factsOf(storage) as StorageFacts;
    this.#sessions = sessions;
    this.#users = users;
  }

  /** The user of what is stored under a key, be it a session that is void, or coming back; null: nobody. */
  userOf(key: string, stored: unknown = this.#facts.replica.peek(key)): string | null {
    return isStored(stored) ? this.#users.of(this.sidOf(key), stored) : null;
  }

  /** Whether what is stored under a key is void, be it a session that is coming back. */
  isVoid(key: string): boolean {
    const stored = this.#facts.replica.peek(key);
    return isStored(stored) && this.#sessions.revocations.isVoid(this.sidOf(key), stored);
  }

  /** Whether there is a session under a key. */
  has(key: string): boolean {
    return this.#stored(key) !== null;
  }

  /** Returns a copy of the session under a key, with its id; null when there is none. */
  get(key: string): ListedSession | null {
    const stored = this.#stored(key);
    const id = this.sidOf(key);
    return stored && { ...this.#sessions.copyOf(id, stored), id };
  }

  sidOf(key: string): string {
    return key.slice(this.#sessions.keyPrefix.length);
  }

  #stored(key: string): StoredSession | null {
    const raw = this.#facts.replica.peek(key);
    return isSession(raw) && !this.#sessions.revocations.isVoid(this.sidOf(key), raw) ? unpacked(raw) : null;
  }
}
