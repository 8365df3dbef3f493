/**
 * A Fastify application with 4 workers of `node:cluster`, which share data and sessions.
 *
 *   npm install fastify @fastify/cookie @fastify/session cluster-storage
 *   node examples/fastify.mjs
 *   curl -c cookies -b cookies http://127.0.0.1:3000/     repeat it: another worker may answer
 *
 * PORT is the port (default: 3000), DATA_DIR the directory of the data (default: the working directory).
 */
import cluster from "node:cluster";
import cookie from "@fastify/cookie";
import session from "@fastify/session";
import { clusterStorage } from "cluster-storage/fastify";
import { ClusterSessionStore } from "cluster-storage/session-store";
import Fastify from "fastify";

const { PORT = "3000", DATA_DIR = ".", SESSION_SECRET = "only an example may have its secret here" } = process.env;

if (cluster.isPrimary) {
  for (let count = 0; count < 4; count++) cluster.fork();
  cluster.on("exit", () => setTimeout(() => cluster.fork(), 500));
} else {
  const app = Fastify();
  app.register(clusterStorage, { path: DATA_DIR });
  app.register(cookie);
  app.register(session, {
    store: new ClusterSessionStore({ path: DATA_DIR }), // the same path: the same storage
    secret: SESSION_SECRET,
    cookie: { secure: false }, // because this example does not use HTTPS
  });

  app.get("/", async (request) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    const allVisits = await app.storage.increment("visits");
    return { worker: process.pid, yourVisits: request.session.visits, allVisits };
  });

  const address = await app.listen({ port: Number(PORT), host: "127.0.0.1" });
  console.log(`worker ${process.pid} listens on ${address}/`);
}
