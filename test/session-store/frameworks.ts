/**
 * An application with sessions on each of the frameworks. Its one route, `POST /`, does what the steps in the body say to the
 * session of the request, and answers with the session.
 */
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import cookies from "@fastify/cookie";
import fastifySession from "@fastify/session";
import express5, { type ErrorRequestHandler, type Request } from "express";
import session from "express-session";
import fastify from "fastify";
import type { Elsewhere, Way } from "./elsewhere.js";
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
  | readonly ["push", field: string, value: unknown]
  | readonly ["leave", way: Way]
  | readonly ["open" | "save" | "touch" | "reload" | "regenerate" | "destroy"];

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

/** A store that both frameworks take. */
// biome-ignore lint/suspicious/noExplicitAny: the frameworks declare their stores differently.
export type AnyStore = any;

/** What steps use besides the session. */
export interface Tools {
  readonly gates: Gates;
  readonly elsewhere?: Elsewhere;
}

/** Does the steps of one request; then calls back, in the asynchronous context in which the last step was done. */
async function perform(
  steps: readonly Step[],
  tools: Tools,
  current: () => AnySession,
  done: (error?: unknown) => void,
): Promise<void> {
  try {
    for (const [index, step] of steps.entries()) {
      if (step[0] === "leave") {
        tools.elsewhere?.call(step[1], () => void perform(steps.slice(index + 1), tools, current, done));
        return;
      }
      await performOne(step, tools, current);
    }
  } catch (error) {
    done(error);
    return;
  }
  done();
}

async function performOne(step: Step, { gates, elsewhere }: Tools, current: () => AnySession): Promise<void> {
  const [name, argument, value] = step;
  if (name === "gate") await gates.pass(argument);
  else if (name === "open") elsewhere?.open();
  else if (name === "set") current()[argument] = value;
  else if (name === "push") current()[argument].push(value);
  else if (name === "delete") delete current()[argument];
  else if (name === "increment") current()[argument] = (current()[argument] ?? 0) + 1;
  else if (name === "maxAge") current().cookie.maxAge = argument;
  else if (name === "touch") current().touch();
  else await promised(current(), name);
}

/** Calls a method of a session with a callback, as both frameworks take it. */
function promised(target: AnySession, method: string): Promise<void> {
  return new Promise((resolve, reject) => {
    target[method]((error: unknown) => (error ? reject(error) : resolve()));
  });
}

async function serveExpress(
  create: typeof express5,
  store: AnyStore,
  settings: SessionSettings,
  tools: Tools,
): Promise<Server> {
  const { maxAge, rolling = false, saveUninitialized = false, sid } = settings;
  const app = create();
  const genid = sid === undefined ? {} : { genid: () => sid };
  const cookie = maxAge === undefined ? {} : { maxAge };
  app.use(session({ store, secret: SECRET, resave: false, saveUninitialized, rolling, cookie, ...genid }));
  app.use(create.json());
  app.post("/", (req: Request, res, next) => {
    void perform(
      req.body.steps,
      tools,
      () => req.session,
      (error) => {
        if (error) next(error);
        else res.json({ session: req.session ?? null, sid: req.session?.id ?? null });
      },
    );
  });
  const failed: ErrorRequestHandler = (error, _req, res, next) => {
    if (res.headersSent) next(error);
    else res.status(500).json({ error: String(error), code: error.code });
  };
  app.use(failed);
  return new Promise((resolve) => {
    const server = app.listen(0, () => resolve(server));
    server.keepAliveTimeout = 0;
  });
}

async function serveFastify(store: AnyStore, settings: SessionSettings, tools: Tools): Promise<Server> {
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
  app.post("/", (request, reply) => {
    const { steps } = request.body as { steps: Step[] };
    void perform(
      steps,
      tools,
      () => request.session,
      (error) => {
        if (error) reply.send(error);
        else reply.send({ session: request.session ?? null, sid: request.session?.sessionId ?? null });
      },
    );
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return app.server;
}

/** Starts an application; returns its port. */
export async function serve(
  framework: Framework,
  store: AnyStore,
  settings: SessionSettings,
  tools: Tools,
): Promise<number> {
  return portOf(await serverOf(framework, store, settings, tools));
}

/** Starts an application; returns its server. */
export function serverOf(
  framework: Framework,
  store: AnyStore,
  settings: SessionSettings,
  tools: Tools,
): Promise<Server> {
  if (framework === "Fastify 5") return serveFastify(store, settings, tools);
  const express4 = createRequire(import.meta.url)("express4") as typeof express5;
  return serveExpress(framework === "Express 4" ? express4 : express5, store, settings, tools);
}

/** The port on which a server listens. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
