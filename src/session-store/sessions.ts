import { randomUUID } from "node:crypto";
import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import { elapsedTime, wallTimeOfCaller } from "../core/runtime.js";
import { DestroyedSessions } from "./destroyed-sessions.js";
import { ExpiredKeys } from "./expired-keys.js";
import type { ResolvedStoreOptions } from "./options.js";
import {
  BIRTH,
  changesBetween,
  copyOf,
  hasRunOut,
  isSameCookie,
  isSession,
  lifetimeOf,
  packed,
  type SessionPayload,
  SINCE,
  type StoredSession,
  unpacked,
} from "./payload.js";
import type { LoadedSession } from "./request-context.js";
import { Revival } from "./revival.js";
import { Revocations, sinceOf } from "./revocations.js";
import { type Change, type Changed, type Changes, cookieIn, SessionPatches } from "./session-patches.js";
import type { SessionUsers } from "./session-users.js";

/** What a write did. */
export interface WriteResult {
  readonly sid: string;
  /** What the request knows about the session after the write; undefined: the session has ended, or no request had loaded it. */
  readonly loaded: LoadedSession | undefined;
  /** Resolves once confirmed. false: nothing was changed, because the session was destroyed meanwhile. null: nothing was written. */
  readonly isApplied: Promise<boolean> | null;
  /** Whether a session was created. */
  readonly isNew?: boolean;
}

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
 * 5. A session that has expired comes back by a write of a request that had loaded it, and by nothing else.
 * 6. A session that is void by a revocation counts as absent.
 */
export class Sessions {
  readonly revocations: Revocations;
  readonly #storage: Storage;
  readonly #facts: StorageFacts;
  readonly #options: ResolvedStoreOptions;
  readonly #users: SessionUsers;
  readonly #patches: SessionPatches;
  readonly #destroyed: DestroyedSessions;
  readonly #revival: Revival;

  constructor(storage: Storage, options: ResolvedStoreOptions, users: SessionUsers) {
    this.#storage = storage;
    this.#facts = factsOf(storage) as StorageFacts;
    this.#options = options;
    this.#users = users;
    this.revocations = new Revocations(storage, options.prefix, users);
    this.#patches = new SessionPatches(storage, options, users);
    this.#destroyed = new DestroyedSessions(storage, options.prefix);
    const expired = ExpiredKeys.of(storage, this.keyPrefix);
    this.#revival = new Revival(storage, this.#destroyed, expired, this.revocations);
  }

  /** What the keys of the sessions begin with. */
  get keyPrefix(): string {
    return this.#patches.keyOf("");
  }

  /** Returns what is stored, frozen, which need not be a session; null when nothing is stored or it has expired. */
  raw(sid: string): unknown {
    return this.#storage.get(this.#path(sid));
  }

  /** Returns the session that is stored, frozen; null when there is none. */
  stored(sid: string): StoredSession | null {
    const raw = this.raw(sid);
    return isSession(raw) && !this.revocations.isVoid(sid, raw) ? unpacked(raw) : null;
  }

  /** Returns a copy of a session that is stored, for the caller; its cookie says when it ends by the wall clock as it is now. */
  copyOf(sid: string, stored: StoredSession): SessionPayload {
    return copyOf(stored, wallTimeOfCaller() + (this.#storage.ttl(this.#path(sid)) ?? Infinity));
  }

  /** Returns the copy of a session that a request gets which reads it, and what the request knows about the session then. */
  read(sid: string, stored: StoredSession): [payload: SessionPayload, loaded: LoadedSession] {
    const ttl = this.#storage.ttl(this.#path(sid));
    return [copyOf(stored, wallTimeOfCaller() + (ttl ?? Infinity)), this.loaded(sid, stored, ttl)];
  }

  /**
   * What a request that has just read a session knows about it.
   * @param ttl How long the session still lives, in ms; null: it is not there.
   */
  loaded(sid: string, stored: StoredSession, ttl = this.#storage.ttl(this.#path(sid))): LoadedSession {
    const birth: unknown = stored[BIRTH];
    const seenAt = elapsedTime();
    const endsAt = seenAt + (ttl ?? 0);
    const vitals = { destructions: this.#destroyed.of(sid), readAt: wallTimeOfCaller(), seenAt, endsAt };
    // While the session is not confirmed, its place is not known.
    const since = Number.isSafeInteger(sinceOf(stored)) ? sinceOf(stored) : 0;
    const { cookie } = stored;
    return { sid, birth: typeof birth === "string" ? birth : undefined, fields: stored, cookie, since, vitals };
  }

  /** Stores a whole session that no request has loaded, or prolongs it when nothing else has changed. */
  put(sid: string, snapshot: StoredSession): WriteResult {
    const stored = this.stored(sid);
    const lifetime = this.#lifetimeOf(snapshot.cookie);
    if (lifetime <= 0) return this.#end(sid);
    if (stored !== null) return this.#replace(sid, stored, snapshot, lifetime);
    const next = { ...snapshot, [BIRTH]: randomUUID() };
    this.#facts.replica.set(this.#path(sid), this.#patches.packed(next), lifetime, this.#stamp);
    return { sid, loaded: this.loaded(sid, next), isApplied: this.flush().then(() => true), isNew: true };
  }

  /**
   * Writes what a request changed in the session that it loaded; the whole session when it is not known in which state it was.
   * @param assigned Fields that count as changed although they may have their old values.
   */
  write(loaded: LoadedSession, snapshot: StoredSession, assigned: readonly string[]): WriteResult {
    const { cookie } = snapshot;
    const lifetime = this.#lifetimeOf(cookie);
    const stored = this.stored(loaded.sid);
    const fields = this.#changesOf(loaded.fields ?? stored ?? {}, snapshot, assigned);
    if (lifetime > 0) {
      const change = { fields, cookie, session: snapshot, lifetime };
      return stored === null ? this.#bringBack(loaded, change) : this.#update(loaded, change);
    }
    if (!hasRunOut(loaded.cookie, cookie, loaded.vitals.readAt)) return this.#endLoaded(loaded);
    // Others may have prolonged the session.
    const lasting = (stored ?? loaded).cookie;
    const session = { ...snapshot, ...cookieIn(lasting) };
    return this.#update(loaded, { fields, cookie: lasting, session, lifetime: null });
  }

  /** Writes the cookie of a session that a request loaded, and with it the time at which the session ends. */
  prolong(loaded: LoadedSession, cookie: StoredSession["cookie"]): WriteResult {
    const { sid } = loaded;
    const lifetime = this.#lifetimeOf(cookie);
    if (lifetime <= 0) return this.#endLoaded(loaded);
    const issuedAt = elapsedTime();
    const changed = this.#patches.change(loaded, { fields: {}, cookie, session: null, lifetime });
    if (changed === null) return { sid, loaded, isApplied: null };
    const known = { ...loaded, cookie: changed.cookie };
    const { isWritten, isProlonged } = changed;
    const isApplied = Promise.all([isWritten, isProlonged]).then(([written, prolonged]) => {
      if (written ?? prolonged) noteAlive(loaded, issuedAt, changed.lifetime);
      return written !== false;
    });
    return { sid, loaded: known, isApplied };
  }

  /** Resolves once all that was written is confirmed. */
  flush(): Promise<void> {
    return this.#storage.flush();
  }

  /** The field that gets the place at which a session is created. */
  get #stamp(): string {
    return this.#users.areKnown ? SINCE : "";
  }

  /** Removes sessions. Resolves once confirmed. */
  destroy(sids: readonly string[]): Promise<void> {
    for (const sid of sids) {
      this.#destroyed.note(sid);
      this.#storage.delete(this.#path(sid));
    }
    return this.#storage.flush();
  }

  /** Notes that all sessions will be removed, by `remove`. */
  beginClear(): void {
    this.#destroyed.noteAll();
  }

  /** Removes everything under some keys. Resolves once confirmed. */
  remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#storage.delete([key]);
    return this.#storage.flush();
  }

  /**
   * Replaces a session with one that has the same birth mark. If it was destroyed, which may not be known here yet, a new one
   * with a new mark is stored: under the old mark, late writes to the destroyed session would change the new one.
   */
  #replace(sid: string, stored: StoredSession, snapshot: StoredSession, lifetime: number): WriteResult {
    const known = this.loaded(sid, stored);
    const { cookie } = snapshot;
    const changes = changesBetween(stored, snapshot);
    const isSame = Object.keys(changes).length === 0 && isSameCookie(known.cookie, cookie);
    if (isSame && !this.#patches.isWorthProlonging(sid, lifetime)) return { sid, loaded: undefined, isApplied: null };
    const writes: Promise<boolean>[] = [];
    const next = this.#patches.packed({ ...snapshot, [BIRTH]: randomUUID() });
    this.#storage.batch(() => {
      writes.push(this.#patches.patch(known, { ...changes, cookie }, snapshot, lifetime));
      writes.push(this.#facts.replica.add(this.#path(sid), next, lifetime, this.#stamp));
    });
    return { sid, loaded: undefined, isApplied: Promise.all(writes).then(() => true) };
  }

  #changesOf(before: StoredSession, snapshot: StoredSession, assigned: readonly string[]): Changes {
    const changes = changesBetween(before, snapshot);
    for (const field of assigned) if (Object.hasOwn(snapshot, field)) changes[field] = snapshot[field];
    for (const group of this.#options.together) {
      if (!group.some((field) => Object.hasOwn(changes, field))) continue;
      for (const field of group) changes[field] = Object.hasOwn(snapshot, field) ? snapshot[field] : undefined;
    }
    return changes;
  }

  /** Changes a session, and brings it back if it expires before the change has its place in the log. */
  #update(loaded: LoadedSession, change: Change): WriteResult {
    const { sid } = loaded;
    const issuedAt = elapsedTime();
    const changed = this.#patches.change(loaded, change);
    if (changed === null) return { sid, loaded, isApplied: null };
    const known = { ...loaded, fields: change.session, cookie: changed.cookie };
    return { sid, loaded: known, isApplied: this.#afterUpdate(loaded, change, changed, issuedAt) };
  }

  async #afterUpdate(loaded: LoadedSession, change: Change, changed: Changed, issuedAt: number): Promise<boolean> {
    const { isWritten, isProlonged, lifetime } = changed;
    const [written, prolonged] =
      isProlonged === null ? [await isWritten, null] : await Promise.all([isWritten, isProlonged]);
    if (written ?? prolonged) {
      noteAlive(loaded, issuedAt, lifetime);
      return true;
    }
    const hasNoChanges = written === null;
    if (this.stored(loaded.sid) !== null) return hasNoChanges;
    return (await this.#revive(loaded, change)) || hasNoChanges;
  }

  #bringBack(loaded: LoadedSession, change: Change): WriteResult {
    const known = { ...loaded, fields: change.session, cookie: change.cookie };
    const hasNoChanges = Object.keys(change.fields).length === 0;
    const isApplied = this.#revive(loaded, change).then((isBack) => isBack || hasNoChanges);
    return { sid: loaded.sid, loaded: known, isApplied };
  }

  /** Brings back an expired session as its request holds it; resolves with whether it is there. */
  async #revive(loaded: LoadedSession, { fields, cookie, session, lifetime }: Change): Promise<boolean> {
    if (session === null || lifetime === null) return false;
    const issuedAt = elapsedTime();
    const { [BIRTH]: _, ...held } = session;
    const changes = this.#options.isWhole ? packed(held) : { ...fields, ...cookieIn(cookie) };
    const key = this.#patches.keyOf(loaded.sid);
    const isOthers = this.#users.haveChanged(loaded.sid, loaded.fields ?? held, held);
    const { since = 0 } = loaded;
    const whole = this.#patches.packed(since === 0 ? held : { ...held, [SINCE]: since });
    const revived = { key, session: whole, changes, lifetime, since: isOthers ? Infinity : since };
    const isBack = await this.#revival.revive(loaded, revived);
    if (isBack) noteAlive(loaded, issuedAt, lifetime);
    return isBack;
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

  #lifetimeOf(cookie: StoredSession["cookie"]): number {
    return lifetimeOf(cookie, this.#options.ttl, wallTimeOfCaller());
  }

  #path(sid: string): string[] {
    return [this.#patches.keyOf(sid)];
  }
}

/** Notes that a session was there when a write was issued that took effect, and for how long it is there from then on. */
function noteAlive({ vitals }: LoadedSession, issuedAt: number, lifetime: number | null): void {
  vitals.seenAt = Math.max(vitals.seenAt, issuedAt);
  if (lifetime !== null) vitals.endsAt = issuedAt + lifetime;
}
