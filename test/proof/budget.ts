/**
 * How many cases a suite of random cases runs: those of its gate in `npm test`, as many as fit some minutes, or one again.
 *
 *   CLUSTER_STORAGE_MINUTES=30    random seeds until the time is over (`npm run campaign -- <suite> <minutes>`)
 *   CLUSTER_STORAGE_SEED=4711     this seed alone
 *   CLUSTER_STORAGE_RUNS=20       so many times the rounds of the suites that count rounds, not minutes
 *   CLUSTER_STORAGE_QUICK=1       nothing that needs other processes (`npm run test:quick`)
 */
import { randomInt } from "node:crypto";

/** How long a campaign takes; 0: this is a gate. */
export const minutes = Number(process.env.CLUSTER_STORAGE_MINUTES ?? 0);
/** How many times as many rounds as in `npm test` are run by the suites that count them. */
export const runs = Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);
/** Whether tests that need other processes are left out. */
export const isQuick = process.env.CLUSTER_STORAGE_QUICK !== undefined;
const seed = process.env.CLUSTER_STORAGE_SEED;
const MAX_SEED = 2 ** 32;

/** Whether this run is a campaign: as long as its minutes, not a gate. */
export const isCampaign = minutes > 0;

/** Whether one seed is run again. */
export const isReplay = seed !== undefined;

/** The seeds to run: those that once failed and the first `gate` of all; in a campaign random ones until the time is over. */
export function* seeds(gate: number, failedOnce: readonly number[] = []): Generator<number> {
  if (isReplay) {
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
