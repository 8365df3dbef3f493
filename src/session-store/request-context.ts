/**
 * What each request in progress knows about the sessions that it has loaded. A write needs this to find out which fields its
 * request changed, and whether the session that it writes to is still the one that the request read. Neither framework passes
 * it on, so it is found again
 *
 * 1. by the session object, when that object was read or written by the store, or was made from one that was (express-session);
 * 2. by the asynchronous context in which the callback of `get` ran (@fastify/session, which copies what it gets).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { SessionPayload } from "./payload.js";

/** A session as one request knows it. */
export interface LoadedSession {
  readonly sid: string;
  /** Its birth mark; undefined when it was not written by this store. */
  readonly birth: string | undefined;
  /** Its fields as the request read them or last wrote them. */
  readonly fields: SessionPayload;
  /** Its stored cookie, as far as the request knows. */
  readonly cookie: Record<string, unknown>;
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

/** What the requests in progress know about the sessions of one store. */
export class RequestContext {
  readonly #byObject = new WeakMap<object, LoadedSession>();

  /** Remembers that a session object stands for a loaded session. */
  note(session: object, loaded: LoadedSession): void {
    this.#byObject.set(session, loaded);
  }

  /** Remembers that a session object was made from another one. */
  follow(made: object, from: object): void {
    const loaded = this.#byObject.get(from);
    if (loaded !== undefined) this.#byObject.set(made, loaded);
  }

  /** Returns what the request that writes `session` under `sid` has loaded there; undefined when that is not known. */
  of(sid: string, session: object): LoadedSession | undefined {
    const loaded = this.#byObject.get(session);
    if (loaded?.sid === sid) return loaded;
    for (let entry = entries.getStore(); entry !== undefined; entry = entry.outer) {
      if (entry.owner === this && entry.sid === sid) return entry.loaded ?? undefined;
    }
    return undefined;
  }

  /** Runs the rest of a request that has loaded a session, or has destroyed it (null). */
  run(sid: string, loaded: LoadedSession | null, rest: () => void): void {
    entries.run({ owner: this, sid, loaded, outer: this.#without(sid, entries.getStore(), MAX_OUTER_COUNT) }, rest);
  }

  /** The latest entries of the list that begins with `entry`, without those of one session of this store. */
  #without(sid: string, entry: Entry | undefined, maxCount: number): Entry | undefined {
    if (entry === undefined || maxCount === 0) return undefined;
    const outer = this.#without(sid, entry.outer, maxCount - 1);
    if (entry.owner === this && entry.sid === sid) return outer;
    return outer === entry.outer ? entry : { ...entry, outer };
  }
}
