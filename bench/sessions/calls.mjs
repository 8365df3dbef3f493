/** What `get` and `set` of a session store cost, without a web server. */
import { mkdirSync } from "node:fs";
import { compare } from "../measure/compare.mjs";
import { NO_REDIS } from "../peers/servers.mjs";
import { openSessionStore, sessionOf } from "./stores.mjs";

const KINDS = ["MemoryStore", "ours", "connect-redis", "session-file-store"];
const SESSIONS = 100;

/** Each a session and its id: as a request has it, the same object from one write to the next. */
const sessions = Array.from({ length: SESSIONS }, (_, user) => ({ sid: `session${user}`, session: sessionOf(user) }));

/** What is read is counted here. */
let seen = 0;

const get = (store, { sid }) =>
  new Promise((done, fail) => {
    store.get(sid, (error, session) => {
      if (error || !session) return fail(error ?? new Error(`expected session ${sid}, got none`));
      seen += session.cart.length;
      done();
    });
  });

const set = (store, { sid, session }) =>
  new Promise((done, fail) => {
    session.visits++;
    store.set(sid, session, (error) => (error ? fail(error) : done()));
  });

/** Each does as many operations as there are sessions. */
const WAYS = [
  {
    name: "one by one",
    run: async (call, store) => {
      for (const session of sessions) await call(store, session);
    },
  },
  {
    name: `${SESSIONS} at once`,
    run: (call, store) => Promise.all(sessions.map((session) => call(store, session))),
  },
];

const OPERATIONS = [
  { name: "get", call: get },
  { name: "set", call: set },
];

const COLUMNS = OPERATIONS.flatMap(({ name, call }) =>
  WAYS.map((way) => ({ name: `${name}, ${way.name}`, call, way })),
);

async function casesOf(kind, store) {
  for (const session of sessions) await set(store, session);
  return COLUMNS.map(({ name, call, way }) => ({
    name: `${kind}: ${name}`,
    run: async (count) => {
      for (let index = 0; index < count; index++) await way.run(call, store);
    },
  }));
}

const nameOf = (kind) => (kind === "ours" ? "cluster-storage" : kind);

/**
 * A table for each operation and each way.
 * @param path A directory that is created.
 * @param address That of Redis; null: there is none.
 */
export async function measureCalls(path, address, rounds) {
  mkdirSync(path);
  const opened = new Map();
  for (const kind of KINDS) opened.set(kind, await openSessionStore(kind, { path, address }));
  const cases = [];
  for (const [kind, store] of opened) if (store !== null) cases.push(...(await casesOf(kind, store.store)));
  const figures = await compare(cases, rounds);
  if (seen === 0) throw new Error("expected something to be read");
  const bytes = JSON.stringify(sessions[0].session).length;
  const tables = COLUMNS.map((column) => ({
    title: `The store alone: ${column.name}, per operation, ${SESSIONS} sessions of ${bytes} bytes`,
    unit: "ns",
    limit: "MemoryStore",
    rows: KINDS.map((kind) => {
      if (opened.get(kind) === null) return { name: nameOf(kind), absent: NO_REDIS };
      const rounds = figures.get(`${kind}: ${column.name}`).map((figure) => figure / SESSIONS);
      return { name: nameOf(kind), rounds };
    }),
  }));
  for (const store of opened.values()) await store?.close();
  return tables;
}
