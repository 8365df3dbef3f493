/** Stores in this process, and what a framework does with them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { Storage } from "../../dist/core/index.js";
import type { ClusterSessionStoreOptions, SessionPayload } from "../../dist/session-store/index.js";
import { ClusterSessionStore } from "../../dist/session-store/index.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

export const HOUR_MS = 3_600_000;

/** The storage that the tests of one file share; opened by the first test that needs it. */
let shared: Promise<Storage> | undefined;
const sharedPath = mkdtempSync(join(tmpdir(), "cluster-storage-"));
after(async () => {
  await (await shared)?.close();
  rmSync(sharedPath, { recursive: true, force: true });
});

/** The options of a store that do not concern its storage. */
type OwnOptions = Pick<
  ClusterSessionStoreOptions,
  "prefix" | "ttl" | "touchAfter" | "merge" | "together" | "consistency" | "timeout" | "index" | "maxSessions"
>;

/** Creates a store on the storage that the tests of the file share. The storage is empty. */
export async function createStore(options: OwnOptions = {}): Promise<ClusterSessionStore> {
  shared ??= Storage.open("app", { path: sharedPath });
  const storage = await shared;
  storage.clear();
  await storage.flush();
  return new ClusterSessionStore({ ...options, storage });
}

/** Creates a store that opens its own storage, and waits until it has joined; it is closed when the test ends. */
export async function openStore(
  t: TestContext,
  options: ClusterSessionStoreOptions = {},
): Promise<ClusterSessionStore> {
  const store = beginStore(t, options);
  await store.storage.sync();
  return store;
}

/** Creates a store that opens its own storage; does not wait. */
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

/** A date that is `ms` from now. */
export function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

/**
 * Does what a request does: reads a session and runs the rest in the callback, in the asynchronous context that the store
 * gives. The session is a copy of what was read, as @fastify/session creates one.
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

/** Waits until a callback is called; returns what it was called with, and how often. */
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
