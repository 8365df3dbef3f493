/** One worker of the demo: a plain `node:http` server with the storage open. */
import { createServer } from "node:http";
import { json, text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Storage } from "cluster-storage";
import { renderPage } from "./page.mjs";
import { cachedReport } from "./report.mjs";
import { openSession, visit } from "./session.mjs";

const MAX_NAME_CHARS = 40;

const { directory, host, port } = JSON.parse(process.argv[2]);
const storage = new Storage("demo", { path: directory });
storage.on("error", (error) => console.error(`worker ${process.pid}:`, error.message));

/** What every answer says: who answered, and what is shared. */
function stateFor(session) {
  return {
    pid: process.pid,
    managerPid: storage.managerPid,
    isManager: storage.isManager,
    counter: storage.get("counter") ?? 0,
    session: { id: session.id, ...storage.get([session.key]) },
  };
}

const routes = {
  async "GET /"(_request, session) {
    await storage.increment("counter");
    await visit(storage, session);
    return { type: "text/html; charset=utf-8", body: renderPage(stateFor(session)) };
  },
  async "GET /api/state"(_request, session) {
    return stateFor(session);
  },
  async "POST /api/count"(_request, session) {
    const value = await storage.increment("counter");
    return { ...stateFor(session), value };
  },
  async "POST /api/visit"(_request, session) {
    const visits = await visit(storage, session);
    return { ...stateFor(session), visits };
  },
  async "POST /api/name"(request, session) {
    const { name } = await json(request);
    storage.set([session.key, "name"], String(name).slice(0, MAX_NAME_CHARS));
    await storage.flush();
    return stateFor(session);
  },
  async "GET /api/report"(_request, session) {
    const report = await cachedReport(storage);
    return { ...stateFor(session), report };
  },
};

async function answer(request, response) {
  const route = routes[`${request.method} ${new URL(request.url, "http://demo").pathname}`];
  if (!route) {
    await text(request);
    response.writeHead(404).end();
    return;
  }
  // What others confirmed before this request was sent has arrived: take it in.
  await nextTurn();
  const session = await openSession(storage, request, response);
  const result = await route(request, session);
  const isPage = "body" in result;
  response.setHeader("content-type", isPage ? result.type : "application/json");
  response.end(isPage ? result.body : JSON.stringify(result));
}

/** Connections on which nothing was asked yet: browsers open some in advance. */
const unused = new Set();

const server = createServer((request, response) => {
  unused.delete(request.socket);
  // No keep-alive: so each click may be answered by another worker.
  response.setHeader("connection", "close");
  response.setHeader("cache-control", "no-store");
  answer(request, response).catch((error) => {
    console.error(`worker ${process.pid}:`, error);
    if (!response.headersSent) response.writeHead(500, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: error.message }));
  });
});

server.on("connection", (socket) => {
  unused.add(socket);
  socket.once("close", () => unused.delete(socket));
});

let isStopping = false;
async function stop() {
  if (isStopping) return;
  isStopping = true;
  const closed = new Promise((done) => server.close(done));
  for (const socket of unused) socket.destroy();
  await closed;
  await storage.close();
  process.exit(0);
}

// Ctrl+C reaches the workers too; the primary tells them when to stop. When the primary is gone, they stop as well.
process.on("SIGINT", () => {});
process.on("SIGTERM", stop);
process.on("message", (message) => message === "stop" && stop());
process.on("disconnect", stop);

await storage.sync();
server.listen(port, host);
