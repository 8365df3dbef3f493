/** What a hot read costs: an object by its key beside all peers; then a primitive, a missing key, and one of 1,000 nested paths. */
import assert from "node:assert/strict";
import get from "lodash/get.js";
import { compareRows } from "../measure/compare.mjs";
import { KEYS, userAt } from "../measure/samples.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { CACHE_PACKAGES, closeCaches, openCaches, readingCase, readsSoFar } from "../peers/caches.mjs";
import { version1InWorkers } from "../peers/foreign.mjs";
import { withRedis } from "../peers/servers.mjs";
import { Storage } from "../subject.mjs";

const ROUNDS = 15;
const PATHS = KEYS.map((key) => `${key}.user.name`);
const NUMBERS = KEYS.map((key) => `number of ${key}`);
const MISSING = KEYS.map((key) => `no ${key}`);

export const title = "Reading what was read before";
export const says =
  "get of one of 1,000 keys after the other, all of them read before, in one process. Each store is first shown to return what was written. The limit is Map.get of an object that is already there.";
export const packages = CACHE_PACKAGES;

function fill(storage) {
  for (const [index, key] of KEYS.entries()) {
    storage.set(key, userAt(index));
    storage.set(NUMBERS[index], index);
  }
  return storage.flush();
}

async function fillAndCheck(cache) {
  if (cache.absent !== undefined) return;
  for (const [index, key] of KEYS.entries()) {
    const value = userAt(index);
    if (cache.timed) await cache.timed("set", [key], value, 1);
    else await cache.set(key, value);
  }
  await cache.between?.();
  for (const [index, key] of KEYS.entries()) {
    const got = cache.timed ? (await cache.timed("get", [key], null, 1)).last : await cache.get(key);
    assert.deepEqual(got, userAt(index), `expected ${cache.name} to return what was written`);
  }
}

/** An object by its key. */
export async function measureKeys(storage, caches, rounds) {
  const ours = { name: "cluster-storage", get: (key) => storage.get(key), set: () => {} };
  await fill(storage);
  for (const [index, key] of KEYS.entries()) assert.deepEqual(storage.get(key), userAt(index));
  for (const cache of caches) await fillAndCheck(cache);
  const [map, ...others] = caches;
  const cases = [map, ours, ...others].map((cache) => readingCase(cache, KEYS));
  const rows = await compareRows(cases, rounds);
  const targets = [{ row: "cluster-storage", atMost: 3, times: "Map" }];
  if (caches.some(({ name, absent }) => name === "lmdb" && !absent))
    targets.push({ row: "cluster-storage", atMost: 1 / 15, times: "lmdb" });
  return { title: 'get("key") of an object, per read', unit: "ns", limit: "Map", rows, targets };
}

/** A nested value by one of 1,000 paths. */
export async function measurePaths(storage, rounds) {
  const object = Object.fromEntries(KEYS.map((key, index) => [key, userAt(index)]));
  const objects = new Map(Object.entries(object));
  for (const [index, path] of PATHS.entries()) assert.equal(storage.get(path), userAt(index).user.name);
  const cases = [
    readingCase({ name: "Map and properties", get: (key) => objects.get(key).user.name }, KEYS),
    readingCase({ name: "cluster-storage", get: (path) => storage.get(path) }, PATHS),
    readingCase({ name: "lodash get", get: (path) => get(object, path) }, PATHS),
  ];
  const targets = [{ row: "cluster-storage", atMost: 200 }];
  const limit = "Map and properties";
  const rows = await compareRows(cases, rounds);
  return { title: 'get("key.user.name"), 1,000 different paths, per read', unit: "ns", limit, rows, targets };
}

async function measureShapes(storage, rounds) {
  const map = new Map([
    ...KEYS.map((key, index) => [key, userAt(index)]),
    ...NUMBERS.map((key, index) => [key, index]),
  ]);
  assert.equal(storage.get(NUMBERS[7]), 7);
  assert.equal(storage.get(MISSING[7]), null);
  const arrays = KEYS.map((key) => [key, "user", "name"]);
  const cases = [
    readingCase({ name: "Map.get of a number", get: (key) => map.get(key) }, NUMBERS),
    readingCase({ name: "cluster-storage, a number", get: (key) => storage.get(key) }, NUMBERS),
    readingCase({ name: "cluster-storage, a missing key", get: (key) => storage.get(key) }, MISSING),
    readingCase({ name: "cluster-storage, a nested path as an array", get: (path) => storage.get(path) }, arrays),
    readingCase({ name: "cluster-storage, has", get: (key) => storage.has(key) }, KEYS),
  ];
  const rows = await compareRows(cases, rounds);
  return { title: "get of something else, per read", unit: "ns", limit: "Map.get of a number", rows };
}

export const measure = ({ rounds }) =>
  withScratch((path) =>
    withRedis(path, async (server) => {
      const storage = await Storage.open("bench", { path });
      const caches = await openCaches(path, server?.address ?? null);
      const count = rounds(ROUNDS);
      const tables = [await measureKeys(storage, caches, count)];
      tables.push(await measurePaths(storage, count), await measureShapes(storage, count));
      assert.ok(readsSoFar() > 0);
      await closeCaches(caches);
      await storage.close();
      const note = `cluster-storage 1 in a cluster: ${await version1InWorkers(path)}. bentocache has its layer in memory only; with a second layer a miss costs what Redis costs.`;
      return { tables, notes: [note] };
    }),
  );
