/** The stores that a member can open, with one face: `set` at once, `flush` until confirmed. */
import { createServer } from "node:net";
import { Storage } from "cluster-storage";
import { connectRedis, openLmdb } from "./peers.mjs";

async function openStorage({ path }) {
  const storage = await Storage.open("bench", { path });
  return {
    set: (key, value) => storage.set(key, value),
    get: (key) => storage.get(key),
    flush: () => storage.flush(),
    increment: (key) => storage.increment(key),
    synced: async (key) => {
      await storage.sync();
      return storage.get(key);
    },
    managerPid: () => storage.managerPid,
    onChange: (listener) => storage.on("change", listener),
    close: () => storage.close(),
  };
}

async function openRedis({ address }) {
  const client = await connectRedis(address);
  let last = Promise.resolve();
  return {
    set: (key, value) => {
      last = client.set(key, JSON.stringify(value)); // replies come in order: the last one stands for all
    },
    get: async (key) => JSON.parse(await client.get(key)),
    flush: () => last,
    close: () => client.close(),
  };
}

async function openLmdbStore({ path }) {
  const lmdb = await openLmdb(path);
  if (lmdb === null) return null;
  let last = Promise.resolve();
  return {
    set: (key, value) => {
      last = lmdb.put(key, value); // commits come in order
    },
    get: (key) => lmdb.get(key),
    flush: () => last,
    close: () => lmdb.close(),
  };
}

/** No store: answers on a Unix socket with what it gets. */
function openEcho({ address }) {
  const server = createServer((socket) => socket.pipe(socket).on("error", () => {}));
  return new Promise((done) => server.listen(address, () => done({ close: () => server.close() })));
}

const OPENERS = { storage: openStorage, redis: openRedis, lmdb: openLmdbStore, echo: openEcho };

/** Opens the store of one kind; null when it is absent here. */
export const openStore = (options) => OPENERS[options.kind](options);
