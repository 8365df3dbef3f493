/** Waiting in a case: for a time, and for the end of a session. */
import { deadline, elapsedTime } from "../core/runtime.js";
import type { Trial } from "./case.js";

/** How often a store is asked whether a session has ended, in ms. */
const POLL_MS = 20;
/** What a case tries as the lifetime of a session that it must use before it has ended. */
const LIFETIMES_MS = [200, 1000, 2000];

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void deadline(ms, resolve));
}

/** Waits until `ms` have passed and the store may no longer be late. */
export function pauseBeyond(ms: number, { toleranceMs }: Trial): Promise<void> {
  return pause(ms + toleranceMs);
}

/**
 * Does what must be done before a session has ended, with a lifetime in ms that was long enough for it on this machine. Returns that.
 */
export async function inTime(work: (lifetimeMs: number) => Promise<void>): Promise<number> {
  for (const lifetimeMs of LIFETIMES_MS) {
    const begin = elapsedTime();
    await work(lifetimeMs);
    if (elapsedTime() - begin < lifetimeMs) return lifetimeMs;
  }
  throw new Error(`expected two calls of the store within ${LIFETIMES_MS.at(-1)} ms`);
}

/** Whether a session that expires in `lifetimeMs` has ended then, or as much later as the store may be. */
export async function isGoneAfter(sid: string, lifetimeMs: number, { store, toleranceMs }: Trial): Promise<boolean> {
  const end = elapsedTime() + lifetimeMs + toleranceMs;
  await pause(lifetimeMs);
  while ((await store.get(sid)) !== null) {
    if (elapsedTime() > end) return false;
    await pause(POLL_MS);
  }
  return true;
}
