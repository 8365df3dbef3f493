/** What sessions cost an Express application, with each of the stores that it may have; then the stores alone. */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withScratch } from "../measure/scratch.mjs";
import { Member } from "../members/members.mjs";
import { connectRedis, NO_REDIS, pinned, withRedis } from "../peers/servers.mjs";
import { measureCalls } from "../sessions/calls.mjs";

const PROGRAM = "../sessions/member.mjs";
/** The servers, and Redis, share the first core; the load has the other one. */
const SERVER_CORE = 0;
const LOAD_CORE = 1;
const SESSIONS = 100;
const ROUTES = ["read", "write"];
const ROUNDS = 5;
const CALL_ROUNDS = 7;
const ROUND_MS = 1000;
/** Until all connections stand. */
const SETTLE_MS = 500;
/** Until the engine has compiled what is used much, which takes it some 10,000 requests. */
const WARM_UP_MS = 3500;

const OURS = "cluster-storage";
const TARGETS = {
  express: [
    { row: OURS, atLeast: 0.95, times: "MemoryStore" },
    { row: OURS, atLeast: 1.15, times: "connect-redis" },
  ],
  fastify: [],
};
const CPU_TARGETS = {
  read: [{ row: OURS, atMost: 1.05, times: "MemoryStore" }],
  write: [{ row: OURS, atMost: 1.15, times: "MemoryStore" }],
};
const STORES = [
  { name: "MemoryStore", kind: "MemoryStore" },
  { name: OURS, kind: "ours" },
  { name: `${OURS}, replicated to a 2nd process`, kind: "ours", idle: 1 },
  { name: "memorystore", kind: "memorystore" },
  { name: "connect-redis", kind: "connect-redis" },
  { name: "session-file-store", kind: "session-file-store" },
];
/** The frameworks, each with the stores that are measured with it: all stores answer to both in the same way. */
const FRAMEWORKS = [
  { framework: "express", suffix: "", stores: STORES },
  { framework: "fastify", suffix: ", @fastify/session", stores: STORES.slice(0, 2) },
];

export const title = "Sessions";
export const says =
  "One process of Express with express-session, then one of Fastify with @fastify/session; 100 sessions, each on a connection of its own; requests that read the session, and requests that change it; every one must succeed. CPU counts all threads and the idle process that replicates, and for connect-redis the server too. Then the stores alone. What stands for the limit is express-session's own MemoryStore, which keeps texts in an object.";
export const packages = [
  "express",
  "express-session",
  "fastify",
  "@fastify/session",
  "connect-redis",
  "memorystore",
  "session-file-store",
];

/** An application that serves, the processes beside it that share its store, and its sessions; null: absent here. */
async function startApplication({ kind, idle = 0 }, framework, options, load) {
  mkdirSync(options.path);
  const members = [];
  for (let index = 0; index <= idle; index++) {
    const member = new Member(kind, { ...options, program: PROGRAM, core: SERVER_CORE });
    members.push(member);
    if (!(await member.ask("open"))) {
      await member.stop();
      return null;
    }
  }
  const url = await members[0].ask("serve", { framework });
  return { members, url, cookies: await load.ask("logIn", { url, count: SESSIONS }) };
}

/** CPU time, in ns, that Redis took up to now. */
async function redisCpu(redis) {
  const lines = (await redis.info("cpu")).split("\r\n").map((line) => line.split(":"));
  const seconds = Object.fromEntries(lines);
  return (Number(seconds.used_cpu_user) + Number(seconds.used_cpu_sys)) * 1e9;
}

async function marks({ members }, redis) {
  const [serving, ...idle] = await Promise.all(members.map((member) => member.ask("mark")));
  const cpuNs = idle.reduce((sum, mark) => sum + mark.cpuNs, serving.cpuNs);
  return { ...serving, cpuNs, redisNs: redis === null ? 0 : await redisCpu(redis) };
}

/** One application under load for a while, measured after `settleMs`. */
async function round(application, route, load, redis, settleMs) {
  const { url, cookies } = application;
  await load.ask("startLoad", { url: `${url}/${route}`, cookies });
  await sleep(settleMs);
  const before = await marks(application, redis);
  await sleep(ROUND_MS);
  const after = await marks(application, redis);
  const failed = await load.ask("stopLoad");
  if (failed > 0) throw new Error(`expected all requests of ${url}/${route} to succeed, got ${failed} that failed`);
  const count = after.requestCount - before.requestCount;
  return {
    count,
    rate: (count * 1e9) / (after.ns - before.ns),
    cpuNs: after.cpuNs - before.cpuNs,
    redisNs: after.redisNs - before.redisNs,
  };
}

/** The rounds of each application on one route; all take turns. */
async function measureRoute(applications, route, load, redis, rounds) {
  const figures = new Map([...applications.keys()].map((name) => [name, []]));
  // The first round warms up and does not count.
  for (let index = 0; index <= rounds; index++) {
    for (const [name, application] of applications) {
      if (application === null) continue;
      const figure = await round(application, route, load, redis, index === 0 ? WARM_UP_MS : SETTLE_MS);
      if (index > 0) figures.get(name).push(figure);
    }
  }
  return figures;
}

/** A table of requests, and one of the CPU time of each. */
function tablesOf(route, { framework, suffix }, figures) {
  const rowsWith = (pick) =>
    [...figures].map(([name, rounds]) =>
      rounds.length === 0 ? { name, absent: NO_REDIS } : { name, rounds: rounds.map(pick) },
    );
  const limit = "MemoryStore";
  const requests = rowsWith(({ rate }) => rate);
  const cpu = rowsWith(({ cpuNs, redisNs, count }) => (cpuNs + redisNs) / count);
  return [
    { title: `Requests that ${route}${suffix}`, unit: "/s", limit, rows: requests, targets: TARGETS[framework] },
    {
      title: `CPU time of a request that ${route}s${suffix}`,
      unit: "ns",
      limit,
      rows: cpu,
      targets: CPU_TARGETS[route],
    },
  ];
}

async function measureRequests(way, path, server, rounds) {
  mkdirSync(path);
  const redis = server && (await connectRedis(server.address));
  const load = new Member("load", { program: PROGRAM, core: LOAD_CORE });
  const applications = new Map();
  for (const [index, store] of way.stores.entries()) {
    const options = { path: join(path, `${index}`), address: server?.address ?? null };
    applications.set(store.name, await startApplication(store, way.framework, options, load));
  }
  const tables = [];
  for (const route of ROUTES)
    tables.push(...tablesOf(route, way, await measureRoute(applications, route, load, redis, rounds)));
  for (const application of applications.values()) {
    await Promise.all((application?.members ?? []).map((member) => member.stop()));
  }
  await load.stop();
  await redis?.close();
  return tables;
}

function describeCores() {
  if (pinned(SERVER_CORE).length === 0 || availableParallelism() < 2)
    return "Servers and load share all cores: there is no taskset on the PATH, or one core only.";
  return `The servers and Redis (Unix socket, append-only file) have core ${SERVER_CORE}, the load core ${LOAD_CORE}.`;
}

export const measure = ({ rounds }) =>
  withScratch((path) =>
    withRedis(
      path,
      async (server) => {
        const tables = [];
        for (const way of FRAMEWORKS)
          tables.push(...(await measureRequests(way, join(path, way.framework), server, rounds(ROUNDS))));
        tables.push(...(await measureCalls(join(path, "calls"), server?.address ?? null, rounds(CALL_ROUNDS))));
        return { tables, notes: [describeCores()] };
      },
      { core: SERVER_CORE },
    ),
  );
