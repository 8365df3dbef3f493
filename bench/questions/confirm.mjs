/** How long one write takes until it is confirmed, under each `fsync`; and `sync` and `increment`. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nowNs } from "../measure/compare.mjs";
import { syncedWrites } from "../measure/files.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { startMember, startMembers, stopMembers } from "../members/members.mjs";
import { roundTrips } from "../members/sockets.mjs";
import { NO_LMDB, NO_SQLITE } from "../peers/embedded.mjs";
import { NO_REDIS, startRedis } from "../peers/servers.mjs";
import { median } from "../report/statistics.mjs";

const ROUNDS = 5;
/** Confirmed writes of each member before the measuring, as an application that has been running for a while has made. */
const WARM_UP = 3_000;
const WRITES = 400;
const SYNCED_WRITES = 60;
const MEMBERS = 4;
const INCREMENTS = 4_000;
const AT_ONCE = 100;
const ALONE_INCREMENTS = 1_000;
const LIMIT = "bare Unix socket, there and back";

export const title = "Confirmation: flush, sync and increment";
export const says =
  "All have made 3,000 confirmed writes before. flush: one member writes 90 bytes and waits until that is confirmed, again and again; with fsync always it is on the disk then. sync: one of 4 members asks for all that is confirmed. increment: 4 members count one key up, each with one or 100 on their way; the last number must be how often they counted, and no number may come twice.";
export const packages = ["lmdb", "better-sqlite3", "redis"];

/** The stores by how sure they are of a write when they confirm it. */
async function startWriters(path) {
  const redis = await startRedis(path, { name: "redis-everysec" });
  const surer = await startRedis(path, { name: "redis-always", fsync: "always" });
  mkdirSync(join(path, "lmdb"));
  const start = async (name, kind, options) => {
    if (options.fsync) mkdirSync(join(path, options.fsync));
    const directory = options.fsync ? join(path, options.fsync) : path;
    return [name, await startMember(kind, { path: directory, ...options, options: { fsync: options.fsync } })];
  };
  const ofRedis = async (name, server) => [name, server && (await startMember("redis", { address: server.address }))];
  const buffered = [
    await start("cluster-storage, fsync never", "storage", { fsync: "never" }),
    await start("cluster-storage, fsync everysec", "storage", { fsync: "everysec" }),
    await ofRedis("redis, appendfsync everysec", redis),
    await start("better-sqlite3, synchronous NORMAL", "sqlite", { synchronous: "NORMAL" }),
  ];
  const surely = [
    await start("cluster-storage, fsync always", "storage", { fsync: "always" }),
    await ofRedis("redis, appendfsync always", surer),
    await start("better-sqlite3, synchronous FULL", "sqlite", { synchronous: "FULL" }),
    await start("lmdb", "lmdb", {}),
  ];
  const stop = async () => {
    await stopMembers([...buffered, ...surely].map(([, member]) => member).filter(Boolean));
    await redis?.stop();
    await surer?.stop();
  };
  return { buffered, surely, stop };
}

const ABSENCES = [
  ["redis", NO_REDIS],
  ["better-sqlite3", NO_SQLITE],
  ["lmdb", NO_LMDB],
];
const absenceOf = (name) => ABSENCES.find(([begin]) => name.startsWith(begin))?.[1];

/** The median of one write in each round; all take turns, and the first round warms up. */
async function oneByOne(limit, members, rounds, rowsTitle) {
  const figures = new Map([[limit.name, []], ...members.map(([name]) => [name, []])]);
  for (let round = -1; round < rounds; round++) {
    const bare = await limit.run();
    if (round >= 0) figures.get(limit.name).push(median(bare));
    for (const [name, member] of members) {
      if (!member) continue;
      const found = median(await member.ask(limit.job, { count: limit.count }));
      if (round >= 0) figures.get(name).push(found);
    }
  }
  const rows = [...figures].map(([name, rounds]) =>
    rounds.length === 0 ? { name, absent: absenceOf(name) } : { name, rounds },
  );
  return { title: rowsTitle, unit: "ns", limit: limit.name, rows };
}

const warmUp = (members, count) => Promise.all(members.map((member, id) => member.ask("warmUp", { id, count })));

async function measureFlush(path, rounds, warmUpCount) {
  const { buffered, surely, stop } = await startWriters(path);
  for (const [, member] of [...buffered, ...surely]) if (member) await warmUp([member], warmUpCount);
  const bare = { name: LIMIT, job: "writeOneByOne", count: WRITES, run: () => roundTrips(path, WRITES, 0) };
  const name = "one write and one fdatasync";
  const synced = { name, job: "writeOneByOne", count: SYNCED_WRITES, run: () => syncedWrites(path, SYNCED_WRITES) };
  const tables = [
    await oneByOne(bare, buffered, rounds, "set and flush, in the hands of the operating system"),
    await oneByOne(synced, surely, rounds, "set and flush, on the disk"),
  ];
  await stop();
  return tables;
}

async function increment(members, key, count, atOnce) {
  const start = nowNs();
  const ends = await Promise.all(members.map((member) => member.ask("increments", { key, count, atOnce })));
  const numbers = ends.flatMap(({ numbers }) => numbers);
  const total = members.length * count;
  assert.equal(new Set(numbers).size, total, "expected each number once");
  assert.equal(Math.max(...numbers), total, "expected the last number to be how often was counted");
  return (total * 1e9) / (Math.max(...ends.map(({ ns }) => ns)) - start);
}

async function measureIncrements(stores, rounds, count, atOnce) {
  const rows = [];
  const figures = new Map(stores.map(([name]) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, members] of stores) {
      if (members === null) continue;
      const rate = await increment(members, `counter ${atOnce} ${round}`, count, atOnce);
      if (round >= 0) figures.get(name).push(rate);
    }
  }
  for (const [name, rounds] of figures)
    rows.push(rounds.length === 0 ? { name, absent: absenceOf(name) } : { name, rounds });
  return { title: `increment of one key by ${MEMBERS} members, each ${atOnce} at once`, unit: "/s", rows };
}

async function measureShared(path, rounds, warmUpCount) {
  mkdirSync(join(path, "shared"));
  const server = await startRedis(path, { name: "shared-redis" });
  const ours = await startMembers(MEMBERS, "storage", { path: join(path, "shared") });
  const redis = server && (await startMembers(MEMBERS, "redis", { address: server.address }));
  const lmdb = await startMembers(MEMBERS, "lmdb", { path: join(path, "shared") });
  const bare = { name: LIMIT, job: "syncs", count: WRITES, run: () => roundTrips(path, WRITES, 0) };
  const syncing = [
    ["cluster-storage, sync", ours[1]],
    ["redis, ping", redis?.[0]],
  ];
  for (const members of [ours, redis, lmdb]) if (members !== null) await warmUp(members, warmUpCount);
  const tables = [await oneByOne(bare, syncing, rounds, "sync")];
  const stores = [
    ["cluster-storage", ours],
    ["redis", redis],
    ["lmdb, in a transaction", lmdb],
  ];
  tables.push(await measureIncrements(stores, rounds, ALONE_INCREMENTS, 1));
  tables.push(await measureIncrements(stores, rounds, INCREMENTS, AT_ONCE));
  for (const members of [ours, redis, lmdb]) await stopMembers(members);
  await server?.stop();
  return tables;
}

export const measure = ({ rounds, count }) =>
  withScratch(async (path) => {
    const tables = await measureFlush(path, rounds(ROUNDS), count(WARM_UP));
    tables.push(...(await measureShared(path, rounds(ROUNDS), count(WARM_UP))));
    return { tables };
  });
