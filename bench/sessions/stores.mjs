/** The session stores that are measured, each set up as its own documentation says. */
import { join } from "node:path";
import session from "express-session";
import { ClusterSessionStore } from "../../dist/session-store/index.js";
import { connectRedis } from "../peers/servers.mjs";
import { Storage } from "../subject.mjs";

export const DAY_MS = 86_400_000;
/** A line of text as applications keep some of; makes a session one of about 300 bytes of JSON, its cookie included. */
const NOTICE = "Your order was sent, and will be there on Thursday.";

async function openOurs({ path }) {
  const storage = await Storage.open("bench", { path });
  return { store: new ClusterSessionStore({ storage }), close: () => storage.close() };
}

async function openMemorystore() {
  const { default: memorystore } = await import("memorystore");
  const store = new (memorystore(session))({ checkPeriod: DAY_MS });
  return { store, close: () => store.stopInterval() };
}

async function openRedisStore({ address }) {
  if (address === null) return null;
  const { RedisStore } = await import("connect-redis");
  const client = await connectRedis(address);
  return { store: new RedisStore({ client }), close: () => client.close() };
}

async function openFileStore({ path }) {
  const { default: fileStore } = await import("session-file-store");
  const store = new (fileStore(session))({ path: join(path, "sessions"), logFn: () => {} });
  return { store, close: () => {} };
}

const OPENERS = {
  ours: openOurs,
  MemoryStore: () => ({ store: new session.MemoryStore(), close: () => {} }),
  memorystore: openMemorystore,
  "connect-redis": openRedisStore,
  "session-file-store": openFileStore,
};

/**
 * Opens the store of one kind; null when it cannot be loaded here.
 * @param options `path`: a directory of its own; `address`: that of Redis, or null when there is none.
 */
export function openSessionStore(kind, options) {
  return Promise.resolve(OPENERS[kind](options)).catch((error) => {
    if (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND") return null;
    throw error;
  });
}

/** What an application puts into a session. */
export const fieldsOf = (user) => ({
  user: { id: user, name: `user ${user}`, roles: ["reader", "writer"] },
  cart: [{ article: 4711, count: 2 }],
  notice: NOTICE,
  visits: 0,
});

/** A session as a store is given it. */
export const sessionOf = (user) => ({
  cookie: { originalMaxAge: DAY_MS, expires: new Date(Date.now() + DAY_MS).toISOString(), httpOnly: true, path: "/" },
  ...fieldsOf(user),
});
