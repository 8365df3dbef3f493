/**
 * An application with sessions on each of the frameworks. Its one route, `POST /`, does what the steps in the body say to the
 * session of the request, and answers with the session.
 */
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import cookies from "@fastify/cookie";
import fastifySession from "@fastify/session";
import express5, { type ErrorRequestHandler, type Request } from "express";
import session from "express-session";
import fastify from "fastify";
import type { ClusterSessionStore } from "../../dist/session-store/index.js";
import type { Gates } from "./gates.js";

export const FRAMEWORKS = ["Express 5", "Express 4", "Fastify 5"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** How the sessions of an application are kept. */
export interface SessionSettings {
  readonly maxAge?: number;
  readonly rolling?: boolean;
  /** Save a new session that has not been changed yet. */
  readonly saveUninitialized?: boolean;
  /** The id of every session. */
  readonly sid?: string;
}

/** One of the steps of a request. */
export type Step =
  | readonly ["set", field: string, value: unknown]
  | readonly ["delete", field: string]
  | readonly ["increment", field: string]
  | readonly ["maxAge", ms: number | null]
  | readonly ["gate", name: string]
  | readonly ["save" | "touch" | "reload" | "regenerate" | "destroy"];

/** What it answers with. */
export interface Answered {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test has put into it.
  readonly session: any;
  readonly sid: string | null;
}

// biome-ignore lint/suspicious/noExplicitAny: both frameworks' sessions, with any fields.
type AnySession = any;

const SECRET = "a secret of at least thirty-two letters";
const COOKIE_NAME = "connect.sid";

/** Does the steps of one request. */
async function perform(steps: readonly Step[], gates: Gates, current: () => AnySession): Promise<void> {
  for (const step of steps) {
    const [name, argument, value] = step;
    if (name === "gate") await gates.pass(argument);
    else if (name === "set") current()[argument] = value;
    else if (name === "delete") delete current()[argument];
    else if (name === "increment") current()[argument] = (current()[argument] ?? 0) + 1;
    else if (name === "maxAge") current().cookie.maxAge = argument;
    else if (name === "touch") current().touch();
    else await promised(current(), name);
  }
}

/** Calls a method of a session with a callback, as both frameworks take it. */
function promised(target: AnySession, method: string): Promise<void> {
  return new Promise((resolve, reject) => {
    target[method]((error: unknown) => (error ? reject(error) : resolve()));
  });
}

async function serveExpress(
  create: typeof express5,
  store: ClusterSessionStore,
  settings: SessionSettings,
  gates: Gates,
): Promise<number> {
  const { maxAge, rolling = false, saveUninitialized = false, sid } = settings;
  const app = create();
  const genid = sid === undefined ? {} : { genid: () => sid };
  const cookie = maxAge === undefined ? {} : { maxAge };
  app.use(session({ store, secret: SECRET, resave: false, saveUninitialized, rolling, cookie, ...genid }));
  app.use(create.json());
  app.post("/", (req: Request, res, next) => {
    perform(req.body.steps, gates, () => req.session).then(
      () => res.json({ session: req.session ?? null, sid: req.session?.id ?? null }),
      next,
    );
  });
  const failed: ErrorRequestHandler = (error, _req, res, next) => {
    if (res.headersSent) next(error);
    else res.status(500).json({ error: String(error), code: error.code });
  };
  app.use(failed);
  return new Promise((resolve) => {
    const server = app.listen(0, () => resolve((server.address() as AddressInfo).port));
    server.keepAliveTimeout = 0;
  });
}

async function serveFastify(store: ClusterSessionStore, settings: SessionSettings, gates: Gates): Promise<number> {
  const { maxAge, rolling = true, saveUninitialized = false, sid } = settings;
  const app = fastify({ keepAliveTimeout: 0 });
  await app.register(cookies);
  await app.register(fastifySession, {
    store,
    secret: SECRET,
    cookieName: COOKIE_NAME,
    cookiePrefix: "s:",
    saveUninitialized,
    rolling,
    cookie: { secure: false, ...(maxAge === undefined ? {} : { maxAge }) },
    ...(sid === undefined ? {} : { idGenerator: () => sid }),
  });
  app.post("/", async (request) => {
    await perform((request.body as { steps: Step[] }).steps, gates, () => request.session);
    return { session: request.session ?? null, sid: request.session?.sessionId ?? null };
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return (app.server.address() as AddressInfo).port;
}

/** Starts an application; returns its port. */
export function serve(
  framework: Framework,
  store: ClusterSessionStore,
  settings: SessionSettings,
  gates: Gates,
): Promise<number> {
  if (framework === "Fastify 5") return serveFastify(store, settings, gates);
  const express4 = createRequire(import.meta.url)("express4") as typeof express5;
  return serveExpress(framework === "Express 4" ? express4 : express5, store, settings, gates);
}
