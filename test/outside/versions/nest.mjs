/** An application of NestJS on a platform, `express` or `fastify`, with sessions; prints what two clients are answered. */
import "reflect-metadata";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { Controller, Get, Module, Req } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { ClusterSessionStore, Storage } from "cluster-storage";
import middleware from "cluster-storage/express";
import plugin from "cluster-storage/fastify";
import session from "express-session";

const [path, platform] = process.argv.slice(2);
const storage = await Storage.open("app", { path });
const store = new ClusterSessionStore({ storage });

class Visits {
  async count(request) {
    request.session.count = (request.session.count ?? 0) + 1;
    const shared = platform === "express" ? request.storage : request.server.storage;
    return [request.session.count, await shared.increment("all")];
  }
}
// What decorators come to.
Get()(Visits.prototype, "count", Object.getOwnPropertyDescriptor(Visits.prototype, "count"));
Req()(Visits.prototype, "count", 0);
Controller()(Visits);
class Application {}
Module({ controllers: [Visits] })(Application);

const adapter = platform === "express" ? new ExpressAdapter() : new FastifyAdapter();
const app = await NestFactory.create(Application, adapter, { logger: false });
if (platform === "express") {
  app.use(middleware({ storage }));
  app.use(session({ store, secret: "secret", resave: false, saveUninitialized: false }));
} else {
  await app.register(plugin, { storage });
  await app.register(fastifyCookie);
  await app.register(fastifySession, { store, secret: "s".repeat(32), cookie: { secure: false } });
}
await app.listen(0, "127.0.0.1");
const url = await app.getUrl();
let cookie = "";
const ask = async (headers) => {
  const response = await fetch(url, { headers: { ...headers, connection: "close" } });
  cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
  return await response.json();
};
console.log(JSON.stringify([await ask({}), await ask({ cookie }), await ask({})]));
await app.close();
await storage.close();
