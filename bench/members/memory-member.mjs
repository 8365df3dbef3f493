/** A process that holds many keys in one kind of store, and says how many bytes that took; needs `--expose-gc`. */
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import NodeCache from "node-cache";
import { textAt } from "../measure/samples.mjs";
import { Storage } from "../subject.mjs";
import { answerJobs } from "./jobs.mjs";

const require = createRequire(import.meta.url);
const { kind, path, size } = JSON.parse(process.argv[2]);
const keyAt = (index) => `key:${String(index).padStart(8, "0")}`;
const PER_FLUSH = 20_000;
/** Until the work that follows the last write has been done. */
const SETTLE_MS = 300;

/** What holds the keys, so that nothing is collected that should be counted. */
let held = null;

/** Bytes that are in use after a collection of garbage. */
function usedBytes() {
  for (let pass = 0; pass < 4; pass++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A text that shares nothing with another one, as one that came from elsewhere. */
const ownText = (index) => Buffer.from(textAt(index)).toString("latin1");
const ownKey = (index) => Buffer.from(keyAt(index)).toString("latin1");

function fill(set) {
  for (let index = 0; index < size; index++) set(ownKey(index), ownText(index));
}

async function written() {
  const storage = await Storage.open("bench", { path });
  for (let index = 0; index < size; index++) {
    storage.set([ownKey(index)], ownText(index));
    if (index % PER_FLUSH === 0) await storage.flush();
  }
  await storage.flush();
  return storage;
}

const joined = () => Storage.open("bench", { path });

async function read() {
  const storage = await joined();
  for (let index = 0; index < size; index++) storage.get([keyAt(index)]);
  return storage;
}

function filled(store, set) {
  fill(set);
  return store;
}

const KINDS = {
  written,
  joined,
  read,
  map: () => {
    const map = new Map();
    return filled(map, (key, value) => map.set(key, value));
  },
  "lru-cache": () => {
    const cache = new LRUCache({ max: size });
    return filled(cache, (key, value) => cache.set(key, value));
  },
  "node-cache": () => {
    const cache = new NodeCache();
    return filled(cache, (key, value) => cache.set(key, value));
  },
  version1: () => {
    process.on("uncaughtException", () => {}); // as in foreign-app.cjs
    const { Storage: First } = require("cluster-storage-v1");
    const storage = new First("bench", { path });
    return filled(storage, (key, value) => storage.set(key, value));
  },
};

const counted = (store) => store.size ?? store.keys?.().length ?? size;

answerJobs({
  open: () => true,
  /** Fills or joins the store; the bytes per key that it takes. */
  async bytesPerKey() {
    const before = usedBytes();
    held = await KINDS[kind]();
    await sleep(SETTLE_MS);
    const bytes = usedBytes() - before;
    if (counted(held) !== size) throw new Error(`expected ${size} keys, got ${counted(held)}`);
    return bytes / size;
  },
  close: () => held?.flush && held.close(),
});
