/** A process of the session benchmark: an application with a session store, or the load on one. */
import autocannon from "autocannon";
import { nowNs } from "../measure/compare.mjs";
import { answerJobs } from "../members/jobs.mjs";
import { SERVE } from "./applications.mjs";
import { openSessionStore } from "./stores.mjs";

const { kind, ...options } = JSON.parse(process.argv[2]);
let opened = null;
let server = null;
let requestCount = 0;
let cookies = [];
let load = null;

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
  /** Serves requests, by a framework; returns the address. */
  async serve({ framework }) {
    server = await SERVE[framework](opened.store, () => {
      requestCount++;
    });
    return server.url;
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
    await server?.close();
    await opened?.close();
  },
});
