/** Stores of the test's own directory, in this process, and what a framework does with them. */
import type { TestContext } from "node:test";
import type { ClusterSessionStoreOptions, SessionPayload } from "../../dist/session-store/index.js";
import { ClusterSessionStore } from "../../dist/session-store/index.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

export const HOUR_MS = 3_600_000;

/** Opens a store and waits until it has joined; it is closed when the test ends. */
export async function openStore(
  t: TestContext,
  options: ClusterSessionStoreOptions = {},
): Promise<ClusterSessionStore> {
  const store = beginStore(t, options);
  await store.storage.sync();
  return store;
}

/** Opens a store; does not wait. */
export function beginStore(t: TestContext, options: ClusterSessionStoreOptions = {}): ClusterSessionStore {
  const place = options.storage === undefined && options.path === undefined ? { path: temporaryDirectory(t) } : {};
  const store = new ClusterSessionStore({ ...place, ...options } as ClusterSessionStoreOptions);
  teardown(t, () => store.close().catch(() => {}));
  return store;
}

/** A session whose cookie expires at `expires`; undefined: it has no expiry. */
export function sessionWith(fields: Record<string, unknown> = {}, expires?: unknown): SessionPayload {
  const cookie = { path: "/", httpOnly: true, originalMaxAge: null, ...(expires === undefined ? {} : { expires }) };
  return { cookie, ...fields };
}

/** A date so many ms from now. */
export function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

/**
 * Does what a request does: reads a session and calls on from there, in the asynchronous context that the store gives. The
 * session is a copy of what was read, as @fastify/session makes one.
 */
export function request<T>(
  store: ClusterSessionStore,
  sid: string,
  run: (session: SessionPayload) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    store.get(sid, (error, payload) => {
      if (error || !payload) reject(error ?? new Error(`expected a session ${sid}, got none`));
      else run({ ...payload, cookie: { ...payload.cookie } }).then(resolve, reject);
    });
  });
}

/** What a callback was called with, and how often. */
export function called<T>(call: (callback: (error?: unknown, value?: T) => void) => unknown): Promise<{
  error: unknown;
  value: T | undefined;
  isSynchronous: boolean;
  count: () => number;
}> {
  return new Promise((resolve) => {
    let count = 0;
    let isSynchronous = true;
    call((error, value) => {
      count++;
      if (count === 1) resolve({ error, value, isSynchronous, count: () => count });
    });
    isSynchronous = false;
  });
}
