/**
 * How much a suite of random cases runs: its gate in `npm test`, for some minutes in a campaign, or one case again.
 *
 *   CLUSTER_STORAGE_MINUTES=30    random seeds until the time is over (`npm run campaign -- <suite> <minutes>`)
 *   CLUSTER_STORAGE_SEED=4711     this seed alone
 */
import { randomInt } from "node:crypto";

/** How long a campaign takes; 0: this is a gate. */
export const minutes = Number(process.env.CLUSTER_STORAGE_MINUTES ?? 0);
const seed = process.env.CLUSTER_STORAGE_SEED;
const MAX_SEED = 2 ** 32;

/** Whether this run is a campaign: as long as its minutes, not a gate. */
export const isCampaign = minutes > 0;

/** The seeds to run: those that once failed and the first `gate` of all; in a campaign random ones until the time is over. */
export function* seeds(gate: number, failedOnce: readonly number[] = []): Generator<number> {
  if (seed !== undefined) {
    yield Number(seed);
    return;
  }
  yield* failedOnce;
  if (!isCampaign) {
    for (let next = 1; next <= gate; next++) yield next;
    return;
  }
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) yield randomInt(MAX_SEED);
}

/** A random number generator that a seed determines (mulberry32): a function that gives numbers from 0 to below 1. */
export function randomOf(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
