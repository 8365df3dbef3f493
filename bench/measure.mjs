/** Times what runs in this process: all cases of one question take turns, so that a busy machine troubles all alike. */

import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROUNDS = 15;
const ROUND_MS = 60;
/** Short runs in one round of a case that has something to do between its runs. */
const REPEATS = 20;

/** Nanoseconds of a clock that all processes of the machine share. */
export const nowNs = () => Number(process.hrtime.bigint());

export function quantile(figures, share) {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export const median = (figures) => quantile(figures, 0.5);

async function timed(run, count) {
  const start = nowNs();
  await run(count);
  return nowNs() - start;
}

/** How often a case runs in about `ROUND_MS`. */
async function countFor(run) {
  let count = 16;
  for (;;) {
    const ns = await timed(run, count);
    if (ns > ROUND_MS * 0.25e6) return Math.max(1, Math.round((count * ROUND_MS * 1e6) / ns));
    count *= 4;
  }
}

/**
 * The median time of one operation of each case, in ns.
 * @param cases `run(count)` does the operation `count` times; `between()` is called, untimed, after each round.
 */
export async function compare(cases) {
  const figures = new Map();
  for (const { name, run, maxCount = Number.POSITIVE_INFINITY, between } of cases) {
    figures.set(name, { count: Math.min(maxCount, await countFor(run)), rounds: [] });
    await between?.();
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, run, between } of cases) {
      const { count, rounds } = figures.get(name);
      for (let repeat = 0; repeat < (between ? REPEATS : 1); repeat++) {
        rounds.push((await timed(run, count)) / count);
        await between?.();
      }
    }
  }
  return new Map([...figures].map(([name, { rounds }]) => [name, median(rounds)]));
}

/** A directory of its own for each question; removed by `release`. */
export function scratchDirectory() {
  const path = mkdtempSync(join(tmpdir(), "cluster-storage-bench-"));
  return { path, release: () => rm(path, { recursive: true, force: true, maxRetries: 10 }) };
}
