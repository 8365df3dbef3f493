/**
 * One instance of an application that PM2 runs several times; `ecosystem.config.cjs` says how many.
 *
 *   npx pm2 start examples/pm2/ecosystem.config.cjs
 *   curl http://127.0.0.1:3000/            a few times
 *   npx pm2 reload visits                  without a lost request; the data stays
 *   npx pm2 delete visits
 *
 * PORT is the port (default 3000), DATA_DIR the directory of the data (default: this one).
 */
import { createServer } from "node:http";
import { Storage } from "cluster-storage";

const { PORT = "3000", DATA_DIR = import.meta.dirname, NODE_APP_INSTANCE = "0" } = process.env;

const storage = await Storage.open("visits", { path: DATA_DIR });

const server = createServer(async (_request, response) => {
  const visits = await storage.increment("visits");
  response.setHeader("connection", "close");
  response.end(JSON.stringify({ instance: NODE_APP_INSTANCE, worker: process.pid, visits }));
});

// PM2 waits for this (wait_ready), so that it never sends a request to an instance that has not joined.
server.listen(Number(PORT), "127.0.0.1", () => process.send?.("ready"));

// PM2 asks an instance to end by SIGINT: answer what has come, hand the storage on, go.
process.once("SIGINT", () => {
  server.close(async () => {
    await storage.close();
    process.exit(0);
  });
});
