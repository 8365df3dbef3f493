/** The stores that a member can open, with one interface: `set` at once, `flush` until confirmed. */
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { openLmdb, openSqlite } from "../peers/embedded.mjs";
import { connectRedis } from "../peers/servers.mjs";
import { Storage } from "../subject.mjs";

async function openStorage({ path, options = {} }) {
  const storage = await Storage.open("bench", { path, ...options });
  return {
    storage,
    set: (key, value) => storage.set(key, value),
    get: (key) => storage.get(key),
    flush: () => storage.flush(),
    increment: (key) => storage.increment(key),
    sync: () => storage.sync(),
    onChange: (listener) => storage.on("change", listener),
    close: () => storage.close(),
  };
}

async function openRedis({ address }) {
  const client = await connectRedis(address);
  let last = Promise.resolve();
  return {
    isRemote: true,
    set: (key, value) => {
      last = client.set(key, JSON.stringify(value)); // replies come in order: the last one stands for all
    },
    get: async (key) => JSON.parse(await client.get(key)),
    flush: () => last,
    increment: (key) => client.incr(key),
    sync: () => client.ping(),
    publish: (text) => client.publish("beat", text),
    subscribe: (listener) => client.subscribe("beat", listener),
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
    increment: (key) =>
      lmdb.transaction(() => {
        const next = (lmdb.get(key) ?? 0) + 1;
        lmdb.put(key, next);
        return next;
      }),
    close: () => lmdb.close(),
  };
}

async function openSqliteStore({ path, synchronous }) {
  const sqlite = await openSqlite(path, synchronous);
  return sqlite && { ...sqlite, flush: () => {} };
}

/**
 * No store: what it writes, as JSON, goes over a bare socket to a relay that passes it on to all others, and nothing more. It sees
 * how many lines have arrived.
 */
async function openRelayed({ address }) {
  const socket = connect(address);
  await once(socket, "connect");
  let seenCount = 0;
  let waiting = [];
  let isAsked = false;
  let last = Promise.resolve();
  socket.on("data", (chunk) => {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) seenCount++;
  });
  const send = () => {
    isAsked = false;
    const text = `${waiting.join("\n")}\n`;
    waiting = [];
    last = new Promise((done) => socket.write(text, () => done()));
  };
  return {
    set: (_key, value) => {
      waiting.push(JSON.stringify(value));
      if (isAsked) return;
      isAsked = true;
      queueMicrotask(send);
    },
    seenCount: () => seenCount,
    publish: (text) => socket.write(`${text}\n`),
    subscribe: (listener) => void createInterface({ input: socket }).on("line", listener),
    flush: () => last,
    close: () => socket.destroy(),
  };
}

const OPENERS = {
  storage: openStorage,
  redis: openRedis,
  lmdb: openLmdbStore,
  sqlite: openSqliteStore,
  relayed: openRelayed,
  none: () => ({ close: () => {} }),
};

/** Opens the store of one kind; null when it is absent here. */
export const openStore = (options) => OPENERS[options.kind](options);
