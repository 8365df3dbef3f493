/** What `get` and `set` of a session store cost, without a web server. */
import { mkdirSync } from "node:fs";
import { compare } from "./measure.mjs";
import { openSessionStore, sessionOf } from "./session-stores.mjs";
import { printTable, us } from "./table.mjs";

const KINDS = ["ours", "MemoryStore", "connect-redis", "session-file-store"];
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

/**
 * Prints the table.
 * @param path A directory to be made.
 * @param address That of Redis; null: there is none.
 */
export async function measureCalls(path, address) {
  mkdirSync(path);
  const opened = new Map();
  for (const kind of KINDS) opened.set(kind, await openSessionStore(kind, { path, address }));
  const cases = [];
  for (const [kind, store] of opened) if (store !== null) cases.push(...(await casesOf(kind, store.store)));
  const figures = await compare(cases);
  if (seen === 0) throw new Error("expected something to be read");
  const rows = KINDS.map((kind) => {
    const name = kind === "ours" ? "cluster-storage" : kind;
    if (opened.get(kind) === null) return [name, "absent"];
    return [name, ...COLUMNS.map((column) => us(figures.get(`${kind}: ${column.name}`) / SESSIONS))];
  });
  const bytes = JSON.stringify(sessions[0].session).length;
  printTable(
    `The store alone, per operation, ${SESSIONS} sessions of ${bytes} bytes`,
    ["store", ...COLUMNS.map(({ name }) => name)],
    rows,
  );
  for (const store of opened.values()) await store?.close();
}
