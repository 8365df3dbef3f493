/** Requests that answer in the events of a body, while others of the same session have come and gone. */
import assert from "node:assert/strict";
import { request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { finished, type Readable, Writable } from "node:stream";
import { type TestContext, test } from "node:test";
import cookies from "@fastify/cookie";
import fastifySession from "@fastify/session";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { teardown } from "../proof/cluster/teardown.js";
import type { AnyStore } from "./frameworks.js";
import { createStore } from "./stores.js";

// biome-ignore lint/suspicious/noExplicitAny: both frameworks' sessions, with any fields.
type AnySession = any;

/** Takes an upload; then changes the session, and answers, in the callback. */
function take(body: Readable, current: () => AnySession, arrived: () => void, answer: () => void): void {
  const sink = new Writable({
    write(_chunk, _encoding, done) {
      arrived();
      done();
    },
  });
  body.pipe(sink);
  finished(sink, () => {
    current().uploads = (current().uploads ?? 0) + 1;
    answer();
  });
}

const SECRET = "a secret of at least thirty-two letters";

/** What serves uploads, and other requests of the same session. */
interface Served {
  readonly port: number;
  /** Resolves when the first bytes of the next upload are there. */
  arrival(): Promise<void>;
}

async function serveExpress(t: TestContext, store: AnyStore): Promise<Served> {
  let arrived = (): void => {};
  const app = express().use(session({ store, secret: SECRET, resave: false, saveUninitialized: false }));
  app.post("/upload", (req, res) =>
    take(
      req,
      () => req.session,
      () => arrived(),
      () => res.json({}),
    ),
  );
  app.post("/set", (req, res) => res.json(Object.assign(req.session, req.query)));
  app.post("/logout", (req, res) => void req.session.destroy(() => res.json({})));
  const server = app.listen(0);
  teardown(t, () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const arrival = () => new Promise<void>((resolve) => (arrived = resolve));
  return { port: (server.address() as AddressInfo).port, arrival };
}

async function serveFastify(t: TestContext, store: AnyStore): Promise<Served> {
  let arrived = (): void => {};
  const app = fastify();
  await app.register(cookies);
  await app.register(fastifySession, { store, secret: SECRET, cookie: { secure: false }, saveUninitialized: false });
  app.addContentTypeParser("application/octet-stream", (_request, _payload, done) => done(null));
  app.post("/upload", (request, reply) =>
    take(
      request.raw,
      () => request.session,
      () => arrived(),
      () => reply.send({}),
    ),
  );
  app.post("/set", async (request) => Object.assign(request.session, request.query) && {});
  app.post("/logout", async (request) => (await request.session.destroy()) ?? {});
  await app.listen({ port: 0 });
  teardown(t, () => app.close());
  const arrival = () => new Promise<void>((resolve) => (arrived = resolve));
  return { port: (app.server.address() as AddressInfo).port, arrival };
}

/** Sends a request with a body in two pieces; `end` sends the second one and resolves with the cookie that the answer sets. */
function post(port: number, path: string, cookie: string): { end(): Promise<string | undefined> } {
  const headers = { cookie, "content-type": "application/octet-stream" };
  const sent = send({ port, path, method: "POST", headers, agent: false });
  const answered = new Promise<string | undefined>((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve(response.headers["set-cookie"]?.[0]?.split(";")[0]));
    });
  });
  sent.write("half");
  return {
    end: () => {
      sent.end("the rest");
      return answered;
    },
  };
}

for (const [framework, serve] of [
  ["Express 5", serveExpress],
  ["Fastify 5", serveFastify],
] as const) {
  test(`${framework}: an upload undoes nothing that other requests did meanwhile`, async (t) => {
    const store = await createStore();
    const { port, arrival } = await serve(t, store);
    const cookie = (await post(port, "/set?user=ada", "").end()) as string;
    /** Sends an upload; while it is on its way, another request. */
    const during = async (path: string): Promise<void> => {
      const isHere = arrival();
      const upload = post(port, "/upload", cookie);
      await isHere;
      await post(port, path, cookie).end();
      await upload.end();
    };
    await during("/set?cart=5");
    await during("/set?user=bob");
    const [stored] = await store.all();
    assert.deepEqual([stored?.user, stored?.cart, stored?.uploads], ["bob", "5", 2]);
    await during("/logout");
    assert.deepEqual(await store.all(), []);
  });
}
