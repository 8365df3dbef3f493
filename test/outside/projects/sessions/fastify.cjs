/** An application of Fastify, in CommonJS; prints what two clients are answered. */
const cookie = require("@fastify/cookie");
const session = require("@fastify/session");
const { ClusterSessionStore, Storage } = require("cluster-storage");
const clusterStorage = require("cluster-storage/fastify");
const fastify = require("fastify");
const { askAsTwoClients } = require("./ask.cjs");

async function main() {
  const storage = await Storage.open("app", { path: process.argv[2] });
  const store = new ClusterSessionStore({ storage });
  const app = fastify();
  await app.register(clusterStorage, { storage, close: true });
  await app.register(cookie);
  await app.register(session, { store, secret: "s".repeat(32), cookie: { secure: false } });
  app.get("/", async (request) => {
    request.session.count = (request.session.count ?? 0) + 1;
    return [request.session.count, await app.storage.increment("all")];
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  console.log(JSON.stringify(await askAsTwoClients(url)));
  await app.close();
}

void main();
