/** An Express application in the workers of a cluster. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { clusterStorage } from "../../dist/express/index.js";
import { runCrowd } from "../adapter/crowd.js";

await runCrowd(async (path) => {
  const app = express();
  app.use(clusterStorage({ path }));
  app.get("/count", async ({ storage }, res) => {
    const count = await storage.increment("visits");
    res.json({ count, pid: process.pid, isManager: storage.isManager });
  });
  app.get("/look", async ({ storage }, res) => {
    await storage.sync();
    res.json({ count: storage.get<number>("visits"), pid: process.pid, isManager: storage.isManager });
  });
  return new Promise((resolve) => {
    const server = createServer(app);
    server.listen({ port: 0, exclusive: true }, () => resolve((server.address() as AddressInfo).port));
  });
});
