import { randomUUID } from "node:crypto";
import type { Storage } from "../core/index.js";
import { wallTimeOfCaller } from "../core/runtime.js";
import type { ResolvedStoreOptions } from "./options.js";
import {
  BIRTH,
  changesBetween,
  isSameCookie,
  isSession,
  lifetimeOf,
  packed,
  type StoredSession,
  unpacked,
  WHOLE,
} from "./payload.js";
import type { LoadedSession } from "./request-context.js";

/** What a write did. */
export interface WriteResult {
  readonly sid: string;
  /** What the request knows about the session after the write; undefined: the session has ended, or no request had loaded it. */
  readonly loaded: LoadedSession | undefined;
  /** Resolves once confirmed. false: nothing was changed, because the session was destroyed meanwhile. null: nothing was written. */
  readonly isApplied: Promise<boolean> | null;
}

type Changes = Record<string, unknown>;

/**
 * The sessions of one prefix in a storage. Each is one top-level key, `<prefix>/<sid>`, that expires with the session.
 *
 * Invariants:
 * 1. A write of a request that has loaded a session takes effect on that session only, which is recognized by its birth mark:
 *    a destroyed session does not come back, and a new session with the same id stays as it is.
 * 2. Such a write names only the fields that the request changed or assigned, and those that are together with one of them, so
 *    parallel requests do not undo each other. A cookie is written as a whole.
 * 3. Where the fields are one (`merge: "whole"`), they are one field of what is stored, so that a write replaces all of them at its
 *    place in the log, whatever another process has just stored.
 * 4. A write that only prolongs the life of a session takes effect only if no other request has changed its cookie.
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
  raw(sid: string): unknown {
    return this.#storage.get(this.#path(sid));
  }

  /** Returns the session that is stored, frozen; null when there is none. */
  stored(sid: string): StoredSession | null {
    const raw = this.raw(sid);
    return isSession(raw) ? unpacked(raw) : null;
  }

  /** The live sessions, frozen, with their ids. */
  *list(): Generator<[sid: string, stored: StoredSession]> {
    for (const [key, raw] of this.#storage.entries(this.#keyPrefix)) {
      if (isSession(raw)) yield [this.#sidOf(key), unpacked(raw)];
    }
  }

  /** The ids of everything under the prefix, sessions or not. */
  storedIds(): string[] {
    return this.#storage.keys(this.#keyPrefix).map((key) => this.#sidOf(key));
  }

  /** Stores a whole session that no request has loaded, or prolongs it when nothing else has changed. */
  put(sid: string, snapshot: StoredSession): WriteResult {
    const stored = this.stored(sid);
    const lifetime = this.#lifetimeOf(snapshot.cookie);
    if (lifetime <= 0) return this.#end(sid);
    if (stored !== null) return this.#replace(sid, stored, snapshot, lifetime);
    const next = { ...snapshot, [BIRTH]: randomUUID() };
    this.#storage.set(this.#path(sid), this.#packed(next), lifetime);
    return { sid, loaded: loadedFrom(sid, next), isApplied: this.#storage.flush().then(() => true) };
  }

  /**
   * Writes what a request changed in the session that it loaded; the whole session when it is not known in which state it was.
   * @param assigned Fields that count as changed although they may have their old values.
   */
  write(loaded: LoadedSession, snapshot: StoredSession, assigned: readonly string[]): WriteResult {
    const changes = changesBetween(loaded.fields ?? this.stored(loaded.sid) ?? {}, snapshot);
    for (const field of assigned) if (Object.hasOwn(snapshot, field)) changes[field] = snapshot[field];
    for (const group of this.#options.together) {
      if (!group.some((field) => Object.hasOwn(changes, field))) continue;
      for (const field of group) changes[field] = Object.hasOwn(snapshot, field) ? snapshot[field] : undefined;
    }
    return this.#change(loaded, changes, snapshot.cookie, snapshot);
  }

  /** Writes the cookie of a session that a request loaded, and with it the time at which the session ends. */
  prolong(loaded: LoadedSession, cookie: StoredSession["cookie"]): WriteResult {
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
  #replace(sid: string, stored: StoredSession, snapshot: StoredSession, lifetime: number): WriteResult {
    const known = loadedFrom(sid, stored);
    const changes = changesBetween(stored, snapshot);
    const isSame = Object.keys(changes).length === 0 && isSameCookie(known.cookie, snapshot.cookie);
    const writes: Promise<boolean>[] = [];
    if (isSame && !this.#isWorthProlonging(sid, lifetime)) return { sid, loaded: undefined, isApplied: null };
    this.#storage.batch(() => {
      writes.push(this.#patchFields(known, { ...changes, cookie: snapshot.cookie }, snapshot, lifetime));
      writes.push(this.#storage.add(this.#path(sid), this.#packed({ ...snapshot, [BIRTH]: randomUUID() }), lifetime));
    });
    return { sid, loaded: undefined, isApplied: Promise.all(writes).then(() => true) };
  }

  #change(
    loaded: LoadedSession,
    changes: Changes,
    cookie: StoredSession["cookie"],
    fields: StoredSession | null,
  ): WriteResult {
    const { sid } = loaded;
    const lifetime = this.#lifetimeOf(cookie);
    if (lifetime <= 0) return this.#endLoaded(loaded);
    const hasFields = Object.keys(changes).length > 0;
    const isCookieWritten = !isSameCookie(loaded.cookie, cookie) || (hasFields && this.#options.isWhole);
    if (isCookieWritten) changes.cookie = cookie;
    const outlived = isCookieWritten ? undefined : this.#outlivedCookie(loaded, lifetime);
    const hasChanges = Object.keys(changes).length > 0;
    const known = { ...loaded, fields, ...cookieIn(isCookieWritten || outlived ? cookie : loaded.cookie) };
    if (!hasChanges && !outlived) return { sid, loaded: known, isApplied: null };
    const ttl = isCookieWritten ? lifetime : undefined;
    if (!outlived) return { sid, loaded: known, isApplied: this.#patchFields(loaded, changes, fields, ttl) };
    const writes: Promise<boolean>[] = [];
    this.#storage.batch(() => {
      if (hasChanges) writes.push(this.#patchFields(loaded, changes, fields, ttl));
      writes.push(this.#patch(loaded, { cookie }, lifetime, outlived));
    });
    const isApplied = Promise.all(writes).then(([applied]) => !hasChanges || applied === true);
    return { sid, loaded: known, isApplied };
  }

  /**
   * Changes fields of a session in the form in which sessions are stored here.
   * @param session All of the session after the changes.
   */
  #patchFields(
    loaded: LoadedSession,
    changes: Changes,
    session: StoredSession | null,
    ttl: number | undefined,
  ): Promise<boolean> {
    if (session === null || !Object.keys(changes).some((field) => field !== "cookie")) {
      return this.#patch(loaded, changes, ttl);
    }
    const raw = this.raw(loaded.sid);
    const isPacked = isSession(raw) && raw[WHOLE] !== undefined;
    if (this.#options.isWhole) {
      const loose = isSession(raw) ? withoutLoose(raw) : {};
      return this.#patch(loaded, { ...loose, ...packed(session) }, ttl);
    }
    if (!isPacked) return this.#patch(loaded, changes, ttl);
    let patched: Promise<boolean> | undefined;
    this.#storage.batch(() => {
      const { [BIRTH]: _, cookie: __, ...fields } = unpacked(raw);
      const unpacking = this.#patch(loaded, { ...withoutLoose(raw), ...fields }, undefined, { [WHOLE]: raw[WHOLE] });
      unpacking.catch(() => {}); // the other one fails too
      patched = this.#patch(loaded, changes, ttl);
    });
    return patched as unknown as Promise<boolean>;
  }

  #patch(loaded: LoadedSession, changes: Changes, ttl: number | undefined, match: Changes = {}): Promise<boolean> {
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
    if (stored !== null && stored[BIRTH] === loaded.birth) return { ...this.#end(loaded.sid), loaded };
    return { sid: loaded.sid, loaded, isApplied: null };
  }

  /**
   * Returns what must match, the stored cookie, if it must be replaced by one that differs in the expiry only; undefined if not. When
   * another request has prolonged the session meanwhile, the cookie is replaced only if that prolongs the session further.
   */
  #outlivedCookie({ sid, cookie }: LoadedSession, lifetime: number): { cookie?: unknown } | undefined {
    const stored = this.stored(sid);
    if (stored === null || !isSameCookie(cookie, stored.cookie)) return undefined;
    if (!this.#isWorthProlonging(sid, lifetime)) return undefined;
    const isUntouched = stored.cookie?.expires === cookie?.expires;
    const isNeeded = isUntouched || lifetime > (this.#storage.ttl(this.#path(sid)) ?? 0);
    return isNeeded ? cookieIn(stored.cookie) : undefined;
  }

  /** Whether the expiry would move by more than `touchAfter` lets it lag behind. */
  #isWorthProlonging(sid: string, lifetime: number): boolean {
    const left = this.#storage.ttl(this.#path(sid));
    return left !== null && Math.abs(lifetime - left) > Math.min(this.#options.touchAfter, lifetime / 10);
  }

  #lifetimeOf(cookie: StoredSession["cookie"]): number {
    return lifetimeOf(cookie, this.#options.ttl, wallTimeOfCaller());
  }

  #packed(session: StoredSession): StoredSession {
    return this.#options.isWhole ? packed(session) : session;
  }

  #sidOf(key: string): string {
    return key.slice(this.#keyPrefix.length);
  }

  #path(sid: string): string[] {
    return [this.#keyPrefix + sid];
  }
}

/** What a request that has just read a session knows about it. */
export function loadedFrom(sid: string, stored: StoredSession): LoadedSession {
  const birth: unknown = stored[BIRTH];
  return {
    sid,
    birth: typeof birth === "string" ? birth : undefined,
    fields: stored,
    ...cookieIn(stored.cookie),
  };
}

function cookieIn(cookie: StoredSession["cookie"]): { cookie?: Record<string, unknown> } {
  return cookie === undefined ? {} : { cookie };
}

/** The changes that leave of a stored session only what every form of it has. */
function withoutLoose(raw: StoredSession): Changes {
  const loose = Object.keys(raw).filter((field) => field !== "cookie" && field !== BIRTH);
  return Object.fromEntries(loose.map((field) => [field, undefined]));
}
