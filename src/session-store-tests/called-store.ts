/** A store under test, and its calls as promises. */
import { deadline } from "../core/runtime.js";

// biome-ignore lint/suspicious/noExplicitAny: each framework, and each store, declares its own types of a session and an error.
type Anything = any;

/** The methods that a store may lack. */
export type OptionalMethod = "touch" | "all" | "length" | "clear";

/** A session store for express-session or @fastify/session, as the suite calls it. */
export interface SessionStoreLike {
  /** Reads a session. */
  get(sid: string, callback: (error?: Anything, session?: Anything) => void): unknown;
  /** Stores a session. */
  set(sid: string, session: Anything, callback?: (error?: Anything) => void): unknown;
  /** Removes a session. */
  destroy(sid: string, callback?: (error?: Anything) => void): unknown;
  /** Prolongs the life of a session. */
  touch?(sid: string, session: Anything, callback?: (error?: Anything) => void): unknown;
  /** Reads all sessions. */
  all?(callback: (error?: Anything, sessions?: Anything) => void): unknown;
  /** Counts the sessions. */
  length?(callback: (error?: Anything, count?: Anything) => void): unknown;
  /** Removes all sessions. */
  clear?(callback?: (error?: Anything) => void): unknown;
}

/** A session as `get` returned it. */
export interface StoredSession {
  readonly cookie: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: what the case has stored.
  [field: string]: any;
}

/** A method of a store. */
export type Method = "get" | "set" | "destroy" | OptionalMethod;

/** How one call of a method went. */
export interface Call {
  /** How often it has called back. */
  readonly count: () => number;
  /** Resolves with what it called back with first; rejects when it does not call back in time, or throws. */
  readonly answer: Promise<readonly [error: unknown, value: unknown]>;
}

/** The calls of a store, each of which must be answered before a deadline. */
export class CalledStore {
  readonly #store: SessionStoreLike;
  readonly #timeoutMs: number;

  constructor(store: SessionStoreLike, timeoutMs: number) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  has(method: OptionalMethod): boolean {
    return typeof this.#store[method] === "function";
  }

  /** Reads a session; null when there is none. An error `ENOENT` says that, too, to both frameworks. */
  async get(sid: string): Promise<StoredSession | null> {
    const [error, session] = await this.call("get", sid).answer;
    if (error && (error as { code?: unknown }).code !== "ENOENT") throw error;
    return error || !session ? null : (session as StoredSession);
  }

  async set(sid: string, session: object): Promise<void> {
    await this.#value("set", sid, session);
  }

  async touch(sid: string, session: object): Promise<void> {
    await this.#value("touch", sid, session);
  }

  async destroy(sid: string): Promise<void> {
    await this.#value("destroy", sid);
  }

  async clear(): Promise<void> {
    await this.#value("clear");
  }

  /** What `all` calls back with: a list in some stores, an object in others. */
  all(): Promise<unknown> {
    return this.#value("all");
  }

  length(): Promise<unknown> {
    return this.#value("length");
  }

  /** Calls a method without a callback. */
  callBare(method: Method, ...parameters: unknown[]): void {
    const returned = this.#method(method)(...parameters);
    if (isThenable(returned)) returned.then(undefined, () => {});
  }

  /** Calls a method. */
  call(method: Method, ...parameters: readonly unknown[]): Call {
    return this.callInside(() => {}, method, ...parameters);
  }

  /** As `call`, and runs a function in the callback, after that was counted. */
  callInside(inside: () => void, method: Method, ...parameters: readonly unknown[]): Call {
    let count = 0;
    const answer = new Promise<readonly [unknown, unknown]>((resolve, reject) => {
      const late = (): void => reject(new Error(`expected ${method} to call back within ${this.#timeoutMs} ms`));
      const timer = deadline(this.#timeoutMs, late);
      const fail = (error: unknown): void => {
        timer.cancel();
        const message = `expected ${method} to pass its error to the callback, got a thrown ${error}`;
        reject(new Error(message, { cause: error }));
      };
      const callback = (error: unknown, value: unknown): void => {
        count++;
        timer.cancel();
        resolve([error ?? null, value]);
        inside();
      };
      try {
        const returned = this.#method(method)(...parameters, callback);
        if (isThenable(returned)) returned.then(undefined, fail);
      } catch (error) {
        fail(error);
      }
    });
    answer.catch(() => {});
    return { answer, count: () => count };
  }

  async #value(method: Method, ...parameters: readonly unknown[]): Promise<unknown> {
    const [error, value] = await this.call(method, ...parameters).answer;
    if (error) throw error;
    return value;
  }

  #method(name: Method): (...parameters: readonly unknown[]) => unknown {
    const method = this.#store[name] as ((...parameters: readonly unknown[]) => unknown) | undefined;
    if (typeof method !== "function") throw new TypeError(`expected the store to have a method ${name}, got ${method}`);
    return (...parameters) => method.apply(this.#store, [...parameters]);
  }
}

/** Returns an object, or null, as JSON carries it. */
export function plainOf(value: object | null): Record<string, unknown> | null {
  return JSON.parse(JSON.stringify(value));
}

/** Returns the sessions that `all` called back with, whether that was a list or an object. */
export function sessionsOf(all: unknown): StoredSession[] {
  return Array.isArray(all) ? all : Object.values((all ?? {}) as Record<string, StoredSession>);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
