import { randomUUID } from "node:crypto";
import type { Storage } from "../core/index.js";
import { wallTimeOfCaller } from "../core/runtime.js";
import type { ResolvedStoreOptions } from "./options.js";
import { BIRTH, changesBetween, isPayload, isSameCookie, lifetimeOf, type SessionPayload } from "./payload.js";
import type { LoadedSession } from "./request-context.js";

/** What a write did. */
export interface WriteResult {
  readonly sid: string;
  /** What the request knows about the session after the write; undefined: the session has ended, or no request had loaded it. */
  readonly loaded: LoadedSession | undefined;
  /** Resolves once confirmed. false: nothing was changed, because the session was destroyed meanwhile. null: nothing was written. */
  readonly isApplied: Promise<boolean> | null;
}

/**
 * The sessions of one prefix in a storage. Each is one top-level key, `<prefix>/<sid>`, that expires with the session.
 *
 * Invariants:
 * 1. A write of a request that has loaded a session takes effect on that session only, which is recognized by its birth mark:
 *    a destroyed session does not come back, and a new session with the same id stays as it is.
 * 2. Such a write names only the fields that the request changed, so parallel requests do not undo each other. A cookie is
 *    written as a whole.
 * 3. A write that only prolongs the life of a session takes effect only if no other request has changed its cookie.
 */
export class Sessions {
  readonly #storage: Storage;
  readonly #options: ResolvedStoreOptions;
  readonly #keyPrefix: string;

  constructor(storage: Storage, options: ResolvedStoreOptions) {
    this.#storage = storage;
    this.#options = options;
    this.#keyPrefix = `${options.prefix}/`;
  }

  /** Returns what is stored, frozen, which need not be a session; null when nothing is stored or it has expired. */
  stored(sid: string): unknown {
    return this.#storage.get(this.#path(sid));
  }

  /** The live sessions, frozen, with their ids. */
  *list(): Generator<[sid: string, stored: SessionPayload]> {
    for (const [key, stored] of this.#storage.entries(this.#keyPrefix)) {
      if (isPayload(stored)) yield [this.#sidOf(key), stored];
    }
  }

  /** The ids of everything under the prefix, sessions or not. */
  storedIds(): string[] {
    return this.#storage.keys(this.#keyPrefix).map((key) => this.#sidOf(key));
  }

  /** Stores a whole session that no request has loaded, or prolongs it when nothing else has changed. */
  put(sid: string, snapshot: SessionPayload): WriteResult {
    const stored = this.stored(sid);
    const lifetime = this.#lifetimeOf(snapshot.cookie);
    if (lifetime <= 0) return this.#end(sid);
    if (isPayload(stored)) return this.#replace(sid, stored, snapshot, lifetime);
    const next = { ...snapshot, [BIRTH]: randomUUID() };
    this.#storage.set(this.#path(sid), next, lifetime);
    return { sid, loaded: loadedFrom(sid, next), isApplied: this.#storage.flush().then(() => true) };
  }

  /** Writes what a request changed in the session that it loaded. */
  write(loaded: LoadedSession, snapshot: SessionPayload): WriteResult {
    if (loaded.fields === null) return this.#rewrite(loaded, snapshot);
    return this.#change(loaded, changesBetween(loaded.fields, snapshot), snapshot.cookie, snapshot);
  }

  /** Writes a whole session that a request has loaded, without knowing in which state. */
  #rewrite(loaded: LoadedSession, snapshot: SessionPayload): WriteResult {
    const { sid } = loaded;
    const lifetime = this.#lifetimeOf(snapshot.cookie);
    if (lifetime <= 0) return this.#endLoaded(loaded);
    const stored = this.stored(sid);
    const changes = changesBetween(isPayload(stored) ? stored : { cookie: {} }, snapshot);
    const known = { ...loaded, fields: snapshot, cookie: snapshot.cookie };
    const isApplied = this.#patch(loaded, { ...changes, cookie: snapshot.cookie }, lifetime);
    return { sid, loaded: known, isApplied };
  }

  /** Writes the cookie of a session that a request loaded, and with it the time at which the session ends. */
  prolong(loaded: LoadedSession, cookie: Record<string, unknown>): WriteResult {
    return this.#change(loaded, {}, cookie, loaded.fields);
  }

  /** Removes sessions. Resolves once confirmed. */
  destroy(sids: readonly string[]): Promise<void> {
    for (const sid of sids) this.#storage.delete(this.#path(sid));
    return this.#storage.flush();
  }

  /**
   * Replaces a session with one that has the same birth mark. If it was destroyed, which may not be known here yet, a new one
   * with a new mark is stored: under the old mark, late writes to the destroyed session would change the new one.
   */
  #replace(sid: string, stored: SessionPayload, snapshot: SessionPayload, lifetime: number): WriteResult {
    const known = loadedFrom(sid, stored);
    const changes = changesBetween(stored, snapshot);
    const isSame = Object.keys(changes).length === 0 && isSameCookie(known.cookie, snapshot.cookie);
    const writes: Promise<boolean>[] = [];
    if (isSame && !this.#isWorthProlonging(sid, lifetime)) return { sid, loaded: undefined, isApplied: null };
    this.#storage.batch(() => {
      writes.push(this.#patch(known, { ...changes, cookie: snapshot.cookie }, lifetime));
      writes.push(this.#storage.add(this.#path(sid), { ...snapshot, [BIRTH]: randomUUID() }, lifetime));
    });
    return { sid, loaded: undefined, isApplied: Promise.all(writes).then(() => true) };
  }

  #change(
    loaded: LoadedSession,
    changes: Record<string, unknown>,
    cookie: Record<string, unknown>,
    fields: SessionPayload | null,
  ): WriteResult {
    const { sid } = loaded;
    const lifetime = this.#lifetimeOf(cookie);
    if (lifetime <= 0) return this.#endLoaded(loaded);
    const isCookieChanged = !isSameCookie(loaded.cookie, cookie);
    if (isCookieChanged) changes.cookie = cookie;
    const outlived = isCookieChanged ? undefined : this.#outlivedCookie(loaded, lifetime);
    const hasChanges = Object.keys(changes).length > 0;
    const known = { ...loaded, fields, cookie: isCookieChanged || outlived ? cookie : loaded.cookie };
    if (!hasChanges && !outlived) return { sid, loaded: known, isApplied: null };
    const ttl = isCookieChanged ? lifetime : undefined;
    if (!outlived) return { sid, loaded: known, isApplied: this.#patch(loaded, changes, ttl) };
    const writes: Promise<boolean>[] = [];
    this.#storage.batch(() => {
      if (hasChanges) writes.push(this.#patch(loaded, changes, ttl));
      writes.push(this.#patch(loaded, { cookie }, lifetime, { cookie: outlived }));
    });
    const isApplied = Promise.all(writes).then(([applied]) => !hasChanges || applied === true);
    return { sid, loaded: known, isApplied };
  }

  #patch(
    loaded: LoadedSession,
    changes: Record<string, unknown>,
    ttl: number | undefined,
    match = {},
  ): Promise<boolean> {
    const mark = loaded.birth === undefined ? {} : { [BIRTH]: loaded.birth };
    const options = { match: { ...mark, ...match } };
    return this.#storage.patch(this.#path(loaded.sid), changes, ttl === undefined ? options : { ...options, ttl });
  }

  #end(sid: string): WriteResult {
    return { sid, loaded: undefined, isApplied: this.destroy([sid]).then(() => true) };
  }

  /** Removes a session whose cookie has expired, unless another one has taken its place. */
  #endLoaded(loaded: LoadedSession): WriteResult {
    const stored = this.stored(loaded.sid);
    if (isPayload(stored) && stored[BIRTH] === loaded.birth) return { ...this.#end(loaded.sid), loaded };
    return { sid: loaded.sid, loaded, isApplied: null };
  }

  /**
   * Returns the stored cookie if it must be replaced by one that differs in the expiry only; undefined if not. When another
   * request has prolonged the session meanwhile, the cookie is replaced only if that prolongs the session further.
   */
  #outlivedCookie({ sid, cookie }: LoadedSession, lifetime: number): Record<string, unknown> | undefined {
    const stored = this.stored(sid);
    if (!isPayload(stored) || !isSameCookie(cookie, stored.cookie)) return undefined;
    if (!this.#isWorthProlonging(sid, lifetime)) return undefined;
    const isUntouched = stored.cookie.expires === cookie.expires;
    return isUntouched || lifetime > (this.#storage.ttl(this.#path(sid)) ?? 0) ? stored.cookie : undefined;
  }

  /** Whether the expiry would move by more than `touchAfter` lets it lag behind. */
  #isWorthProlonging(sid: string, lifetime: number): boolean {
    const left = this.#storage.ttl(this.#path(sid));
    return left !== null && Math.abs(lifetime - left) > Math.min(this.#options.touchAfter, lifetime / 10);
  }

  #lifetimeOf(cookie: Record<string, unknown>): number {
    return lifetimeOf(cookie, this.#options.ttl, wallTimeOfCaller());
  }

  #sidOf(key: string): string {
    return key.slice(this.#keyPrefix.length);
  }

  #path(sid: string): string[] {
    return [this.#keyPrefix + sid];
  }
}

/** What a request that has just read a session knows about it. */
export function loadedFrom(sid: string, stored: SessionPayload): LoadedSession {
  const birth: unknown = stored[BIRTH];
  return { sid, birth: typeof birth === "string" ? birth : undefined, fields: stored, cookie: stored.cookie };
}
