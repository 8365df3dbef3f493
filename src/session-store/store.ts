import { EventEmitter } from "node:events";
import { expectOptions, type Source, sourceFrom } from "../adapter/source.js";
import type { Storage } from "../core/index.js";
import { throwUncaught } from "../core/runtime.js";
import { ExpressSessions, type SessionRequest } from "./express-session.js";
import { type ClusterSessionStoreOptions, OWN_OPTIONS, resolveStoreOptions } from "./options.js";
import type { SessionPayload } from "./payload.js";
import { ReadBarrier } from "./read-barrier.js";
import { RequestContext } from "./request-context.js";
import { SessionAccess } from "./session-access.js";
import { Sessions } from "./sessions.js";

/** How a store calls back, once and asynchronously: with an error, or with null and the value. */
// biome-ignore lint/suspicious/noExplicitAny: the frameworks declare the error so; it can be anything that was thrown.
export type SessionCallback<T> = (error?: any, value?: T) => void;

/**
 * A session store for express-session and @fastify/session. The sessions live in a storage, so every process of the
 * application has them, and they survive restarts. Requests of one session that run at the same time do not undo each
 * other's changes of different top-level fields; a change inside a field replaces the whole field. A destroyed session never
 * comes back by a late write.
 *
 * Every method takes a callback; without one it returns a promise. A callback is called exactly once and asynchronously,
 * after a write once that is confirmed. No method throws synchronously, and a session that does not exist is not an error.
 *
 * @example
 * app.use(session({ store: new ClusterSessionStore(), secret, resave: false, saveUninitialized: false }));
 */
export class ClusterSessionStore extends EventEmitter {
  readonly #source: Source;
  readonly #access: SessionAccess;
  readonly #context = new RequestContext();
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
    this.#access = new SessionAccess(this, new Sessions(this.storage, resolved), this.#context, readBarrier);
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
    return answer(this.#access.read(sid), callback && this.#insideRequest(sid, callback));
  }

  /**
   * Stores a session. If the current request has loaded it, only the top-level fields that the request changed are written,
   * each as a whole, and only if the session still exists. Otherwise it is stored as a whole. A session whose cookie has
   * expired is destroyed.
   */
  set(sid: string, session: object): Promise<void>;
  set(sid: string, session: object, callback?: SessionCallback<void>): void;
  set(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(this.#access.write(sid, session), callback);
  }

  /** Prolongs the life of a session as its cookie says, if the session exists. No other field is written. */
  touch(sid: string, session: object): Promise<void>;
  touch(sid: string, session: object, callback?: SessionCallback<void>): void;
  touch(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(this.#access.prolong(sid, session), callback);
  }

  /** Removes one session or several. */
  destroy(sid: string | readonly string[]): Promise<void>;
  destroy(sid: string | readonly string[], callback?: SessionCallback<void>): void;
  destroy(sid: string | readonly string[], callback?: SessionCallback<void>): Promise<void> | undefined {
    const sids = typeof sid === "object" && sid !== null ? sid : [sid];
    const [first] = sids;
    // What the callback stores under this id is a new session: `regenerate` may use the id again.
    const isParted = callback && first !== undefined && !this.#isExpress;
    const called = isParted ? (error: unknown) => this.#context.part(first, () => callback(error)) : callback;
    return answer(this.#access.destroy(sids), called);
  }

  /** Reads all live sessions. Returns copies, each with its `id`. */
  all(): Promise<SessionPayload[]>;
  // biome-ignore lint/suspicious/noExplicitAny: the application declares the fields of its sessions.
  all(callback: SessionCallback<any>): void;
  all(callback?: SessionCallback<SessionPayload[]>): Promise<SessionPayload[]> | undefined {
    return answer(this.#access.all(), callback);
  }

  /** Reads the ids of all live sessions. */
  ids(): Promise<string[]>;
  ids(callback: SessionCallback<string[]>): void;
  ids(callback?: SessionCallback<string[]>): Promise<string[]> | undefined {
    return answer(this.#access.ids(), callback);
  }

  /** Counts the live sessions. */
  length(): Promise<number>;
  // biome-ignore lint/suspicious/noExplicitAny: express-session declares it so.
  length(callback: SessionCallback<any>): void;
  length(callback?: SessionCallback<number>): Promise<number> | undefined {
    return answer(this.#access.count(), callback);
  }

  /** Removes all sessions under the prefix of this store. */
  clear(): Promise<void>;
  clear(callback?: SessionCallback<void>): void;
  clear(callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(this.#access.clear(), callback);
  }

  /** Closes the storage if this store opened it. */
  async close(): Promise<void> {
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
    this.destroy(request.sessionID, (error) => {
      this.#express?.generate(request);
      callback(error);
    });
  }

  /** For express-session: reads a session as a session object, outside a request. */
  // biome-ignore lint/suspicious/noExplicitAny: as `regenerate`.
  load(sid: string, callback: (error?: any, session?: any) => void): void {
    const create = (payload: SessionPayload | null): object | null =>
      payload && this.createSession({ sessionID: sid, sessionStore: this }, payload);
    const called: SessionCallback<object | null> = (error, session) =>
      error || !session ? callback(error ?? undefined) : callback(null, session);
    void answer(this.get(sid).then(create), called);
  }

  /** For express-session: creates the session object of a request from what `get` returned. Without express-session, that itself. */
  // biome-ignore lint/suspicious/noExplicitAny: as `regenerate`.
  createSession(request: any, payload: any): any {
    const session = this.#express?.create(request as SessionRequest, payload as SessionPayload) ?? payload;
    if (session !== payload) this.#access.made(request.sessionID, session, payload);
    return session;
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

/**
 * Passes the result of a promise to the callback, once and asynchronously; an error that the callback throws is uncaught.
 * @returns The promise when there is no callback. It may be ignored: frameworks that pass no callback do not learn of a
 *   failure, and the storage reports its troubles by the event `error`.
 */
function answer<T>(promise: Promise<T>, callback: SessionCallback<T> | undefined): Promise<T> | undefined {
  if (typeof callback !== "function") {
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (value) => callBack(() => callback(null, value)),
    (error) => callBack(() => callback(error)),
  );
  return undefined;
}

function callBack(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwUncaught(error);
  }
}
