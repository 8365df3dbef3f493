/** A value that takes a second to compute. One worker computes it, and all workers use it for a while. */
import { setTimeout as sleep } from "node:timers/promises";

const COMPUTE_MS = 1_000;
const LIFETIME_MS = 10_000;
/** Longer than the computation takes, shorter than the value lives. When a worker dies meanwhile, another one computes the value. */
const CLAIM_MS = 5_000;
const LOOK_AGAIN_MS = 50;

async function compute() {
  await sleep(COMPUTE_MS); // in place of a slow query
  return { orders: Math.round(Math.random() * 1_000_000), computedBy: process.pid };
}

/** Returns the report. The worker that gets the claim computes it; the others wait. */
export async function readReport(storage) {
  for (;;) {
    const found = storage.get("report");
    if (found !== null) return found;
    if (await storage.add("reportClaim", process.pid, CLAIM_MS)) break;
    await sleep(LOOK_AGAIN_MS);
  }
  // Another worker may have finished before this one got the claim. Now that the claim is confirmed, that is visible here.
  const finished = storage.get("report");
  if (finished !== null) return finished;
  const report = await compute();
  storage.set("report", report, LIFETIME_MS);
  await storage.flush();
  return report;
}

/** Returns the report if there is one, and the process id of the worker that is computing it, if any. */
export function reportState(storage) {
  const report = storage.get("report");
  return { report, computing: report === null ? storage.get("reportClaim") : null };
}
