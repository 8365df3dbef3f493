import { inspect } from "node:util";
import { expectKnown } from "../core/index.js";
import type { ListedSession } from "./payload.js";
import type { ReadBarrier } from "./read-barrier.js";
import type { Revocations } from "./revocations.js";
import { type SessionKeys, Slices } from "./session-index.js";
import type { SessionList } from "./session-list.js";
import { userText } from "./session-users.js";
import type { Sessions } from "./sessions.js";

/** What `destroyByUser` leaves alone. */
export interface DestroyByUserOptions {
  /** The id of a session that stays, such as that of the request, or several. Default: none. */
  readonly except?: string | readonly string[];
}

/** How many sessions are removed at a time. */
const REMOVED_COUNT = 1000;

/** What an application does to the sessions of one user. */
export class UserSessions {
  readonly #sessions: Sessions;
  readonly #list: SessionList;
  readonly #keys: SessionKeys;
  readonly #revocations: Revocations;
  readonly #readBarrier: ReadBarrier;

  constructor(sessions: Sessions, list: SessionList, keys: SessionKeys, readBarrier: ReadBarrier) {
    this.#sessions = sessions;
    this.#list = list;
    this.#keys = keys;
    this.#revocations = sessions.revocations;
    this.#readBarrier = readBarrier;
  }

  /** Reads the live sessions of a user. Returns copies, each with its `id`. */
  async list(id: unknown): Promise<ListedSession[]> {
    const user = userText(id);
    await this.#readBarrier.beforeRead();
    const listed: ListedSession[] = [];
    const slices = new Slices();
    for (const key of await this.#keys.of(user)) {
      if (slices.isOver) await slices.next();
      const session = this.#list.get(key);
      if (session !== null && this.#list.userOf(key) === user) listed.push(session);
    }
    return listed;
  }

  /** Counts the live sessions of a user. */
  async count(id: unknown): Promise<number> {
    const user = userText(id);
    await this.#readBarrier.beforeRead();
    const keys = await this.#keys.of(user);
    return keys.filter((key) => this.#list.has(key) && this.#list.userOf(key) === user).length;
  }

  /**
   * Removes the sessions that a user has, but for some ids: all that any process had confirmed before the call. Returns how many there were.
   * @param options {@link DestroyByUserOptions}
   * @throws TypeError when these are others; StorageError `ERR_STORAGE_NOT_READY` when no manager says in time what was confirmed: then nothing is removed.
   */
  async destroy(id: unknown, options: unknown): Promise<number> {
    const except = exceptOf(options);
    const user = userText(id);
    await this.#readBarrier.untilCurrent();
    const kept = new Set(except.map((sid) => this.#sessions.keyPrefix + sid));
    const keys = (await this.#keys.of(user)).filter((key) => !kept.has(key));
    this.#revocations.end(user, except);
    return this.#remove(keys, user);
  }

  /**
   * Makes all sessions void that the log has of a user before this call's place in it, and removes them. Returns how many there were.
   */
  async revoke(id: unknown): Promise<number> {
    const user = userText(id);
    const name = this.#revocations.revoke(user);
    await this.#readBarrier.untilConfirmed(this.#sessions.flush());
    // All that comes before the revocation is known here now, and what is void is no session any more, but still stored.
    const keys = (await this.#keys.of(user)).filter((key) => this.#list.isVoid(key));
    const count = await this.#remove(keys, user);
    await this.#readBarrier.untilConfirmed(this.#revocations.settle(user, name));
    return count;
  }

  async #remove(keys: readonly string[], user: string): Promise<number> {
    let count = 0;
    for (let from = 0; from < keys.length || from === 0; from += REMOVED_COUNT) {
      const some = keys.slice(from, from + REMOVED_COUNT).filter((key) => this.#list.userOf(key) === user);
      count += some.length;
      await this.#readBarrier.untilConfirmed(this.#sessions.destroy(some.map((key) => this.#list.sidOf(key))));
    }
    return count;
  }
}

/**
 * The ids that the options of `destroyByUser` name.
 * @throws TypeError when the options are others, or name no id: an application that has none would end the session that it means to keep.
 */
function exceptOf(options: unknown): readonly string[] {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`expected options such as { except: request.sessionID }, got ${inspect(options)}`);
  expectKnown(options, ["except"]);
  if (!("except" in options)) return [];
  const { except } = options;
  const sids = typeof except === "string" ? [except] : except;
  if (Array.isArray(sids) && sids.every((sid) => typeof sid === "string" && sid !== "")) return sids;
  const hint = except === undefined ? "; it is req.sessionID in Express, and request.session.sessionId in Fastify" : "";
  throw new TypeError(
    `expected except to be the id of a session or an array of ids, got ${inspect(except).slice(0, 80)}${hint}`,
  );
}
