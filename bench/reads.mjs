/** What a hot read costs: a whole object by its key, and a nested value by one of 1,000 paths. */
import { Storage } from "cluster-storage";
import Keyv from "keyv";
import get from "lodash/get.js";
import NodeCache from "node-cache";
import { compare, scratchDirectory } from "./measure.mjs";
import { connectRedis, openLmdb, startRedis } from "./peers.mjs";
import { ns, printTable, times } from "./table.mjs";

const KEYS = Array.from({ length: 1_000 }, (_, index) => `key${index}`);
const PATHS = KEYS.map((key) => `${key}.user.name`);
const userAt = (index) => ({
  user: { name: `name ${index}`, age: index },
  roles: ["reader", "writer"],
  since: 1e12 + index,
});

/** What is read is added up here, so that no read is optimised away. */
let seen = 0;
const looped = (read, keys) => (count) => {
  for (let index = 0; index < count; index++) if (read(keys[index % 1_000]) !== undefined) seen++;
};
const loopedLater = (read) => async (count) => {
  for (let index = 0; index < count; index++) if ((await read(KEYS[index % 1_000])) !== undefined) seen++;
};

async function keyCases({ storage, redis, lmdb }) {
  const map = new Map();
  const cache = new NodeCache();
  const keyv = new Keyv();
  for (const [index, key] of KEYS.entries()) {
    const value = userAt(index);
    map.set(key, value);
    cache.set(key, value);
    await keyv.set(key, value);
    await lmdb?.put(key, value);
    await redis?.set(key, JSON.stringify(value));
  }
  const cases = [
    { name: "Map.get", run: (count) => looped((key) => map.get(key), KEYS)(count) },
    { name: "storage.get", run: (count) => looped((key) => storage.get(key), KEYS)(count) },
    { name: "node-cache", run: (count) => looped((key) => cache.get(key), KEYS)(count) },
    { name: "keyv (in memory)", run: loopedLater((key) => keyv.get(key)) },
  ];
  if (lmdb) cases.push({ name: "lmdb", run: (count) => looped((key) => lmdb.get(key), KEYS)(count) });
  if (redis)
    cases.push({ name: "Redis (Unix socket)", run: loopedLater(async (key) => JSON.parse(await redis.get(key))) });
  return cases;
}

function printKeys(figures) {
  const base = figures.get("Map.get");
  const ours = figures.get("storage.get");
  const rows = [...figures].map(([name, figure]) => [name, ns(figure), times(figure / base)]);
  for (const row of rows) {
    if (row[0] === "storage.get") row[3] = "<= 3x Map.get";
    if (row[0] === "lmdb") row[3] = `storage.get >= 15x faster: ${times(figures.get("lmdb") / ours)}`;
  }
  for (const name of ["lmdb", "Redis (Unix socket)"]) if (!figures.has(name)) rows.push([name, "absent"]);
  printTable('get("key") of an object, 1,000 keys, hot', ["store", "per read", "to Map.get", "target"], rows);
}

async function measurePaths(storage) {
  const object = Object.fromEntries(KEYS.map((key, index) => [key, userAt(index)]));
  const figures = await compare([
    { name: "lodash get", run: (count) => looped((path) => get(object, path), PATHS)(count) },
    { name: "storage.get", run: (count) => looped((path) => storage.get(path), PATHS)(count) },
  ]);
  const base = figures.get("lodash get");
  const rows = [...figures].map(([name, figure]) => [name, ns(figure), times(figure / base)]);
  rows[1][3] = "<= 200 ns";
  printTable('get("key.user.name"), 1,000 different paths', ["store", "per read", "to lodash", "target"], rows);
}

export async function measure() {
  const scratch = scratchDirectory();
  const storage = await Storage.open("bench", { path: scratch.path });
  const server = await startRedis(scratch.path);
  const redis = server && (await connectRedis(server.address));
  const lmdb = await openLmdb(scratch.path);
  for (const [index, key] of KEYS.entries()) storage.set(key, userAt(index));
  await storage.flush();
  printKeys(await compare(await keyCases({ storage, redis, lmdb })));
  await measurePaths(storage);
  if (seen === 0) throw new Error("expected something to be read");
  await storage.close();
  await lmdb?.close();
  await redis?.close();
  await server?.stop();
  await scratch.release();
}
