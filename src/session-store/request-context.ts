/**
 * What each request in progress knows about the sessions that it has loaded. A write needs this to find out which fields its
 * request changed, and whether the session that it writes to is still the one that the request read. Neither framework passes
 * it on, so it is found again
 *
 * 1. by the session object, when that object was read or written by the store, or was made from one that was (express-session);
 * 2. by a mark that the session object carries (@fastify/session, which copies what it gets);
 * 3. by the asynchronous context in which the callback of `get` ran. It comes last: streams, events and pools call back in the
 *    context of another request, or of none.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Destructions } from "./destroyed-sessions.js";
import type { SessionPayload, StoredSession } from "./payload.js";
import { Mark, marksOf, withMark } from "./session-mark.js";

/** What tells, once a session is gone, whether it has expired or was destroyed. All that stands for one load shares it. */
export interface Vitals {
  /** What was known of destroyed sessions when the session was read. */
  readonly destructions: Destructions;
  /** When it was read, in ms since 1970, on the clock of the application. */
  readonly readAt: number;
  /** When the request last knew that it existed, in ms of `elapsedTime`. */
  seenAt: number;
  /** When it expires as far as the request knows, in ms of `elapsedTime`. */
  endsAt: number;
}

/** A session as one request knows it. */
export interface LoadedSession {
  readonly sid: string;
  /** Its birth mark; undefined when it was not written by this store. */
  readonly birth: string | undefined;
  /**
   * Its fields as the request read them or last wrote them; null: the request had loaded the session, but which state of it is
   * not known.
   */
  readonly fields: StoredSession | null;
  /** Its stored cookie, as far as the request knows, if it has one. */
  readonly cookie: StoredSession["cookie"];
  /** Since when it has been that of its user, as a place in the log; missing: not known, so long ago. */
  readonly since?: number;
  readonly vitals: Vitals;
}

/** One session that the current request has loaded, in the list of all of them. */
interface Entry {
  readonly owner: RequestContext;
  readonly sid: string;
  /** null: the request has destroyed the session since. */
  readonly loaded: LoadedSession | null;
  /** The sessions that the request loaded before. */
  readonly outer: Entry | undefined;
}

const entries = new AsyncLocalStorage<Entry>();

/** How many sessions a request knows besides its latest. A chain of callbacks may read sessions forever. */
const MAX_OUTER_COUNT = 16;

/** How many sessions are remembered that were given to frameworks. */
const MAX_GIVEN_COUNT = 10_000;

/** What the requests in progress know about the sessions of one store. */
export class RequestContext {
  readonly #byObject = new WeakMap<object, LoadedSession>();
  /** The prototypes of session objects that have carried a mark: one of these without a mark was not loaded. */
  readonly #marking = new WeakSet<object>();
  /** The sessions that were given to frameworks, by id, the latest last. */
  readonly #given = new Map<string, LoadedSession>();
  /** The id of a session that was destroyed, while the callback of that runs. */
  #parted: string | undefined;

  /** Remembers that a session object stands for a loaded session. */
  note(session: object, loaded: LoadedSession): void {
    this.#byObject.set(session, loaded);
  }

  /** Remembers that a session object was made from another one; false when nothing is known of that one. */
  follow(made: object, from: object): boolean {
    const loaded = this.#byObject.get(from);
    if (loaded !== undefined) this.#byObject.set(made, loaded);
    return loaded !== undefined;
  }

  /**
   * Returns what the request that writes `session` under `sid` has loaded there; undefined when it has loaded nothing: then the
   * session is new, or is written by no request.
   */
  of(sid: string, session: object): LoadedSession | undefined {
    const loaded = this.#byObject.get(session);
    if (loaded?.sid === sid) return loaded;
    if (typeof session !== "object" || session === null) return undefined;
    // `regenerate` may use the id of the session that it has destroyed, and copies the mark.
    if (this.#parted === sid) return undefined;
    const marks = marksOf(session, this);
    const entry = this.#entryOf(sid);
    const own = marks.filter((mark) => mark.loaded.sid === sid);
    const prototype: object | null = Object.getPrototypeOf(session);
    if (marks.length > 0 && prototype !== null) this.#marking.add(prototype);
    if (own.length > 0) return claimed(session, own, entry);
    if (prototype === null || isPlain(session)) return entry?.loaded ?? undefined;
    if (this.#marking.has(prototype)) return undefined;
    if (entry !== undefined) return entry.loaded ?? undefined;
    const given = this.#given.get(sid);
    return given && unknownStateOf(given);
  }

  /** Runs the callback that gets a session: the rest of its request, which then is found to have loaded the session. */
  give(sid: string, payload: SessionPayload, callback: () => void): void {
    const loaded = this.#byObject.get(payload);
    if (loaded === undefined) {
      callback();
      return;
    }
    this.#given.delete(sid);
    this.#given.set(sid, loaded);
    if (this.#given.size > MAX_GIVEN_COUNT) this.#given.delete(this.#given.keys().next().value as string);
    withMark(payload, new Mark(this, loaded), () => this.run(sid, loaded, callback));
  }

  /** Runs the callback of a request that has destroyed a session: what it stores under the id of that one is a new session. */
  part(sid: string, callback: () => void): void {
    const before = this.#parted;
    this.#parted = sid;
    try {
      this.run(sid, null, callback);
    } finally {
      this.#parted = before;
    }
  }

  /** Runs the rest of a request that has loaded a session, or has destroyed it (null). */
  run(sid: string, loaded: LoadedSession | null, rest: () => void): void {
    entries.run({ owner: this, sid, loaded, outer: this.#without(sid, entries.getStore(), MAX_OUTER_COUNT) }, rest);
  }

  #entryOf(sid: string): Entry | undefined {
    let entry = entries.getStore();
    while (entry !== undefined && (entry.owner !== this || entry.sid !== sid)) entry = entry.outer;
    return entry;
  }

  /** The latest entries of the list that begins with `entry`, without those of one session of this store. */
  #without(sid: string, entry: Entry | undefined, maxCount: number): Entry | undefined {
    if (entry === undefined || maxCount === 0) return undefined;
    const outer = this.#without(sid, entry.outer, maxCount - 1);
    if (entry.owner === this && entry.sid === sid) return outer;
    return outer === entry.outer ? entry : { ...entry, outer };
  }
}

/**
 * What a session object with marks has loaded. Which of several marks, or of several objects with one mark, is right is not known,
 * unless the context agrees.
 */
function claimed(session: object, marks: readonly Mark[], entry: Entry | undefined): LoadedSession {
  const [mark] = marks as [Mark];
  const isOwn = mark.isOf(session) || entry?.loaded === mark.loaded;
  return isOwn && marks.length === 1 ? mark.loaded : unknownStateOf(mark.loaded);
}

/** What is known of a session object that stands for a session, but not for which state of it. */
export function unknownStateOf(loaded: LoadedSession): LoadedSession {
  return { ...loaded, fields: null };
}

/** Whether no framework created a session object: a caller that stores it again after it was destroyed wants it back. */
export function isPlain(session: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(session);
  // That of an object literal is the last one, in any realm.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
