/**
 * The stores that one process can use, each with one interface: `get` and `set`, or, for those in a program of their own,
 * `timed`. Those that cannot be used here say why (`absent`).
 */
import { NO_LMDB, NO_SQLITE, openLmdb, openSqlite } from "./embedded.mjs";
import { openForeign } from "./foreign.mjs";
import { connectIoredis, connectRedis, NO_REDIS } from "./servers.mjs";

const MAX_ITEMS = 1_000_000;
const nothing = () => {};

function openMap() {
  const map = new Map();
  return { name: "Map", get: (key) => map.get(key), set: (key, value) => map.set(key, value), close: nothing };
}

/** Keyv changed how it works from one major version to the next: both are in use. */
function openKeyv(name, Keyv) {
  const keyv = new Keyv();
  return {
    name,
    note: "in memory",
    isLater: true,
    get: (key) => keyv.get(key),
    set: (key, value) => keyv.set(key, value),
    close: nothing,
  };
}

async function inMemory() {
  const { BentoCache, bentostore } = await import("bentocache");
  const { memoryDriver } = await import("bentocache/drivers/memory");
  const { Keyv } = await import("keyv");
  const { Keyv: Keyv5 } = await import("keyv5");
  const { LRUCache } = await import("lru-cache");
  const { default: NodeCache } = await import("node-cache");
  const lru = new LRUCache({ max: MAX_ITEMS });
  const cache = new NodeCache();
  const memory = bentostore().useL1Layer(memoryDriver({ maxItems: MAX_ITEMS }));
  const bento = new BentoCache({ default: "memory", stores: { memory } });
  return [
    openMap(),
    { name: "lru-cache", get: (key) => lru.get(key), set: (key, value) => lru.set(key, value), close: nothing },
    {
      name: "node-cache",
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      close: () => cache.close(),
    },
    openKeyv("keyv", Keyv),
    openKeyv("keyv 5", Keyv5),
    {
      name: "bentocache",
      note: "in memory",
      isLater: true,
      get: (key) => bento.get({ key }),
      set: (key, value) => bento.set({ key, value }),
      close: () => bento.disconnectAll(),
    },
  ];
}

async function inLmdb(path) {
  const lmdb = await openLmdb(path);
  if (lmdb === null) return { name: "lmdb", absent: NO_LMDB };
  return {
    name: "lmdb",
    get: (key) => lmdb.get(key),
    set: (key, value) => lmdb.put(key, value),
    between: () => lmdb.committed,
    close: () => lmdb.close(),
  };
}

async function inFiles(path) {
  const sqlite = await openSqlite(path);
  return [await inLmdb(path), { name: "better-sqlite3", ...(sqlite ?? { absent: NO_SQLITE }) }];
}

async function onServer(address) {
  const names = ["redis", "ioredis"];
  if (address === null) return names.map((name) => ({ name, absent: NO_REDIS }));
  const clients = [await connectRedis(address), await connectIoredis(address)];
  return clients.map((client, index) => ({
    name: names[index],
    note: "Unix socket",
    isLater: true,
    get: async (key) => JSON.parse(await client.get(key)),
    set: (key, value) => client.set(key, JSON.stringify(value)),
    close: () => client.quit(),
  }));
}

async function inOthers(path) {
  const memory = await openForeign("cluster-shared-memory", path);
  const first = await openForeign("cluster-storage-v1", path);
  return [
    { name: "cluster-shared-memory", note: "in a worker", ...memory },
    { name: "cluster-storage 1", note: "in one process; its crash is caught", ...first },
  ];
}

/** The packages whose versions stand beside the figures of `openCaches`. */
export const CACHE_PACKAGES = [
  "lmdb",
  "better-sqlite3",
  "lru-cache",
  "node-cache",
  "keyv",
  "keyv5",
  "bentocache",
  "redis",
  "ioredis",
];

/** The Map and lmdb alone: what the targets of a read name. lmdb may be absent. */
export async function openMapAndLmdb(path) {
  return [openMap(), await inLmdb(path)];
}

/**
 * Opens all of them.
 * @param address That of Redis; null: there is none.
 */
export async function openCaches(path, address) {
  return [...(await inMemory()), ...(await inFiles(path)), ...(await onServer(address)), ...(await inOthers(path))];
}

export async function closeCaches(caches) {
  for (const cache of caches) await cache.close?.();
}

/** Reads are counted here, so that none is optimised away. */
let readCount = 0;
export const readsSoFar = () => readCount;

/** A case that reads one of `keys` after the other, from a store that answers at once or `later`. */
export function readingCase({ name, note, get, isLater, timed, absent }, keys) {
  if (absent !== undefined) return { name, absent };
  if (timed !== undefined) return { name, note, run: async (count) => (await timed("get", keys, null, count)).ns };
  const atOnce = (count) => {
    for (let index = 0; index < count; index++) if (get(keys[index % keys.length]) !== undefined) readCount++;
  };
  const later = async (count) => {
    for (let index = 0; index < count; index++) if ((await get(keys[index % keys.length])) !== undefined) readCount++;
  };
  return { name, note, run: isLater ? later : atOnce };
}

/**
 * A case that writes under one of `keys` after the other: copies of `value` that differ in their field `n`, so
 * that no store can see that nothing has changed. There are not as many values as keys, so that a key never gets its own again.
 */
export function writingCase({ name, note, set, isLater, timed, absent, between }, keys, value, maxCount) {
  if (absent !== undefined) return { name, absent };
  if (timed !== undefined) return { name, note, run: async (count) => (await timed("set", keys, value, count)).ns };
  let written = 0;
  const values = Array.from({ length: keys.length - 3 }, (_, n) => ({ ...value, n: 10_000 + n }));
  const atOnce = (count) => {
    for (let index = 0; index < count; index++) set(keys[index % keys.length], values[written++ % values.length]);
  };
  const later = async (count) => {
    for (let index = 0; index < count; index++) await set(keys[index % keys.length], values[written++ % values.length]);
  };
  return { name, note, run: isLater ? later : atOnce, between, ...(between ? { maxCount } : {}) };
}
