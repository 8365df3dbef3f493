/** Waiting in a case: for a time, and for the end of a session. */
import { deadline, elapsedTime } from "../core/runtime.js";
import type { Trial } from "./case.js";

/** How often a store is asked whether a session has ended, in ms. */
const POLL_MS = 20;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void deadline(ms, resolve));
}

/** Waits until `ms` have passed and the store may no longer be late. */
export function pauseBeyond(ms: number, { toleranceMs }: Trial): Promise<void> {
  return pause(ms + toleranceMs);
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
