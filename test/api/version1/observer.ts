/**
 * Loaded before the program under test (`node --import`): marks each printed line with the worker that printed it, and
 * prints `final` once the worker sees the state in which version 1's example ends.
 */
import cluster from "node:cluster";
import { isDeepStrictEqual } from "node:util";
import { Storage } from "cluster-storage";

const POLL_MS = 20;

if (cluster.isWorker) {
  const log = console.log;
  const worker = process.env.WORKER_ID;
  console.log = (...values: unknown[]) => log(`worker ${worker}:`, ...values);
  const storage = new Storage("my-store"); // shares one replica with the example's own
  const timer = setInterval(() => {
    if (storage.get("foo") !== null || !isDeepStrictEqual(storage.get("bar"), { name: "Mr. World" })) return;
    clearInterval(timer);
    console.log("final");
  }, POLL_MS);
}
