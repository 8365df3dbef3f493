/**
 * A program of CommonJS with a store that cannot live in the benchmark's own process: version 1 of this package in one process, or
 * cluster-shared-memory in a worker, whose primary passes on what the benchmark asks. Times itself.
 */
const cluster = require("node:cluster");

const KINDS = {
  "cluster-storage-v1": () => {
    // It crashes a few seconds after its start, alone as well, because nothing answers at the address of its manager.
    process.on("uncaughtException", () => {});
    const { Storage } = require("cluster-storage-v1");
    const storage = new Storage("bench", { path: process.argv[3] });
    return { get: (key) => storage.get(key), set: (key, value) => storage.set(key, value) };
  },
  "cluster-shared-memory": () => {
    const memory = require("cluster-shared-memory");
    return { get: (key) => memory.get(key), set: (key, value) => memory.set(key, value) };
  },
};

const kind = process.argv[2];
const isBetween = kind === "cluster-shared-memory" && cluster.isPrimary;

function answer(store) {
  process.on("message", async ({ job, keys, value, count }) => {
    if (job === undefined) return; // the store's own
    const start = process.hrtime.bigint();
    let last = null;
    for (let index = 0; index < count; index++) {
      const key = keys[index % keys.length];
      if (job === "get") last = await store.get(key);
      else await store.set(key, value);
    }
    process.send({ ns: Number(process.hrtime.bigint() - start), last });
  });
}

if (isBetween) {
  require("cluster-shared-memory").setLRUOptions({ max: 1_000_000 });
  const worker = cluster.fork();
  process.on("message", (message) => worker.send(message));
  worker.on("message", (message) => {
    if (typeof message?.ns === "number") process.send(message);
  });
} else answer(KINDS[kind]());

process.on("disconnect", () => process.exit());
