/** A value that takes about a second to compute, kept for a while for all workers. */
import { setTimeout as sleep } from "node:timers/promises";

const COMPUTE_MS = 1_000;
const LIFETIME_MS = 10_000;

async function compute() {
  await sleep(COMPUTE_MS); // stands for a slow query
  return Math.round(Math.random() * 1_000_000);
}

/** The cached report, computed now if no worker has one. */
export async function cachedReport(storage) {
  const found = storage.get("report");
  if (found !== null) return { ...found, isCached: true };
  const report = { value: await compute(), computedBy: process.pid, computedAt: new Date().toISOString() };
  storage.set("report", report, LIFETIME_MS);
  return { ...report, isCached: false };
}
