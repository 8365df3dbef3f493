/** How many writes per second all processes together get confirmed and see of each other, all of them in a log. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nowNs } from "../measure/compare.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { startMembers, stopMembers } from "../members/members.mjs";
import { startSocket } from "../members/sockets.mjs";
import { NO_LMDB } from "../peers/embedded.mjs";
import { NO_REDIS, withRedis } from "../peers/servers.mjs";

const ROUNDS = 3;
/** Rounds that do not count: with more processes than cores it takes some seconds until V8 has compiled what runs often. */
const WARM_UP_ROUNDS = 3;
const GUARD_ROUNDS = 5;
const MEMBER_COUNTS = [1, 2, 4, 8, 16];
const USUAL_MEMBERS = 4;
const PER_TICK = 100;
/** Writes of all members together in one round, by the number of members. */
const WRITES = { 1: 200_000, 2: 200_000, 4: 300_000, 8: 120_000, 16: 60_000 };
const OURS = "cluster-storage";
const LIMIT = "bare sockets through a relay";
const LMDB = "lmdb, batched, one shared file";

/** Of those writes, the share that a slower store makes, so that its rounds take as long. */
const SHARES = { redis: 0.2, [LMDB]: 0.5 };

const WAYS = [
  { name: "all writing", isOneKey: false, isWriting: () => true },
  { name: "one writing", isOneKey: false, isWriting: (id, count) => id === count - 1 },
  { name: "all writing one key", isOneKey: true, isWriting: () => true },
];
/** Sets in a turn of the event loop, and writes of all together. */
const TICKS = [
  { perTick: 10, writes: 80_000 },
  { perTick: 1, writes: 16_000 },
];

export const title = "Throughput: confirmed writes, seen by all";
export const says =
  "Objects of 100 bytes, 100 sets in each turn of the event loop, some 20,000 on their way at most. The clock stops when every member has seen the writes of all and its own are confirmed; then a sample of the last writes is compared. Redis is pipelined, with its append-only file; lmdb writes one shared file, without fan-out: its readers look there at each read. The limit: the same JSON over bare Unix sockets through a process that passes each chunk on to all others, without order, log or confirmation.";
export const packages = ["lmdb", "redis"];

let runCount = 0;

/** Writes per second of all the members of one store in one race. */
async function race(members, { isOneKey, isWriting }, writes, perTick) {
  const writers = members.filter((_, id) => isWriting(id, members.length)).length;
  const counts = members.map((_, id) => (isWriting(id, members.length) ? Math.round(writes / writers) : 0));
  const parameters = { counts, perTick, isOneKey, run: ++runCount };
  const start = nowNs();
  const ends = await Promise.all(members.map((member, id) => member.ask("race", { id, ...parameters })));
  assert.equal(new Set(ends.map(({ last }) => last)).size, 1, "expected all members to see the same last write");
  const total = counts.reduce((sum, count) => sum + count, 0);
  return (total * 1e9) / (Math.max(...ends.map(({ ns }) => ns)) - start);
}

/** Starts the same number of members of each store; `isAlone`: only of this one, and of the limit. */
async function startGroups(count, path, { server = null, isAlone = false }) {
  mkdirSync(path);
  const relay = await startSocket("relay", path);
  const groups = new Map([
    [LIMIT, count === 1 ? null : await startMembers(count, "relayed", { address: relay.address })],
    [OURS, await startMembers(count, "storage", { path })],
  ]);
  if (!isAlone) {
    groups.set("redis", server && (await startMembers(count, "redis", { address: server.address })));
    groups.set(LMDB, await startMembers(count, "lmdb", { path }));
  }
  const stop = async () => {
    for (const members of groups.values()) await stopMembers(members);
    await relay.stop();
  };
  return { groups, stop };
}

const ABSENCES = { redis: NO_REDIS, [LMDB]: NO_LMDB, [LIMIT]: "one member has no other to send to" };

/** The rows of all stores in one way of writing; they take turns. */
async function measureWay(groups, way, writes, perTick, rounds) {
  const figures = new Map([...groups.keys()].map((name) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [name, members] of groups) {
      if (members === null) continue;
      const figure = await race(members, way, writes * (SHARES[name] ?? 1), perTick);
      if (round >= 0) figures.get(name).push(figure);
    }
  }
  return [...figures].map(([name, rounds]) =>
    rounds.length === 0 ? { name, absent: ABSENCES[name] } : { name, rounds },
  );
}

function tableOf(title, rows, targets = []) {
  const limit = rows.find(({ name, rounds }) => name === LIMIT && rounds) ? LIMIT : undefined;
  return { title, unit: "/s", limit, rows, targets };
}

const TARGETS = [{ row: OURS, atLeast: 400_000 }];

/** The table of the usual members, all writing, beside the limit alone: what the guard looks at. */
export async function measureUsual(path) {
  const { groups, stop } = await startGroups(USUAL_MEMBERS, join(path, "usual"), { isAlone: true });
  const rows = await measureWay(groups, WAYS[0], WRITES[USUAL_MEMBERS], PER_TICK, GUARD_ROUNDS);
  await stop();
  return tableOf(`${USUAL_MEMBERS} members, all writing`, rows, TARGETS);
}

async function measureCount(count, path, server, extent) {
  const rounds = extent.rounds(ROUNDS);
  const { groups, stop } = await startGroups(count, join(path, `of${count}`), { server });
  const tables = [];
  for (const way of count === 1 ? WAYS.slice(0, 1) : WAYS) {
    const rows = await measureWay(groups, way, extent.count(WRITES[count]), PER_TICK, rounds);
    const isTargeted = count === USUAL_MEMBERS && way === WAYS[0];
    const title = `${count} ${count === 1 ? "member" : "members"}, ${way.name}`;
    tables.push({ way: way.name, ...tableOf(title, rows, isTargeted ? TARGETS : []) });
  }
  for (const { perTick, writes } of count === USUAL_MEMBERS ? TICKS : []) {
    const rows = await measureWay(groups, WAYS[0], extent.count(writes), perTick, rounds);
    tables.push(tableOf(`${count} members, all writing, ${perTick} per tick`, rows));
  }
  await stop();
  return tables;
}

/** Time per write, by the number of members: what grows when the figures of the tables fall. */
function curveOf(name, byCount, pick) {
  const points = [...byCount].flatMap(([x, tables]) => {
    const rounds = pick(tables);
    return rounds ? [{ x, rounds: rounds.map((rate) => 1e9 / rate) }] : [];
  });
  return { name, points };
}

function curves(byCount) {
  const figuresOf = (tables, way, store) =>
    tables.find((table) => table.way === way)?.rows.find(({ name }) => name === store)?.rounds;
  const stores = [LIMIT, OURS, "redis", LMDB].map((store) =>
    curveOf(store, byCount, (tables) => figuresOf(tables, "all writing", store)),
  );
  const ways = WAYS.map(({ name }) => curveOf(name, byCount, (tables) => figuresOf(tables, name, OURS)));
  const x = "members";
  return [
    {
      title: "Time per confirmed write, all writing",
      x,
      unit: "ns",
      series: stores.filter(({ points }) => points.length > 0),
    },
    { title: "Time per confirmed write of cluster-storage", x, unit: "ns", series: ways },
  ];
}

export const measure = (extent) =>
  withScratch((path) =>
    withRedis(path, async (server) => {
      const byCount = new Map();
      for (const count of MEMBER_COUNTS) byCount.set(count, await measureCount(count, path, server, extent));
      return { tables: [...byCount.values()].flat(), curves: curves(byCount) };
    }),
  );
