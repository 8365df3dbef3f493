/** What a write costs the process that makes it: the call alone, and all that its event loop does until it is confirmed. */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { compare, compareRows } from "../measure/compare.mjs";
import { KEYS, objectOf, SMALL } from "../measure/samples.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { CACHE_PACKAGES, closeCaches, openCaches, writingCase } from "../peers/caches.mjs";
import { withRedis } from "../peers/servers.mjs";
import { Storage } from "../subject.mjs";

const ROUNDS = 15;
/** Sets in one tick; what is not the call itself (sending, confirming) happens after it. */
const PER_TICK = 1_000;
const SIZES_BYTES = [100, 1_000, 10_000, 100_000];
/** Most bytes that are written in one tick. */
const TICK_BYTES = 2_000_000;
const WIDTH = 100_000;

export const title = "Writing: what it costs the writer";
export const says =
  "set in one process; 1,000 in a tick, then a flush that is not counted. The limit is JSON.stringify of the same value, which any store needs. Stores that answer later are timed until they have answered.";
export const packages = CACHE_PACKAGES;

let writtenBytes = 0;

function stringifying(value, name = "JSON.stringify") {
  const run = (count) => {
    for (let index = 0; index < count; index++) writtenBytes += JSON.stringify(value).length;
  };
  return { name, run };
}

const oursOf = (storage) => ({
  name: "cluster-storage",
  set: (key, value) => storage.set(key, value),
  between: () => storage.flush(),
});

/** An object of 90 bytes by its key. */
export async function measureSmall(storage, caches, rounds) {
  const cases = [oursOf(storage), ...caches].map((cache) => writingCase(cache, KEYS, SMALL, PER_TICK));
  const rows = await compareRows([stringifying(SMALL), ...cases], rounds);
  assert.deepEqual({ ...storage.get(KEYS[7]), n: SMALL.n }, SMALL);
  const targets = [{ row: "cluster-storage", atMost: 3, times: "JSON.stringify" }];
  const title = `set("key", object of ${JSON.stringify(SMALL).length} bytes), the call`;
  return { title, unit: "ns", limit: "JSON.stringify", rows, targets };
}

/** Time that the event loop was busy with a set from the call to its confirmation, in ns; the hub's thread is apart. */
async function busyPerSet(storage, rounds) {
  const figures = [];
  for (let round = 0; round < rounds * 2; round++) {
    const before = performance.eventLoopUtilization();
    for (let index = 0; index < PER_TICK; index++) storage.set(KEYS[index], SMALL);
    await storage.flush();
    await sleep(5); // the figure is kept by the loop, once per turn
    figures.push((performance.eventLoopUtilization(before).active * 1e6) / PER_TICK);
  }
  return figures;
}

async function measureKinds(storage, rounds) {
  const children = Object.fromEntries(Array.from({ length: WIDTH }, (_, index) => [`child${index}`, SMALL]));
  storage.set("wide", children);
  for (const key of KEYS) storage.set(`deep ${key}`, { a: { b: { c: { d: SMALL } } } });
  await storage.flush();
  const nested = KEYS.map((key) => [`deep ${key}`, "a", "b", "c", "d"]);
  const wide = KEYS.map((_, index) => ["wide", `child${index}`]);
  const texts = KEYS.map((key) => `deep ${key}.a.b.c.d`);
  const kinds = {
    "a key": KEYS,
    "4 levels deep, an array": nested,
    "4 levels deep, a text": texts,
    "one of 100,000 children": wide,
  };
  const cases = Object.entries(kinds).map(([name, paths]) =>
    writingCase({ ...oursOf(storage), name: `cluster-storage, ${name}` }, paths, SMALL, PER_TICK),
  );
  const rows = await compareRows([stringifying(SMALL), ...cases], rounds);
  rows.push({ name: "cluster-storage, event loop until confirmed", rounds: await busyPerSet(storage, rounds) });
  assert.deepEqual({ ...storage.get(wide[7]), n: SMALL.n }, SMALL);
  return { title: "set of 90 bytes at different places, the call", unit: "ns", limit: "JSON.stringify", rows };
}

async function measureSizes(storage, rounds) {
  const tables = [];
  const names = ["JSON.stringify", "cluster-storage"];
  const series = names.map((name) => ({ name, points: [] }));
  for (const bytes of SIZES_BYTES) {
    const value = objectOf(bytes);
    const perTick = Math.max(5, Math.min(PER_TICK, TICK_BYTES / bytes));
    const keys = KEYS.slice(0, 100);
    const ours = writingCase(oursOf(storage), keys, value, perTick);
    const figures = await compare([stringifying(value), ours], rounds);
    assert.deepEqual({ ...storage.get(keys[0]), n: value.n }, value);
    for (const { name, points } of series) points.push({ x: bytes, rounds: figures.get(name) });
    const rows = names.map((name) => ({ name, rounds: figures.get(name) }));
    if (bytes > 100)
      tables.push({ title: `set of ${bytes.toLocaleString("en")} bytes, the call`, unit: "ns", limit: names[0], rows });
  }
  return { tables, curve: { title: "set by the size of the value", x: "bytes of JSON", unit: "ns", series } };
}

export const measure = ({ rounds }) =>
  withScratch((path) =>
    withRedis(path, async (server) => {
      const storage = await Storage.open("bench", { path });
      const caches = await openCaches(path, server?.address ?? null);
      const count = rounds(ROUNDS);
      const small = await measureSmall(storage, caches, count);
      await closeCaches(caches);
      const kinds = await measureKinds(storage, count);
      const { tables, curve } = await measureSizes(storage, count);
      await storage.close();
      assert.ok(writtenBytes > 0);
      return { tables: [small, kinds, ...tables], curves: [curve] };
    }),
  );
