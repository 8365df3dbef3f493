/** A value that takes a second to compute: computed by one worker, kept for a while for all of them. */
import { setTimeout as sleep } from "node:timers/promises";

const COMPUTE_MS = 1_000;
const LIFETIME_MS = 10_000;
/** Longer than computing takes, shorter than the value lives: when a worker dies while it computes, another one does it then. */
const CLAIM_MS = 3_000;
const LOOK_AGAIN_MS = 50;

async function compute() {
  await sleep(COMPUTE_MS); // stands for a slow query
  return { orders: Math.round(Math.random() * 1_000_000), computedBy: process.pid };
}

/** The report. Whoever gets the claim computes it; the others wait. */
export async function readReport(storage) {
  for (;;) {
    const found = storage.get("report");
    if (found !== null) return found;
    if (await storage.add("reportClaim", process.pid, CLAIM_MS)) break;
    await sleep(LOOK_AGAIN_MS);
  }
  // Between the look and the claim another worker may have finished; with the claim confirmed, that would be known here.
  const finished = storage.get("report");
  if (finished !== null) return finished;
  const report = await compute();
  storage.set("report", report, LIFETIME_MS);
  await storage.flush();
  return report;
}

/** The report if there is one, and who is computing it if anybody is. */
export function reportState(storage) {
  const report = storage.get("report");
  return { report, computing: report === null ? storage.get("reportClaim") : null };
}
