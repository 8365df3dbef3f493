import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import type { ResolvedStoreOptions } from "./options.js";
import { BIRTH, isSameCookie, isSession, packed, SINCE, type StoredSession, unpacked, WHOLE } from "./payload.js";
import type { LoadedSession } from "./request-context.js";
import type { SessionUsers } from "./session-users.js";

/** New values by field; undefined: the field is removed. */
export type Changes = Readonly<Record<string, unknown>>;

/** What is to be changed in a session. */
export interface Change {
  readonly fields: Changes;
  readonly cookie: StoredSession["cookie"];
  /** All of the session after the change. */
  readonly session: StoredSession | null;
  /** In ms; null: cookie and expiry stay as they are. */
  readonly lifetime: number | null;
}

/** What became of a change. Promises that are null: there was nothing to write. */
export interface Changed {
  /** The cookie that is stored now, as far as the request knows. */
  readonly cookie: StoredSession["cookie"];
  /** The lifetime that was written, in ms; null: none. */
  readonly lifetime: number | null;
  /** Resolves, once confirmed, with whether the fields were written, and the cookie if it was changed. */
  readonly isWritten: Promise<boolean> | null;
  /** Resolves, once confirmed, with whether only the expiry was written. */
  readonly isProlonged: Promise<boolean> | null;
}

/** Changes of sessions, as patches that take effect on the session with the birth mark that a request has loaded. */
export class SessionPatches {
  readonly #storage: Storage;
  readonly #facts: StorageFacts;
  readonly #options: ResolvedStoreOptions;
  readonly #users: SessionUsers;

  constructor(storage: Storage, options: ResolvedStoreOptions, users: SessionUsers) {
    this.#storage = storage;
    this.#facts = factsOf(storage) as StorageFacts;
    this.#options = options;
    this.#users = users;
  }

  /** The key of a session in the storage. */
  keyOf(sid: string): string {
    return `${this.#options.prefix}/${sid}`;
  }

  /** What is stored of a session. */
  packed(session: StoredSession): StoredSession {
    return this.#options.isWhole ? packed(session) : session;
  }

  /**
   * Writes changed fields, and the cookie if it was changed; if only its expiry moved, as far as `touchAfter` asks for it. Null: there is
   * nothing to write.
   */
  change(loaded: LoadedSession, change: Change): Changed | null {
    const { fields, cookie, lifetime } = change;
    const hasFields = Object.keys(fields).length > 0;
    const isChanged = !isSameCookie(loaded.cookie, cookie) || (hasFields && this.#options.isWhole);
    const isCookieWritten = lifetime !== null && isChanged;
    const outlived = lifetime === null || isChanged ? undefined : this.#outlivedCookie(loaded, lifetime);
    if (outlived !== undefined) return this.#prolong(loaded, change, hasFields, outlived);
    if (!hasFields && !isCookieWritten) return null;
    const isWritten = this.#write(loaded, change, isCookieWritten);
    const known = isCookieWritten ? { cookie, lifetime } : { cookie: loaded.cookie, lifetime: null };
    return { ...known, isWritten, isProlonged: null };
  }

  #write(loaded: LoadedSession, change: Change, isCookieWritten: boolean): Promise<boolean> {
    const { fields, cookie, session, lifetime } = change;
    return isCookieWritten
      ? this.patch(loaded, { ...fields, cookie }, session, lifetime)
      : this.patch(loaded, fields, session, null);
  }

  #prolong(loaded: LoadedSession, change: Change, hasFields: boolean, outlived: Changes): Changed {
    const { cookie, lifetime } = change;
    let isWritten: Promise<boolean> | null = null;
    let isProlonged: Promise<boolean> | null = null;
    this.#storage.batch(() => {
      if (hasFields) isWritten = this.#write(loaded, change, false);
      isProlonged = this.#patch(loaded, { cookie }, lifetime, outlived);
    });
    return { cookie, lifetime, isWritten, isProlonged };
  }

  /**
   * Changes fields in the form in which sessions are stored here.
   * @param session All of the session after the changes, where there are others than of the cookie.
   * @param lifetime In ms; null: the expiry stays.
   */
  patch(
    loaded: LoadedSession,
    changes: Changes,
    session: StoredSession | null,
    lifetime: number | null,
  ): Promise<boolean> {
    if (session === null || !Object.keys(changes).some((field) => field !== "cookie")) {
      return this.#patch(loaded, changes, lifetime);
    }
    const stored = this.#storage.get([this.keyOf(loaded.sid)]);
    const raw = isSession(stored) ? stored : {};
    const stamp = this.#users.haveChanged(loaded.sid, loaded.fields ?? raw, session) ? SINCE : "";
    if (this.#options.isWhole)
      return this.#patch(loaded, { ...withoutFields(raw), ...packed(session) }, lifetime, {}, stamp);
    if (raw[WHOLE] === undefined) return this.#patch(loaded, changes, lifetime, {}, stamp);
    let isPatched = Promise.resolve(false);
    this.#storage.batch(() => {
      const { [BIRTH]: _, [SINCE]: __, cookie: ___, ...fields } = unpacked(raw);
      const unpacking = this.#patch(loaded, { ...withoutFields(raw), ...fields }, null, { [WHOLE]: raw[WHOLE] });
      unpacking.catch(() => {}); // then the other one fails too
      isPatched = this.#patch(loaded, changes, lifetime, {}, stamp);
    });
    return isPatched;
  }

  /** Whether the expiry would move by more than `touchAfter` lets it lag behind. */
  isWorthProlonging(sid: string, lifetime: number): boolean {
    const left = this.#storage.ttl([this.keyOf(sid)]);
    return left !== null && Math.abs(lifetime - left) > Math.min(this.#options.touchAfter, lifetime / 10);
  }

  #patch(
    { sid, birth }: LoadedSession,
    changes: Changes,
    lifetime: number | null,
    match: Changes = {},
    stamp = "",
  ): Promise<boolean> {
    const matched = birth === undefined ? match : { ...match, [BIRTH]: birth };
    const options = lifetime === null ? { match: matched } : { match: matched, ttl: lifetime };
    const path = [this.keyOf(sid)];
    if (stamp === "") return this.#storage.patch(path, changes, options);
    return this.#facts.replica.patch(path, changes, options, stamp);
  }

  /**
   * Returns what must match, the stored cookie, if it must be replaced by one that differs in the expiry only; undefined if not. When
   * another request has prolonged the session meanwhile, the cookie is replaced only if that prolongs the session further.
   */
  #outlivedCookie({ sid, cookie }: LoadedSession, lifetime: number): Changes | undefined {
    const raw: unknown = this.#storage.get([this.keyOf(sid)]);
    if (!isSession(raw) || !isSameCookie(cookie, raw.cookie)) return undefined;
    if (!this.isWorthProlonging(sid, lifetime)) return undefined;
    const isUntouched = raw.cookie?.expires === cookie?.expires;
    const isNeeded = isUntouched || lifetime > (this.#storage.ttl([this.keyOf(sid)]) ?? 0);
    return isNeeded ? cookieIn(raw.cookie) : undefined;
  }
}

/** The part of a session that is its cookie, if it has one. */
export function cookieIn(cookie: StoredSession["cookie"]): { cookie?: Record<string, unknown> } {
  return cookie === undefined ? {} : { cookie };
}

/** The changes that leave of a stored session only what every form of it has. */
function withoutFields(raw: StoredSession): Changes {
  const fields = Object.keys(raw).filter((field) => !["cookie", BIRTH, SINCE].includes(field));
  return Object.fromEntries(fields.map((field) => [field, undefined]));
}
