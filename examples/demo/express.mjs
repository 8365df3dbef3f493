/** The shop with Express 5 and express-session. */
import { createServer } from "node:http";
import { clusterStorage } from "cluster-storage/express";
import { ClusterSessionStore } from "cluster-storage/session-store";
import express from "express";
import session from "express-session";
import { PAGE } from "./page.mjs";
import { readReport } from "./report.mjs";
import { COOKIE, failure, HEADERS, loginOf, putIntoCart, ShopError, stateFor } from "./shop.mjs";

/** Returns a promise of the result of a method of express-session that takes a callback. */
const done = (call) => new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));

/** Creates the server of the shop, with functions that start and stop it. */
export function createShop(storage) {
  const app = express().disable("x-powered-by");
  app.use(clusterStorage({ storage }));
  app.use((_request, response, next) => {
    response.set(HEADERS);
    next();
  });
  for (const { path, type, text } of PAGE) app.get(path, (_request, response) => response.type(type).send(text));
  app.use(
    session({
      name: COOKIE.name,
      secret: COOKIE.secret,
      cookie: COOKIE.options,
      resave: false,
      saveUninitialized: false,
      store: new ClusterSessionStore({ storage }),
    }),
  );
  app.use(express.json({ limit: "1kb" }));
  app.get("/api/state", async (request, response) => {
    response.json({ framework: "Express", ...(await stateFor(request.storage, request.session)) });
  });
  app.post("/api/visit", async (request, response) => {
    response.json({ pid: process.pid, visits: await request.storage.increment("visits") });
  });
  app.post("/api/login", async (request, response) => {
    const name = await loginOf(request.storage, request.body);
    await done((next) => request.session.regenerate(next)); // a new id, which nobody else can know
    request.session.name = name;
    response.json({ pid: process.pid, name });
  });
  app.post("/api/logout", async (request, response) => {
    await done((next) => request.session.destroy(next));
    response.clearCookie(COOKIE.name).json({ pid: process.pid });
  });
  app.put("/api/cart/:id", (request, response) => {
    response.json(putIntoCart(request.session, request.params.id, request.body));
  });
  app.get("/api/report", async (request, response) => {
    const report = await readReport(request.storage);
    if (request.session.name) request.session.reportsRead = (request.session.reportsRead ?? 0) + 1;
    response.json({ pid: process.pid, ...report });
  });
  app.use(() => {
    throw new ShopError(404, "There is nothing here.");
  });
  app.use((error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const { statusCode, body } = failure(error);
    response.status(statusCode).json(body);
  });

  const server = createServer(app);
  return {
    server,
    start: (port, host) => server.listen(port, host),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
