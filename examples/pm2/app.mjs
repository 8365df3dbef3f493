/**
 * An application of which PM2 runs several instances; `ecosystem.config.cjs` sets their number.
 *
 *   npx pm2 start examples/pm2/ecosystem.config.cjs
 *   curl http://127.0.0.1:3000/            repeat it: another instance may answer
 *   npx pm2 reload visits                  loses no request and no data
 *   npx pm2 delete visits
 *
 * PORT is the port (default: 3000), DATA_DIR the directory of the data (default: the directory of this file).
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

// PM2 waits for this message (wait_ready), so it never sends a request to an instance that has not joined.
server.listen(Number(PORT), "127.0.0.1", () => process.send?.("ready"));

// PM2 sends SIGINT to stop an instance. It answers the requests that have arrived, closes the storage, and exits.
process.once("SIGINT", () => {
  server.close(async () => {
    await storage.close();
    process.exit(0);
  });
});
