/** A store in memory that does all that a store can do without knowing of requests, and the suite's cases by their names. */
import assert from "node:assert/strict";
import cookies from "@fastify/cookie";
import fastifySession from "@fastify/session";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import {
  type Frameworks,
  type SessionStoreLike,
  type SessionStoreTestOptions,
  sessionStoreTests,
} from "../../dist/session-store-tests/index.js";

export const FRAMEWORKS: Frameworks = {
  express: { express, session },
  fastify: { fastify, cookie: cookies, session: fastifySession },
};

// biome-ignore lint/suspicious/noExplicitAny: sessions with any fields, as either framework passes them.
type Anything = any;
type Callback = (error?: unknown, value?: Anything) => void;

/** The store. Its parts are methods, so that a test can put a wrong one in the place of each. */
export class PlainStore extends session.Store {
  readonly texts = new Map<string, string>();

  /** When a session ends, in ms since 1970. */
  endOf(stored: Anything): number {
    const expires = Date.parse(stored.cookie.expires);
    return Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires;
  }

  /** What is written for a session. */
  textOf(given: Anything): string {
    if (!given.cookie) throw new TypeError("expected a session with a cookie");
    return JSON.stringify(given);
  }

  read(sid: string): Anything {
    const text = this.texts.get(sid);
    if (text === undefined) return null;
    const stored = JSON.parse(text);
    if (this.endOf(stored) > Date.now()) return stored;
    this.texts.delete(sid);
    return null;
  }

  write(sid: string, given: Anything): void {
    const text = this.textOf(given);
    if (this.endOf(JSON.parse(text)) > Date.now()) this.texts.set(sid, text);
    else this.texts.delete(sid);
  }

  prolong(sid: string, given: Anything): void {
    const stored = this.read(sid);
    if (stored !== null) this.write(sid, { ...stored, cookie: given.cookie });
  }

  list(): Anything {
    const sids = [...this.texts.keys()].filter((sid) => this.read(sid) !== null);
    return sids.map((sid) => ({ ...this.read(sid), id: sid }));
  }

  answer(compute: () => unknown, callback: Callback | undefined): void {
    let error: unknown = null;
    let value: unknown;
    try {
      value = compute();
    } catch (thrown) {
      error = thrown;
    }
    setImmediate(() => callback?.(error, value));
  }

  override get(sid: string, callback: Callback): void {
    this.answer(() => this.read(sid), callback);
  }

  override set(sid: string, given: Anything, callback?: Callback): void {
    this.answer(() => this.write(sid, given), callback);
  }

  override destroy(sid: string, callback?: Callback): void {
    this.answer(() => void this.texts.delete(sid), callback);
  }

  override touch(sid: string, given: Anything, callback?: Callback): void {
    this.answer(() => this.prolong(sid, given), callback);
  }

  override all(callback: Callback): void {
    this.answer(() => this.list(), callback);
  }

  override length(callback: Callback): void {
    this.answer(() => this.list().length, callback);
  }

  override clear(callback?: Callback): void {
    this.answer(() => this.texts.clear(), callback);
  }
}

/** What became of a case: it passed, or it failed, or the suite said why it does not apply. */
export type Outcome = "passed" | "skipped" | Error;

/** A case as the suite registered it. */
export interface RegisteredCase {
  readonly title: string;
  run(): Promise<Outcome>;
}

/** Registers the suite for a store with a test runner that runs a case when it is asked to. */
export function registered<Store extends SessionStoreLike>(
  options: Omit<SessionStoreTestOptions<Store>, "test" | "assert">,
): RegisteredCase[] {
  const found: RegisteredCase[] = [];
  const test = (title: string, run: (running: { skip(): void }) => Promise<void>): void => {
    const outcome = async (): Promise<Outcome> => {
      let isSkipped = false;
      const skip = (): void => {
        isSkipped = true;
      };
      return run({ skip }).then(
        () => (isSkipped ? "skipped" : "passed"),
        (error: Error) => error,
      );
    };
    found.push({ title, run: outcome });
  };
  const skip = (title: string): void => void found.push({ title, run: async () => "skipped" });
  const runner = Object.assign(test as (title: string, run: () => Promise<void>) => void, { skip });
  sessionStoreTests({ expiryTolerance: 60, timeout: 3000, ...options, test: runner, assert });
  return found;
}
