/**
 * What the requests in progress have loaded: by it a write knows which fields its request changed, and whether the session
 * that it writes to is still the one that it read. Neither framework passes this on, so it is found again
 *
 * 1. by the session object, when it is the very one that was read, made from it or written before (express-session);
 * 2. by the asynchronous context in which the callback of `get` ran (@fastify/session, which copies what it is given).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { SessionPayload } from "./payload.js";

/** One session as a request knows it. */
export interface Loaded {
  readonly sid: string;
  /** Its birth mark; undefined when something else than this store has written it. */
  readonly birth: string | undefined;
  /** Its fields as the request read or last wrote them. */
  readonly fields: SessionPayload;
  /** Its cookie as it is stored, as far as the request knows. */
  readonly cookie: Record<string, unknown>;
}

/** A load that the current request made; null in place of it: the request has destroyed that session since. */
interface Context {
  readonly loads: Loads;
  readonly sid: string;
  readonly loaded: Loaded | null;
  readonly outer: Context | undefined;
}

const contexts = new AsyncLocalStorage<Context>();

/** Loads that a request knows besides its latest: calls that go on from callback to callback may read for ever. */
const MAX_OUTER_COUNT = 16;

/** The loads of one store. */
export class Loads {
  readonly #byObject = new WeakMap<object, Loaded>();

  /** Notes that a session object stands for what was loaded. */
  note(session: object, loaded: Loaded): void {
    this.#byObject.set(session, loaded);
  }

  /** Notes that a session object was made from another one. */
  follow(made: object, from: object): void {
    const loaded = this.#byObject.get(from);
    if (loaded !== undefined) this.#byObject.set(made, loaded);
  }

  /** What the request that writes `session` under `sid` has loaded there; undefined when nothing is known. */
  of(sid: string, session: object): Loaded | undefined {
    const loaded = this.#byObject.get(session);
    if (loaded?.sid === sid) return loaded;
    for (let context = contexts.getStore(); context !== undefined; context = context.outer) {
      if (context.loads === this && context.sid === sid) return context.loaded ?? undefined;
    }
    return undefined;
  }

  /** Calls on as the request that has loaded a session; null: that has destroyed it. */
  run(sid: string, loaded: Loaded | null, call: () => void): void {
    contexts.run({ loads: this, sid, loaded, outer: this.#others(sid, contexts.getStore(), MAX_OUTER_COUNT) }, call);
  }

  /** The latest loads from `context` on, without those of the session itself. */
  #others(sid: string, context: Context | undefined, maxCount: number): Context | undefined {
    if (context === undefined || maxCount === 0) return undefined;
    const outer = this.#others(sid, context.outer, maxCount - 1);
    if (context.loads === this && context.sid === sid) return outer;
    return outer === context.outer ? context : { ...context, outer };
  }
}
