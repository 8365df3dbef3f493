/** A Fastify application in the workers of a cluster. */
import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { clusterStorage } from "../../dist/fastify/index.js";
import { runCrowd } from "../adapter/crowd.js";

await runCrowd(async (path) => {
  const app = fastify();
  app.register(clusterStorage, { path });
  app.get("/count", async () => {
    const count = await app.storage.increment("visits");
    return { count, pid: process.pid, isManager: app.storage.isManager };
  });
  app.get("/look", async () => {
    await app.storage.sync();
    return { count: app.storage.get<number>("visits"), pid: process.pid, isManager: app.storage.isManager };
  });
  await app.listen({ port: 0, host: "127.0.0.1", exclusive: true });
  return (app.server.address() as AddressInfo).port;
});
