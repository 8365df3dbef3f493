/**
 * The demo: a small shop with 4 worker processes, which share sessions, a counter and a cached value.
 *
 *   npm start                                 with Express, on port 3000
 *   npm start -- fastify                      the same shop with Fastify
 *   PORT=8080 DATA_DIR=/tmp/shop npm start    with another port (0: any free port) and another directory for the data
 *                                             (default: examples/demo/data)
 *
 * This file runs in the primary process of `node:cluster`. It starts the workers and replaces those that die. It does not open
 * the storage itself: the workers find each other without it.
 */
import cluster from "node:cluster";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";

const WORKERS = 4;
const FRAMEWORKS = ["express", "fastify"];
const HOST = process.env.HOST ?? "127.0.0.1";
/** A worker that ends sooner than this is replaced after a pause, which doubles each time. */
const YOUNG_MS = 2_000;
const MAX_PAUSE_MS = 5_000;
/** How long the workers may take to stop. */
const STOP_MS = 10_000;

const framework = process.argv[2] ?? "express";
if (!FRAMEWORKS.includes(framework)) {
  console.error(`expected one of ${FRAMEWORKS.join(", ")}, got ${framework}`);
  process.exit(1);
}
const directory = resolve(process.env.DATA_DIR ?? join(import.meta.dirname, "data"));
mkdirSync(directory, { recursive: true });

/**
 * Chooses the port of all workers, and sees that it is free: workers could only say so one after the other, again and again. With port 0, a new
 * group of workers would get another port after all had died at once.
 */
async function choosePort() {
  const server = createServer().listen(Number(process.env.PORT ?? 3000), HOST);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const port = await choosePort().catch(({ message }) => {
  console.error(`expected a free port, got ${message}; set another one: PORT=3001 npm start`);
  process.exit(1);
});
let isStopping = false;
let isAnnounced = false;
let pauseMs = 100;

function startWorker() {
  if (isStopping) return;
  const startedAt = Date.now();
  const worker = cluster.fork();
  worker.once("exit", (code, signal) => {
    if (isStopping) return;
    console.log(`worker ${worker.process.pid} ended (${signal ?? `code ${code}`}); starting another one`);
    pauseMs = Date.now() - startedAt < YOUNG_MS ? Math.min(pauseMs * 2, MAX_PAUSE_MS) : 100;
    setTimeout(startWorker, pauseMs);
  });
}

async function stop() {
  if (isStopping) return;
  isStopping = true;
  const workers = Object.values(cluster.workers ?? {});
  const killer = setTimeout(() => {
    for (const worker of workers) worker.process.kill("SIGKILL");
  }, STOP_MS);
  const ended = workers.map((worker) => worker.isDead() || once(worker, "exit"));
  for (const worker of workers) if (worker.isConnected()) worker.send("stop");
  await Promise.all(ended);
  clearTimeout(killer);
  process.exit(0);
}

process.on("SIGINT", stop);
process.on("SIGTERM", stop);

cluster.setupPrimary({
  exec: join(import.meta.dirname, "worker.mjs"),
  args: [JSON.stringify({ framework, directory, host: HOST, port })],
});
cluster.on("listening", () => {
  const ready = Object.values(cluster.workers ?? {}).filter((worker) => worker.state === "listening").length;
  if (isAnnounced || ready < WORKERS) return;
  isAnnounced = true;
  console.log(`The demo runs on http://${HOST}:${port}/ with ${WORKERS} workers. Ctrl+C stops it.`);
});
for (let count = 0; count < WORKERS; count++) startWorker();
