/** What sessions cost an Express application, with each of the stores that it may have; then the stores alone. */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median, scratchDirectory } from "./measure.mjs";
import { Member } from "./members.mjs";
import { connectRedis, pinned, startRedis } from "./peers.mjs";
import { measureCalls } from "./session-calls.mjs";
import { perSecond, printTable, times, us } from "./table.mjs";

const PROGRAM = "session-member.mjs";
/** The servers, and Redis, share the first core; the load has the other one. */
const SERVER_CORE = 0;
const LOAD_CORE = 1;
const SESSIONS = 100;
const ROUTES = ["read", "write"];
const ROUNDS = 5;
const ROUND_MS = 1000;
/** Until all connections stand. */
const SETTLE_MS = 500;
/** Until the engine has compiled what is used much, which takes it some 10,000 requests. */
const WARM_UP_MS = 3500;

const OURS = "cluster-storage";
const BASES = [
  { name: "MemoryStore", target: 0.95 },
  { name: "connect-redis", target: 1.15 },
];
const STORES = [
  { name: OURS, kind: "ours" },
  { name: `${OURS}, replicated to a 2nd process`, kind: "ours", idle: 1 },
  { name: "MemoryStore", kind: "MemoryStore" },
  { name: "memorystore", kind: "memorystore" },
  { name: "connect-redis", kind: "connect-redis" },
  { name: "session-file-store", kind: "session-file-store" },
];

/** An application that serves, the processes beside it that share its store, and its sessions; null: absent here. */
async function startApplication({ kind, idle = 0 }, options, load) {
  mkdirSync(options.path);
  const members = [];
  for (let index = 0; index <= idle; index++) {
    const member = new Member(kind, options, PROGRAM, SERVER_CORE);
    members.push(member);
    if (!(await member.ask("open"))) {
      await member.stop();
      return null;
    }
  }
  const url = await members[0].ask("serve");
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
async function measureRoute(applications, route, load, redis) {
  const figures = new Map([...applications.keys()].map((name) => [name, []]));
  // The first round warms up and does not count.
  for (let index = 0; index <= ROUNDS; index++) {
    for (const [name, application] of applications) {
      if (application === null) continue;
      const figure = await round(application, route, load, redis, index === 0 ? WARM_UP_MS : SETTLE_MS);
      if (index > 0) figures.get(name).push(figure);
    }
  }
  return figures;
}

/** Of each round to the same round of a base, so that what the machine did meanwhile counts for both. */
function ratio(rounds, bases) {
  return bases.length === 0 ? null : median(rounds.map(({ rate }, index) => rate / bases[index].rate));
}

/** Of a figure over all rounds. */
function perRequest(rounds, figure) {
  const sum = (name) => rounds.reduce((total, round) => total + round[name], 0);
  return us(sum(figure) / sum("count"));
}

function rowsOf(route, figures) {
  return [...figures].map(([name, rounds]) => {
    if (rounds.length === 0) return [route, name, "absent"];
    const rates = rounds.map(({ rate }) => rate);
    const ratios = BASES.map((base) => ratio(rounds, figures.get(base.name)));
    const redisCpu = name === "connect-redis" ? perRequest(rounds, "redisNs") : "";
    const targets = BASES.map(({ target }, index) => (ratios[index] === null ? "absent" : `>= ${times(target)}`));
    return [
      route,
      name,
      perSecond(median(rates)),
      `${perSecond(Math.min(...rates))} to ${perSecond(Math.max(...rates))}`,
      ...ratios.map((value) => (value === null ? "" : times(value))),
      perRequest(rounds, "cpuNs"),
      redisCpu,
      name === OURS ? targets.join(", ") : "",
    ];
  });
}

async function measureRequests(path, server) {
  const redis = server && (await connectRedis(server.address));
  const load = new Member("load", {}, PROGRAM, LOAD_CORE);
  const applications = new Map();
  for (const [index, store] of STORES.entries()) {
    const options = { path: join(path, `${index}`), address: server?.address ?? null };
    applications.set(store.name, await startApplication(store, options, load));
  }
  const rows = [];
  for (const route of ROUTES) rows.push(...rowsOf(route, await measureRoute(applications, route, load, redis)));
  const columns = ["route", "store", "requests", "from, to"];
  const cpu = ["CPU per request", "Redis's CPU"];
  printTable(
    `Express with express-session, ${SESSIONS} sessions, each on a connection of its own`,
    [...columns, ...BASES.map(({ name }) => `to ${name}`), ...cpu, "target"],
    rows,
  );
  for (const application of applications.values()) {
    await Promise.all((application?.members ?? []).map((member) => member.stop()));
  }
  await load.stop();
  await redis?.close();
}

export async function measure() {
  const scratch = scratchDirectory();
  const server = await startRedis(scratch.path, SERVER_CORE);
  await measureRequests(scratch.path, server);
  if (server === null) console.log("\nRedis is absent: there is no redis-server on the PATH, or it does not start.");
  const isPinned = pinned(SERVER_CORE).length > 0 && availableParallelism() > 1;
  console.log(
    isPinned
      ? `\nThe servers and Redis (Unix socket, append-only file) have core ${SERVER_CORE}, the load core ${LOAD_CORE}; CPU with all threads.`
      : "\nServers and load share all cores: there is no taskset on the PATH, or one core only.",
  );
  await measureCalls(join(scratch.path, "calls"), server?.address ?? null);
  await server?.stop();
  await scratch.release();
}
