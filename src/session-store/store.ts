import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import { inspect } from "node:util";
import { type Source, sourceFrom } from "../adapter/source.js";
import type { Storage } from "../core/index.js";
import { answer, type SessionCallback } from "./callback.js";
import { createSession, type SessionRequest, sessionClasses } from "./express-session.js";
import { type ClusterSessionStoreOptions, OWN_OPTIONS, resolveStoreOptions } from "./options.js";
import { cookieOf, copyOf, isPayload, type SessionPayload, snapshotOf } from "./payload.js";
import { ReadBarrier } from "./read-barrier.js";
import { Loads } from "./request-context.js";
import { loadedOf, Sessions, type Written } from "./sessions.js";

/** Publishes what is no failure of a request: `{ type: "malformed" | "late-write", sid, store }`. */
const diagnostics = channel("cluster-storage:session");

/**
 * A session store for express-session and @fastify/session: sessions live in a storage, so that every process of the
 * application has them, and they survive restarts. Requests of one session that run at the same time do not undo each
 * other, and a session that was destroyed never comes back by a late write.
 *
 * Every method takes a callback, or without one returns a promise. A callback is called exactly once, later, and after a
 * write once it is confirmed. Nothing is thrown at once, and a session that is not there is no error.
 *
 * @example
 * app.use(session({ store: new ClusterSessionStore(), secret, resave: false, saveUninitialized: false }));
 */
export class ClusterSessionStore extends EventEmitter {
  readonly #source: Source;
  readonly #sessions: Sessions;
  readonly #readBarrier: ReadBarrier;
  readonly #loads = new Loads();
  #generate: ((request: unknown) => void) | undefined;

  /**
   * Make one per `session()` middleware; they may share a storage, each with its own `prefix`.
   * @throws TypeError, RangeError on a bad option; StorageError as the constructor of a storage.
   */
  constructor(options: ClusterSessionStoreOptions = {}) {
    super();
    const resolved = resolveStoreOptions(options);
    this.#source = sourceFrom(options, OWN_OPTIONS);
    this.#sessions = new Sessions(this.storage, resolved);
    this.#readBarrier = new ReadBarrier(this.storage, resolved.isStrong, resolved.timeoutMs);
  }

  /** Where the sessions are. */
  get storage(): Storage {
    return this.#source.storage;
  }

  /** Reads a session: a copy that the caller may change; null when there is none. */
  get(sid: string): Promise<SessionPayload | null>;
  // biome-ignore lint/suspicious/noExplicitAny: applications declare what is in their sessions.
  get(sid: string, callback: SessionCallback<any>): void;
  get(sid: string, callback?: SessionCallback<SessionPayload | null>): Promise<SessionPayload | null> | undefined {
    return answer(this.#read(sid), callback && this.#followed(sid, callback));
  }

  /**
   * Stores a session. Of one that the current request has loaded, only the fields that it changed are written, if the
   * session still exists; any other is stored as a whole. One whose cookie has expired is destroyed.
   */
  set(sid: string, session: object): Promise<void>;
  set(sid: string, session: object, callback?: SessionCallback<void>): void;
  set(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(this.#write(sid, session), callback);
  }

  /** Prolongs the life of a session as its cookie says, if it exists; writes nothing else of it. */
  touch(sid: string, session: object): Promise<void>;
  touch(sid: string, session: object, callback?: SessionCallback<void>): void;
  touch(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(this.#prolong(sid, session), callback);
  }

  /** Removes a session, or several. */
  destroy(sid: string | readonly string[]): Promise<void>;
  destroy(sid: string | readonly string[], callback?: SessionCallback<void>): void;
  destroy(sid: string | readonly string[], callback?: SessionCallback<void>): Promise<void> | undefined {
    const sids = typeof sid === "object" && sid !== null ? sid : [sid];
    const [first] = sids;
    // What the callback stores under this id does not continue the session: `regenerate` may use the id again.
    const parted = callback && first !== undefined && !this.#isExpress;
    const called = parted ? (error: unknown) => this.#loads.run(first, null, () => callback(error)) : callback;
    return answer(this.#destroy(sids), called);
  }

  /** Reads all live sessions: copies, with their `id`. */
  all(): Promise<SessionPayload[]>;
  // biome-ignore lint/suspicious/noExplicitAny: applications declare what is in their sessions.
  all(callback: SessionCallback<any>): void;
  all(callback?: SessionCallback<SessionPayload[]>): Promise<SessionPayload[]> | undefined {
    const sessions = this.#list().then((found) => found.map(([id, stored]) => ({ ...copyOf(stored), id })));
    return answer(sessions, callback);
  }

  /** Reads the ids of all live sessions. */
  ids(): Promise<string[]>;
  ids(callback: SessionCallback<string[]>): void;
  ids(callback?: SessionCallback<string[]>): Promise<string[]> | undefined {
    const ids = this.#list().then((found) => found.map(([id]) => id));
    return answer(ids, callback);
  }

  /** Counts the live sessions. */
  length(): Promise<number>;
  // biome-ignore lint/suspicious/noExplicitAny: as express-session declares it.
  length(callback: SessionCallback<any>): void;
  length(callback?: SessionCallback<number>): Promise<number> | undefined {
    const count = this.#list().then((found) => found.length);
    return answer(count, callback);
  }

  /** Removes all sessions of this store's prefix. */
  clear(): Promise<void>;
  clear(callback?: SessionCallback<void>): void;
  clear(callback?: SessionCallback<void>): Promise<void> | undefined {
    return answer(this.#clear(), callback);
  }

  /** Closes the storage, if it was opened here. */
  async close(): Promise<void> {
    if (this.#source.isOwn) await this.storage.close();
  }

  /**
   * For express-session: makes a new session for a request. The middleware assigns it, with its own cookie options.
   * @throws Error when express-session is not installed where this package finds it.
   */
  get generate(): ((request: unknown) => void) | undefined {
    return this.#generate;
  }

  /** Assigned by the middleware, once. */
  set generate(generate: (request: unknown) => void) {
    sessionClasses(); // now, when the application starts, and not in its first request
    if (this.#generate !== undefined) process.emitWarning(SHARED_WARNING);
    this.#generate = generate;
  }

  /** For express-session: ends the session of a request and gives it a new one. */
  // biome-ignore lint/suspicious/noExplicitAny: express-session's own type of a request needs its types.
  regenerate(request: any, callback: (error?: unknown) => void): void {
    this.destroy(request.sessionID, (error) => {
      this.#generate?.(request);
      callback(error);
    });
  }

  /** For express-session: reads a session as a session object, outside a request. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  load(sid: string, callback: (error?: any, session?: any) => void): void {
    this.get(sid, (error, payload) => {
      if (error || !payload) callback(error ?? undefined);
      else callback(null, this.createSession({ sessionID: sid, sessionStore: this }, payload));
    });
  }

  /** For express-session: makes the session object of a request from what `get` gave. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  createSession(request: any, payload: any): any {
    const session = createSession(request as SessionRequest, payload as SessionPayload);
    this.#loads.follow(session, payload);
    return session;
  }

  /** express-session hands the very session object on; for others, what they loaded is told by the asynchronous context. */
  get #isExpress(): boolean {
    return this.#generate !== undefined;
  }

  #followed(sid: string, callback: SessionCallback<SessionPayload | null>): SessionCallback<SessionPayload | null> {
    if (this.#isExpress) return callback;
    return (error, payload) => {
      const loaded = payload ? this.#loads.of(sid, payload) : undefined;
      if (loaded === undefined) callback(error, payload);
      else this.#loads.run(sid, loaded, () => callback(error, payload));
    };
  }

  async #read(sid: string): Promise<SessionPayload | null> {
    const key = expectSid(sid);
    await this.#readBarrier.turn();
    const stored = this.#sessions.stored(key);
    if (stored === null) return null;
    if (!isPayload(stored)) {
      diagnostics.publish({ type: "malformed", sid, store: this });
      return null;
    }
    const payload = copyOf(stored);
    this.#loads.note(payload, loadedOf(sid, stored));
    return payload;
  }

  async #write(sid: string, session: object): Promise<void> {
    const loaded = this.#loads.of(expectSid(sid), session);
    const snapshot = snapshotOf(session, loaded?.fields);
    if (loaded) await this.#written(session, this.#sessions.write(loaded, snapshot));
    else await this.#written(isPlain(session) ? null : session, this.#sessions.put(sid, snapshot));
  }

  async #prolong(sid: string, session: object): Promise<void> {
    const cookie = cookieOf(session);
    const stored = this.#sessions.stored(expectSid(sid));
    const loaded = this.#loads.of(sid, session) ?? (isPayload(stored) ? loadedOf(sid, stored) : undefined);
    if (loaded === undefined) return;
    await this.#written(session, this.#sessions.prolong(loaded, cookie));
  }

  async #written(session: object | null, { sid, loaded, isApplied }: Written): Promise<void> {
    if (loaded !== undefined && session !== null) this.#loads.note(session, loaded);
    if (isApplied === null || (await this.#readBarrier.confirmed(isApplied))) return;
    diagnostics.publish({ type: "late-write", sid, store: this });
  }

  async #destroy(sids: readonly string[]): Promise<void> {
    for (const sid of sids) expectSid(sid);
    await this.#readBarrier.confirmed(this.#sessions.destroy(sids));
  }

  async #list(): Promise<[sid: string, stored: SessionPayload][]> {
    await this.#readBarrier.turn();
    return [...this.#sessions.list()];
  }

  async #clear(): Promise<void> {
    await this.#readBarrier.turn();
    await this.#sessions.clear((write) => this.#readBarrier.confirmed(write));
  }
}

const SHARED_WARNING =
  "one ClusterSessionStore was given to two session() middlewares, and makes new sessions as the second one says; give each its own, they may share a storage";

/** A session that no framework made: who stores it again after it was destroyed means it. */
function isPlain(session: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(session);
  return prototype === Object.prototype || prototype === null;
}

function expectSid(sid: unknown): string {
  if (typeof sid === "string") return sid;
  throw new TypeError(`expected a session id as a string, got ${inspect(sid)}`);
}
