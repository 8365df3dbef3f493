/**
 * What it costs to look at very many sessions: to list and count them, and to find those of a user. The longest block is how long
 * the event loop did nothing else; on a busy machine it has what other programs took, so the best of some rounds is shown.
 *
 *   node bench/sessions/many.mjs [number of sessions]
 */
import { performance } from "node:perf_hooks";
import { watchBlocks } from "../measure/blocks.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { ClusterSessionStore, Storage } from "../subject.mjs";

const ROUNDS = 7;
const SESSIONS_PER_USER = 2;
const HOUR_MS = 3_600_000;
const count = Number(process.argv[2] ?? 200_000);

const sessionOf = (number) => ({
  cookie: { originalMaxAge: HOUR_MS, expires: new Date(Date.now() + HOUR_MS).toISOString(), httpOnly: true, path: "/" },
  "@birth": "00000000-0000-4000-8000-000000000000",
  userId: Math.floor(number / SESSIONS_PER_USER),
  name: "Ada Lovelace",
  cart: [{ item: 4711, count: 2 }],
});

async function fill(storage) {
  for (let number = 0; number < count; number++) {
    storage.set([`session/${number.toString(36).padStart(32, "0")}`], sessionOf(number), HOUR_MS);
    if (number % 1000 === 999) await storage.flush();
  }
  await storage.flush();
}

/** Time and longest block of a call, in ms, and CPU time of all threads. */
async function timed(call) {
  const ended = watchBlocks();
  const cpu = process.cpuUsage();
  const begunAt = performance.now();
  await call();
  const ms = performance.now() - begunAt;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000, blockMs: (await ended()) / 1e6 };
}

/** The best round of each figure. */
async function show(name, call, rounds = ROUNDS) {
  const figures = [];
  for (let round = 0; round < rounds; round++) figures.push(await timed(call));
  const best = (figure) => Math.min(...figures.map((each) => each[figure])).toFixed(1);
  console.log(`${name}: ${best("ms")} ms, CPU ${best("cpuMs")} ms, longest block ${best("blockMs")} ms`);
}

await withScratch(async (path) => {
  const storage = await Storage.open("many", { path, persist: false });
  await fill(storage);
  // A process that has joined holds texts, and so does one whose sessions were written long ago.
  const plain = new ClusterSessionStore({ storage });
  const indexed = () => new ClusterSessionStore({ storage, index: (session) => session.userId });
  console.log(`${count} sessions of ${JSON.stringify(sessionOf(0)).length} bytes`);
  await show("ids()", () => plain.ids());
  await show("length()", () => plain.length());
  await show("byUser(), the first call", async () => {
    const store = indexed();
    if ((await store.byUser(7)).length !== SESSIONS_PER_USER) throw new Error("expected the sessions of a user");
    await store.close();
  });
  const store = indexed();
  await store.byUser(7);
  await show("byUser(), 1,000 calls one after the other", async () => {
    for (let user = 0; user < 1000; user++) await store.byUser(user);
  });
  await show("all()", () => plain.all(), 3);
  const write = async () => {
    for (let number = 0; number < 20_000; number++) {
      storage.set([`session/${number.toString(36).padStart(32, "0")}`], sessionOf(number), HOUR_MS);
      if (number % 100 === 99) await storage.flush();
    }
    await storage.flush();
  };
  await show("20,000 sessions that change, with an index", async () => {
    await write();
    await store.countByUser(7);
  });
  await store.close();
  await show("20,000 sessions that change, without one", write);
  await storage.close();
});
