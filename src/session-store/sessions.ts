import { randomUUID } from "node:crypto";
import type { Storage } from "../core/index.js";
import type { ResolvedStoreOptions } from "./options.js";
import { BIRTH, changesBetween, isPayload, isSameCookie, lifetimeOf, type SessionPayload } from "./payload.js";
import type { Loaded } from "./request-context.js";

/** Most deletions that wait to be confirmed at once. */
const CLEAR_COUNT = 1000;

/** A write that was made. */
export interface Written {
  readonly sid: string;
  /** What the request knows of the session from now on; undefined: there is none any more. */
  readonly loaded: Loaded | undefined;
  /** Resolves once confirmed; false: nothing was changed, since the session was destroyed meanwhile. null: nothing was to do. */
  readonly isApplied: Promise<boolean> | null;
}

/**
 * The sessions of one prefix in a storage: each is one top-level key, `<prefix>/<sid>`, that expires with the session.
 *
 * Invariants:
 * 1. A write of a request that has loaded the session takes effect only on that session, told by its birth mark: one that
 *    was destroyed does not come back, and one that took its place stays as it is.
 * 2. Such a write names only the fields that the request changed, so parallel requests do not undo each other; a cookie is
 *    taken as a whole.
 * 3. Who only prolongs the life of a session does so unless somebody else has changed its cookie.
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

  /** What is stored, frozen: a session or not; null when there is nothing or it has expired. */
  stored(sid: string): unknown {
    return this.#storage.get(this.#path(sid));
  }

  /** The live sessions, frozen, with their ids. */
  *list(): Generator<[sid: string, stored: SessionPayload]> {
    for (const [key, stored] of this.#storage.entries(this.#keyPrefix)) {
      if (isPayload(stored)) yield [this.#sidOf(key), stored];
    }
  }

  /** Stores a whole session, or prolongs it when nothing else has changed. */
  put(sid: string, snapshot: SessionPayload): Written {
    const stored = this.stored(sid);
    const lifetime = this.#lifetimeOf(snapshot.cookie);
    if (lifetime <= 0) return this.#end(sid);
    if (isPayload(stored)) return this.#replace(loadedOf(sid, stored), snapshot, lifetime);
    const next = { ...snapshot, [BIRTH]: randomUUID() };
    this.#storage.set(this.#path(sid), next, lifetime);
    return { sid, loaded: loadedOf(sid, next), isApplied: this.#storage.flush().then(() => true) };
  }

  /** Writes what a request changed of the session that it loaded. */
  write(loaded: Loaded, snapshot: SessionPayload): Written {
    return this.#change(loaded, changesBetween(loaded.fields, snapshot), snapshot.cookie, snapshot);
  }

  /** Writes the cookie of a session that a request loaded, and so how long it lives. */
  prolong(loaded: Loaded, cookie: Record<string, unknown>): Written {
    return this.#change(loaded, {}, cookie, loaded.fields);
  }

  /** Removes sessions. Resolves once confirmed. */
  destroy(sids: readonly string[]): Promise<void> {
    for (const sid of sids) this.#storage.delete(this.#path(sid));
    return this.#storage.flush();
  }

  /** Removes everything under the prefix, some at a time. */
  async clear(confirmed: (write: Promise<void>) => Promise<void>): Promise<void> {
    const keys = this.#storage.keys(this.#keyPrefix);
    for (let from = 0; from < keys.length; from += CLEAR_COUNT) {
      await confirmed(this.destroy(keys.slice(from, from + CLEAR_COUNT).map((key) => this.#sidOf(key))));
    }
  }

  /**
   * Makes a session another one with the same birth mark. If it was destroyed, which may not be known here yet, a new one is
   * made: under the old mark, late writes to the destroyed one would get into it.
   */
  #replace(known: Loaded, snapshot: SessionPayload, lifetime: number): Written {
    const { sid } = known;
    const changes = changesBetween(known.fields, snapshot);
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
    loaded: Loaded,
    changes: Record<string, unknown>,
    cookie: Record<string, unknown>,
    fields: SessionPayload,
  ): Written {
    const { sid } = loaded;
    const lifetime = this.#lifetimeOf(cookie);
    if (lifetime <= 0) return this.#endLoaded(loaded);
    const isCookieChanged = !isSameCookie(loaded.cookie, cookie);
    if (isCookieChanged) changes.cookie = cookie;
    const outlived = isCookieChanged ? undefined : this.#outlived(loaded, lifetime);
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

  #patch(loaded: Loaded, changes: Record<string, unknown>, ttl: number | undefined, match = {}): Promise<boolean> {
    const mark = loaded.birth === undefined ? {} : { [BIRTH]: loaded.birth };
    const options = { match: { ...mark, ...match } };
    return this.#storage.patch(this.#path(loaded.sid), changes, ttl === undefined ? options : { ...options, ttl });
  }

  #end(sid: string): Written {
    return { sid, loaded: undefined, isApplied: this.destroy([sid]).then(() => true) };
  }

  /** Removes a session whose cookie has expired, unless it is another one by now. */
  #endLoaded(loaded: Loaded): Written {
    const stored = this.stored(loaded.sid);
    if (isPayload(stored) && stored[BIRTH] === loaded.birth) return { ...this.#end(loaded.sid), loaded };
    return { sid: loaded.sid, loaded, isApplied: null };
  }

  /**
   * The stored cookie, if one that differs in nothing but the expiry is to take its place. When another request has prolonged
   * the session meanwhile, then only to prolong it further.
   */
  #outlived({ sid, cookie }: Loaded, lifetime: number): Record<string, unknown> | undefined {
    const stored = this.stored(sid);
    if (!isPayload(stored) || !isSameCookie(cookie, stored.cookie)) return undefined;
    if (!this.#isWorthProlonging(sid, lifetime)) return undefined;
    const isUntouched = stored.cookie.expires === cookie.expires;
    return isUntouched || lifetime > (this.#storage.ttl(this.#path(sid)) ?? 0) ? stored.cookie : undefined;
  }

  /** Whether the expiry would move by more than may be left out. */
  #isWorthProlonging(sid: string, lifetime: number): boolean {
    const left = this.#storage.ttl(this.#path(sid));
    return left !== null && Math.abs(lifetime - left) > Math.min(this.#options.touchAfter, lifetime / 10);
  }

  #lifetimeOf(cookie: Record<string, unknown>): number {
    return lifetimeOf(cookie, this.#options.ttl, Date.now());
  }

  #sidOf(key: string): string {
    return key.slice(this.#keyPrefix.length);
  }

  #path(sid: string): string[] {
    return [this.#keyPrefix + sid];
  }
}

/** What a request knows that has just read a session. */
export function loadedOf(sid: string, stored: SessionPayload): Loaded {
  const birth: unknown = stored[BIRTH];
  return { sid, birth: typeof birth === "string" ? birth : undefined, fields: stored, cookie: stored.cookie };
}
