/** A background worker, started by main.mjs. It does the jobs that no other worker has claimed. */
import { setTimeout as sleep } from "node:timers/promises";
import { Storage } from "cluster-storage";

/** A claim ends after this time. When a worker dies during a job, another worker does the job after that. */
const CLAIM_MS = 10_000;
const LOOK_AGAIN_MS = 100;

process.on("disconnect", () => process.exit()); // main.mjs has ended
if (!process.connected) process.exit(); // it had ended before the line above

const storage = await Storage.open("jobs", { path: process.argv[2] });

for (;;) {
  for (const [key, job] of storage.entries("job:")) {
    if (job.result !== undefined) continue;
    if (!(await storage.add([`claim:${key}`], process.pid, CLAIM_MS))) continue; // add returns true in exactly one worker
    if (storage.get([key])?.result !== undefined) continue; // another worker did it before this claim
    storage.patch([key], { worker: process.pid, result: job.input.toUpperCase() }); // the work itself
  }
  await sleep(LOOK_AGAIN_MS);
}
