/** A background worker, started by main.mjs: does the jobs that nobody else has claimed. */
import { setTimeout as sleep } from "node:timers/promises";
import { Storage } from "cluster-storage";

/** A claim ends after this many ms: when a worker dies in the middle of a job, another one does it. */
const CLAIM_MS = 10_000;
const LOOK_AGAIN_MS = 100;

process.on("disconnect", () => process.exit()); // main.mjs is gone
if (!process.connected) process.exit(); // it was gone before this line ran

const storage = await Storage.open("jobs", { path: process.argv[2] });

for (;;) {
  for (const [key, job] of storage.entries("job:")) {
    if (job.result !== undefined) continue;
    if (!(await storage.add([`claim:${key}`], process.pid, CLAIM_MS))) continue; // true in exactly one worker
    if (storage.get([key])?.result !== undefined) continue; // done between the look and the claim
    storage.patch([key], { worker: process.pid, result: job.input.toUpperCase() }); // the work itself
  }
  await sleep(LOOK_AGAIN_MS);
}
