import { EventEmitter } from "node:events";
import { expectOptions, type Source, sourceFrom } from "../adapter/source.js";
import type { Storage } from "../core/index.js";
import { answer, isCallback, type SessionCallback } from "./callbacks.js";
import { ExpressSessions, type SessionRequest } from "./express-session.js";
import { type ClusterSessionStoreOptions, OWN_OPTIONS, resolveStoreOptions } from "./options.js";
import type { ListedSession, SessionPayload } from "./payload.js";
import { ReadBarrier } from "./read-barrier.js";
import { RequestContext } from "./request-context.js";
import { diagnostics, SessionAccess } from "./session-access.js";
import { SessionKeys } from "./session-index.js";
import { SessionLimit } from "./session-limit.js";
import { SessionList } from "./session-list.js";
import { SessionUsers, type UserId } from "./session-users.js";
import { Sessions } from "./sessions.js";
import { type DestroyByUserOptions, UserSessions } from "./user-sessions.js";

/**
 * A session store for express-session and @fastify/session. The sessions live in a storage, so every process of the
 * application has them, and they survive restarts. Requests of one session that run at the same time do not undo each
 * other's changes of different top-level fields; a change inside a field replaces the whole field. A destroyed session never
 * comes back by a late write.
 *
 * Every method takes a callback; without one it returns a promise. A callback is called exactly once and asynchronously,
 * after a write once that is confirmed. No method throws synchronously, but for a callback that is no function, and a session that does
 * not exist is not an error.
 *
 * @example
 * app.use(session({ store: new ClusterSessionStore(), secret, resave: false, saveUninitialized: false }));
 */
export class ClusterSessionStore extends EventEmitter {
  readonly #source: Source;
  readonly #access: SessionAccess;
  readonly #context = new RequestContext();
  readonly #keys: SessionKeys;
  /** Undefined without the option `index`. */
  readonly #users: UserSessions | undefined;
  /** Undefined unless express-session uses this store. */
  #express: ExpressSessions | undefined;

  /**
   * Creates a store for one `session()` middleware. Several stores may share a storage, each with its own `prefix`.
   * @throws TypeError, RangeError on a bad option; StorageError as the constructor of a storage.
   */
  constructor(options: ClusterSessionStoreOptions = {}) {
    super();
    expectOptions(options);
    const resolved = resolveStoreOptions(options);
    this.#source = sourceFrom(options, OWN_OPTIONS);
    const readBarrier = new ReadBarrier(this.storage, resolved.isStrong, resolved.timeoutMs);
    const users = new SessionUsers(resolved.index, (sid, error) =>
      diagnostics.publish({ type: "index", sid, store: this, error }),
    );
    const sessions = new Sessions(this.storage, resolved, users);
    const list = new SessionList(this.storage, sessions, users);
    const keys = new SessionKeys(this.storage, sessions.keyPrefix, (key, stored) => list.userOf(key, stored));
    const { maxSessions } = resolved;
    const limit =
      maxSessions < Infinity ? new SessionLimit(this.storage, sessions, keys, readBarrier, maxSessions) : null;
    this.#keys = keys;
    this.#access = new SessionAccess(this, sessions, list, this.#context, readBarrier, limit);
    if (users.areKnown) this.#users = new UserSessions(sessions, list, keys, readBarrier);
  }

  /** The storage that holds the sessions. */
  get storage(): Storage {
    return this.#source.storage;
  }

  /** Reads a session. Returns a copy that the caller may change; null when the session does not exist. */
  get(sid: string): Promise<SessionPayload | null>;
  // biome-ignore lint/suspicious/noExplicitAny: the application declares the fields of its sessions.
  get(sid: string, callback: SessionCallback<any>): void;
  get(sid: string, callback?: SessionCallback<SessionPayload | null>): Promise<SessionPayload | null> | undefined {
    return answer(
      () => this.#access.read(sid),
      callback,
      (called) => this.#insideRequest(sid, called),
    );
  }

  /**
   * Stores a session. If the current request has loaded it, only the top-level fields that the request changed are written,
   * each as a whole, and only if the session still exists. Otherwise it is stored as a whole. A session whose cookie has
   * expired is destroyed.
   */
  set(sid: string, session: object): Promise<void>;
  set(sid: string, session: object, callback?: SessionCallback<void>): void;
  set(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(() => this.#access.write(sid, session), callback);
  }

  /** Prolongs the life of a session as its cookie says, if the session exists. No other field is written. */
  touch(sid: string, session: object): Promise<void>;
  touch(sid: string, session: object, callback?: SessionCallback<void>): void;
  touch(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(() => this.#access.prolong(sid, session), callback);
  }

  /** Removes one session or several. */
  destroy(sid: string | readonly string[]): Promise<void>;
  destroy(sid: string | readonly string[], callback?: SessionCallback<void>): void;
  destroy(sid: string | readonly string[], callback?: SessionCallback<void>): Promise<void> | undefined {
    const sids = typeof sid === "object" && sid !== null ? sid : [sid];
    const [first] = sids;
    // What the callback stores under this id is a new session: `regenerate` may use the id again.
    const part = (called: SessionCallback<void>): SessionCallback<void> =>
      first === undefined || this.#isExpress ? called : (error) => this.#context.part(first, () => called(error));
    return answer(() => this.#access.destroy(sids), callback, part);
  }

  /** Reads all live sessions, of which there may be many: see `byUser`. Returns copies, each with its `id`. */
  all(): Promise<ListedSession[]>;
  // biome-ignore lint/suspicious/noExplicitAny: the application declares the fields of its sessions.
  all(callback: SessionCallback<any>): void;
  all(callback?: SessionCallback<ListedSession[]>): Promise<ListedSession[]> | undefined {
    return answer(() => this.#access.all(), callback);
  }

  /** Reads the ids of all live sessions. */
  ids(): Promise<string[]>;
  ids(callback: SessionCallback<string[]>): void;
  ids(callback?: SessionCallback<string[]>): Promise<string[]> | undefined {
    return answer(() => this.#access.ids(), callback);
  }

  /** Counts the live sessions. */
  length(): Promise<number>;
  // biome-ignore lint/suspicious/noExplicitAny: express-session declares it so.
  length(callback: SessionCallback<any>): void;
  length(callback?: SessionCallback<number>): Promise<number> | undefined {
    return answer(() => this.#access.count(), callback);
  }

  /** Removes all sessions under the prefix of this store. */
  clear(): Promise<void>;
  clear(callback?: SessionCallback<void>): void;
  clear(callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(() => this.#access.clear(), callback);
  }

  /**
   * Reads the live sessions of a user, in no order. Returns copies, each with its `id`. The first call in a process looks at all sessions, in
   * short steps.
   * @param id The id of the user, as the option `index` returns it: `42` and `"42"` are one user.
   * @throws TypeError when it is no id, and without the option `index`.
   * @example
   * const devices = await store.byUser(req.session.userId);
   */
  byUser(id: UserId): Promise<ListedSession[]>;
  byUser(id: UserId, callback: SessionCallback<ListedSession[]>): void;
  byUser(id: UserId, callback?: SessionCallback<ListedSession[]>): Promise<ListedSession[]> | undefined {
    return this.#ofUser((users) => users.list(id), callback);
  }

  /** Counts what `byUser` returns. */
  countByUser(id: UserId): Promise<number>;
  countByUser(id: UserId, callback: SessionCallback<number>): void;
  countByUser(id: UserId, callback?: SessionCallback<number>): Promise<number> | undefined {
    return this.#ofUser((users) => users.count(id), callback);
  }

  /**
   * Removes the sessions of a user: all that were confirmed before the call are gone in all processes when it calls back, and no late
   * write brings one back. One that is created at the same moment may stay; see `revokeUser`.
   * @param options `except`: the id of a session that stays, or several.
   * @returns how many were removed.
   * @throws as `byUser`; TypeError when `except` is there and names no id, such as undefined; StorageError `ERR_STORAGE_NOT_READY` when there
   *   is no manager in time: then none is removed.
   * @example
   * await store.destroyByUser(req.session.userId, { except: req.sessionID });
   */
  destroyByUser(id: UserId, options?: DestroyByUserOptions): Promise<number>;
  destroyByUser(id: UserId, callback: SessionCallback<number>): void;
  destroyByUser(id: UserId, options: DestroyByUserOptions, callback: SessionCallback<number>): void;
  destroyByUser(
    id: UserId,
    options: DestroyByUserOptions | SessionCallback<number> = {},
    callback: SessionCallback<number> | undefined = typeof options === "function" ? options : undefined,
  ): Promise<number> | undefined {
    const given = typeof options === "function" ? {} : options;
    return this.#ofUser((users) => users.destroy(id, given), callback);
  }

  /**
   * Makes all sessions of a user void: each whose login has its place in the log before this call's counts as absent in all processes, and
   * is removed. Sessions of later logins count, and be it that they have checked an old password: compare it again after the save.
   * @returns how many were removed.
   * @throws as `byUser`; StorageError `ERR_STORAGE_NOT_READY` when there is no manager in time: it stays pending then.
   */
  revokeUser(id: UserId): Promise<number>;
  revokeUser(id: UserId, callback: SessionCallback<number>): void;
  revokeUser(id: UserId, callback?: SessionCallback<number>): Promise<number> | undefined {
    isCallback(callback, "a callback or nothing, since except is for destroyByUser alone");
    return this.#ofUser((users) => users.revoke(id), callback);
  }

  /** Closes the storage if this store opened it. */
  async close(): Promise<void> {
    this.#keys.close();
    if (this.#source.isOwn) await this.storage.close();
  }

  /** For express-session: creates a new session for a request, with the cookie options of the middleware. */
  get generate(): ((request: unknown) => void) | undefined {
    return this.#express?.generate as ((request: unknown) => void) | undefined;
  }

  /** Assigned by the middleware, once. */
  set generate(generate: (request: unknown) => void) {
    if (this.#express !== undefined) process.emitWarning(SHARED_WARNING);
    this.#express = new ExpressSessions(generate);
    this.#access.isExpress = true;
  }

  /** For express-session: ends the session of a request and gives the request a new one. */
  // biome-ignore lint/suspicious/noExplicitAny: express-session's own type of a request needs its types.
  regenerate(request: any, callback: (error?: unknown) => void): void {
    if (!isCallback(callback)) throw new TypeError("expected a callback, got none");
    this.destroy(request.sessionID, (error) => {
      this.#express?.generate(request);
      callback(error);
    });
  }

  /** For express-session: reads a session as a session object, outside a request. */
  // biome-ignore lint/suspicious/noExplicitAny: as `regenerate`.
  load(sid: string, callback: (error?: any, session?: any) => void): void {
    if (!isCallback(callback)) throw new TypeError("expected a callback, got none");
    const create = (payload: SessionPayload | null): object | null =>
      payload && this.createSession({ sessionID: sid, sessionStore: this }, payload);
    const called: SessionCallback<object | null> = (error, session) =>
      error || !session ? callback(error ?? undefined) : callback(null, session);
    void answer(() => this.get(sid).then(create), called);
  }

  /** For express-session: creates the session object of a request from what `get` returned. Without express-session, that itself. */
  // biome-ignore lint/suspicious/noExplicitAny: as `regenerate`.
  createSession(request: any, payload: any): any {
    const session = this.#express?.create(request as SessionRequest, payload as SessionPayload) ?? payload;
    if (session !== payload) this.#access.made(request.sessionID, session, payload);
    return session;
  }

  #ofUser<T>(
    call: (users: UserSessions) => Promise<T>,
    callback: SessionCallback<T> | undefined,
  ): Promise<T> | undefined {
    return answer(async () => {
      if (this.#users !== undefined) return call(this.#users);
      throw new TypeError(
        "expected new ClusterSessionStore({ index }) with the option index, such as (session) => session.userId, got a store without it",
      );
    }, callback);
  }

  /** Whether express-session uses this store. It passes on the session object itself; other frameworks pass a copy. */
  get #isExpress(): boolean {
    return this.#express !== undefined;
  }

  /** Returns a callback that runs as the rest of the request that has loaded the session. */
  #insideRequest(sid: string, callback: SessionCallback<SessionPayload | null>): typeof callback {
    if (this.#isExpress) return callback;
    return (error, payload) => {
      if (payload) this.#context.give(sid, payload, () => callback(error, payload));
      else callback(error, payload);
    };
  }
}

const SHARED_WARNING =
  "one ClusterSessionStore was given to two session() middlewares, and creates new sessions with the options of the second one; give each middleware a store of its own (they may share a storage)";
