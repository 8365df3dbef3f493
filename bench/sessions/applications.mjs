/** The application of the session benchmark, in each framework: one route that logs in, one that reads the session, one that changes it. */
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { DAY_MS, fieldsOf } from "./stores.mjs";

const SECRET = "a secret that is only used in a benchmark";

/** @param seen Called for each request that reads or writes. */
async function serveExpress(store, seen) {
  const application = express();
  const cookie = { maxAge: DAY_MS };
  application.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie }));
  application.get("/login/:user", (request, response) => {
    Object.assign(request.session, fieldsOf(Number(request.params.user)));
    response.send("welcome");
  });
  application.get("/read", (request, response) => {
    seen();
    response.send(request.session.user.name); // fails, and is counted as failed, when the session was not found
  });
  application.get("/write", (request, response) => {
    seen();
    request.session.visits = request.session.visits + 1;
    response.send(request.session.user.name);
  });
  const server = await new Promise((done) => {
    const listening = application.listen(0, "127.0.0.1", () => done(listening));
  });
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

async function serveFastify(store, seen) {
  const application = fastify();
  application.register(fastifyCookie);
  const cookie = { maxAge: DAY_MS, secure: false };
  application.register(fastifySession, { store, secret: SECRET, saveUninitialized: false, cookie });
  application.get("/login/:user", async (request) => {
    for (const [field, value] of Object.entries(fieldsOf(Number(request.params.user))))
      request.session.set(field, value);
    return "welcome";
  });
  application.get("/read", async (request) => {
    seen();
    return request.session.get("user").name;
  });
  application.get("/write", async (request) => {
    seen();
    request.session.set("visits", request.session.get("visits") + 1);
    return request.session.get("user").name;
  });
  const url = await application.listen({ port: 0, host: "127.0.0.1" });
  const close = () => {
    application.server.closeAllConnections();
    return application.close();
  };
  return { url, close };
}

/** Serves an application on a port of its own; returns its address, and how to close it. */
export const SERVE = { express: serveExpress, fastify: serveFastify };
