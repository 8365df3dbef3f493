/** A process of the session benchmark: an Express application with a session store, or the load on one. */
import { once } from "node:events";
import autocannon from "autocannon";
import express from "express";
import { nowNs } from "../measure/compare.mjs";
import { answerJobs } from "../members/jobs.mjs";
import { fieldsOf, openSessionStore } from "./stores.mjs";

const { kind, ...options } = JSON.parse(process.argv[2]);
let opened = null;
let server = null;
let requestCount = 0;
let cookies = [];
let load = null;

function applicationWith(middleware) {
  const application = express();
  application.use(middleware);
  application.get("/login/:user", (request, response) => {
    Object.assign(request.session, fieldsOf(Number(request.params.user)));
    response.send("welcome");
  });
  application.get("/read", (request, response) => {
    requestCount++;
    response.send(request.session.user.name); // fails, and is counted as failed, when the session was not found
  });
  application.get("/write", (request, response) => {
    requestCount++;
    request.session.visits = request.session.visits + 1;
    response.send(request.session.user.name);
  });
  return application;
}

async function logIn(url, user) {
  const response = await fetch(`${url}/login/${user}`);
  const [cookie] = response.headers.getSetCookie();
  if (cookie === undefined) throw new Error(`expected a cookie for user ${user}, got status ${response.status}`);
  return cookie.split(";")[0];
}

answerJobs({
  /** Opens the store; false when it is absent here. */
  async open() {
    opened = await openSessionStore(kind, options);
    return opened !== null;
  },
  /** Serves requests; returns the address. */
  async serve() {
    server = applicationWith(opened.middleware).listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${server.address().port}`;
  },
  /** Requests that were served, and CPU time that this process took with all its threads, up to now. */
  mark() {
    const { user, system } = process.cpuUsage();
    return { requestCount, cpuNs: (user + system) * 1e3, ns: nowNs() };
  },
  /** Creates a session for each connection of the load. */
  async logIn({ url, count }) {
    cookies = [];
    for (let user = 0; user < count; user++) cookies.push(await logIn(url, user));
    return cookies;
  },
  /** Sends requests, as many at a time as there are cookies, until `stopLoad`. */
  startLoad({ url, cookies }) {
    let next = 0;
    const setupClient = (client) => client.setHeaders({ cookie: cookies[next++] });
    load = autocannon({ url, connections: cookies.length, duration: 60, sampleInt: 20, setupClient });
  },
  /** Returns how many requests have failed. */
  async stopLoad() {
    load.stop();
    const { errors, timeouts, non2xx } = await load;
    return errors + timeouts + non2xx;
  },
  async close() {
    server?.closeAllConnections();
    server?.close();
    await opened?.close();
  },
});
