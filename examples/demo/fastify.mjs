/** The shop with Fastify 5 and @fastify/session. */
import cookie from "@fastify/cookie";
import session from "@fastify/session";
import { clusterStorage } from "cluster-storage/fastify";
import { ClusterSessionStore } from "cluster-storage/session-store";
import Fastify from "fastify";
import { PAGE } from "./page.mjs";
import { readReport } from "./report.mjs";
import { COOKIE, failure, HEADERS, loginOf, putIntoCart, ShopError, stateFor } from "./shop.mjs";

/** Creates the server of the shop, with functions that start and stop it. */
export async function createShop(storage) {
  const app = Fastify({ bodyLimit: 1024 });
  await app.register(clusterStorage, { storage });
  await app.register(cookie);
  await app.register(session, {
    cookieName: COOKIE.name,
    cookiePrefix: "s:", // the prefix that express-session uses
    secret: COOKIE.secret,
    cookie: COOKIE.options,
    rolling: false,
    saveUninitialized: false,
    store: new ClusterSessionStore({ storage }),
  });
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers(HEADERS);
  });
  for (const { path, type, text } of PAGE) app.get(path, (_request, reply) => reply.type(type).send(text));
  app.get("/api/state", async (request) => {
    return { framework: "Fastify", ...(await stateFor(app.storage, request.session)) };
  });
  app.post("/api/visit", async () => {
    return { pid: process.pid, visits: await app.storage.increment("visits") };
  });
  app.post("/api/login", async (request) => {
    const name = await loginOf(app.storage, request.body);
    await request.session.regenerate(); // a new id, which nobody else can know
    request.session.name = name;
    return { pid: process.pid, name };
  });
  app.post("/api/logout", async (request, reply) => {
    await request.session.destroy();
    reply.clearCookie(COOKIE.name, { path: "/" });
    return { pid: process.pid };
  });
  app.put("/api/cart/:id", async (request) => {
    return putIntoCart(request.session, request.params.id, request.body);
  });
  app.get("/api/report", async (request) => {
    const report = await readReport(app.storage);
    if (request.session.name) request.session.reportsRead = (request.session.reportsRead ?? 0) + 1;
    return { pid: process.pid, ...report };
  });
  app.setNotFoundHandler(async () => {
    throw new ShopError(404, "There is nothing here.");
  });
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode, body } = failure(error);
    return reply.code(statusCode).send(body);
  });

  return {
    server: app.server,
    start: (port, host) => app.listen({ port, host }),
    stop: () => app.close(),
  };
}
