/** How many bytes of memory one key takes in each process. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Sized } from "../measure/growth.mjs";
import { textAt } from "../measure/samples.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { Member } from "../members/members.mjs";
import { connectRedis, NO_REDIS, withRedis } from "../peers/servers.mjs";

/** At the largest size it is one, since these figures hardly differ. */
const ROUNDS = 2;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const LARGEST = 1_000_000;
/** Sizes at which version 1 and node-cache still end in reasonable time. */
const MAX_SLOW = 100_000;
const BYTES = "the bytes of key and value";
const REDIS = "redis, in the server, once for all";
const KINDS = {
  map: "Map of texts",
  "lru-cache": "lru-cache",
  "node-cache": "node-cache",
  version1: "cluster-storage 1, in each process",
  written: "cluster-storage, in the process that wrote it and is the manager",
  joined: "cluster-storage, joined and not read",
  read: "cluster-storage, joined and read",
};
const KEY_BYTES = 12;
const VALUE_BYTES = 100;
const PIPELINE = 10_000;

export const title = "Memory per key";
export const says =
  "Keys of 12 bytes and values of 100 bytes of JSON, in a process of their own for each row; heap and external memory, after the garbage collection, less what was in use before. Redis says itself what it uses. The limit is the bytes of key and value.";
export const packages = ["lru-cache", "node-cache", "redis"];

const startKind = (kind, path, size) =>
  new Member(kind, { program: "memory-program.cjs", execArgv: ["--expose-gc"], path, size });

/** What one process took for each key; `keep`: it stays open for others to join. */
async function measureKind(found, kind, path, size) {
  const member = startKind(kind, path, size);
  found.add(size, KINDS[kind], Math.max(1, await member.ask("bytesPerKey")));
  return member;
}

async function measureRedis(found, server, size) {
  const client = await connectRedis(server.address);
  await client.flushAll();
  const used = async () => Number(/used_memory:(\d+)/.exec(await client.info("memory"))[1]);
  const before = await used();
  for (let index = 0; index < size; index += PIPELINE) {
    const writes = Array.from({ length: Math.min(PIPELINE, size - index) }, (_, offset) => {
      const key = `key:${String(index + offset).padStart(8, "0")}`;
      return client.set(key, JSON.stringify(textAt(index + offset)));
    });
    await Promise.all(writes);
  }
  if ((await client.dbSize()) !== size) throw new Error(`expected ${size} keys in Redis`);
  found.add(size, REDIS, ((await used()) - before) / size);
  await client.close();
}

async function measureOnce(found, server, path, size) {
  found.add(size, BYTES, KEY_BYTES + VALUE_BYTES);
  const alone = size > MAX_SLOW ? ["map", "lru-cache"] : ["map", "lru-cache", "node-cache", "version1"];
  for (const kind of alone) {
    const directory = join(path, kind);
    mkdirSync(directory, { recursive: true });
    await (await measureKind(found, kind, directory, size)).stop();
  }
  const directory = join(path, "shared");
  mkdirSync(directory);
  const writer = await measureKind(found, "written", directory, size);
  for (const kind of ["joined", "read"]) await (await measureKind(found, kind, directory, size)).stop();
  await writer.stop();
  if (server) await measureRedis(found, server, size);
}

export const measure = ({ rounds, sizes }) =>
  withScratch((path) =>
    withRedis(path, async (server) => {
      const found = new Sized();
      const names = [BYTES, ...Object.values(KINDS), REDIS];
      for (const size of sizes(SIZES)) {
        for (let round = 0; round < (size === LARGEST ? 1 : rounds(ROUNDS)); round++) {
          const directory = join(path, `${size}-${round}`);
          mkdirSync(directory);
          await measureOnce(found, server, directory, size);
        }
      }
      const tables = found.sizes.map((size) => ({
        title: `Bytes per key, ${size.toLocaleString("en")} keys`,
        unit: "bytes",
        limit: BYTES,
        rows: [...found.rows(size, names), ...(server ? [] : [{ name: REDIS, absent: NO_REDIS }])],
        targets: size === LARGEST ? [{ row: KINDS.joined, atMost: 2, times: BYTES }] : [],
      }));
      const series = found.series(names).filter(({ points }) => points.length > 0);
      return { tables, curves: [{ title: "Bytes per key", x: "keys", unit: "bytes", series }] };
    }),
  );
