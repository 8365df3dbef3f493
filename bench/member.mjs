/** A member process of the benchmark: does what `members.mjs` asks for. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { answerJobs } from "./jobs.mjs";
import { nowNs } from "./measure.mjs";
import { openStore } from "./stores.mjs";

const value = { user: { name: "x", age: 41 }, roles: ["reader", "writer"], since: 1700000000000, on: true };
/** Writes that may be on their way at most. */
const WINDOW = 20_000;

const options = JSON.parse(process.argv[2]);
let store = null;
let delays = [];

/** Makes `count` writes, `perTick` in each turn of the event loop; returns when all are confirmed. */
async function write({ id, count, perTick }) {
  const keys = Array.from({ length: 1_000 }, (_, index) => `member${id}:key${index}`);
  let earlier = Promise.resolve();
  let sinceFlush = 0;
  for (let written = 0; written < count; ) {
    for (let index = 0; index < perTick; index++) store.set(keys[written++ % 1_000], value);
    sinceFlush += perTick;
    if (sinceFlush >= WINDOW / 2) {
      const later = store.flush();
      await earlier;
      earlier = later;
      sinceFlush = 0;
    }
    await nextTurn();
  }
  await store.flush();
}

answerJobs({
  async open() {
    store = await openStore(options);
    return store !== null;
  },
  /** Writes, then waits until the writes of all members are seen here. */
  async race({ id, count, perTick, members, run }) {
    await write({ id, count, perTick });
    store.set(`done${id}`, run);
    await store.flush();
    for (let other = 0; other < members; other++) {
      while ((await store.get(`done${other}`)) !== run) await nextTurn();
    }
    return nowNs();
  },
  /** Confirmed writes, one after the other. */
  async warmUp({ id, count }) {
    for (let index = 0; index < count; index++) {
      store.set(`warm${id}`, index);
      await store.flush();
    }
  },
  /** Writes the time again and again, with pauses. */
  async beat({ count, pauseMs }) {
    for (let index = 0; index < count; index++) {
      store.set("beat", nowNs());
      await sleep(pauseMs);
    }
  },
  /** Notes from now on how long ago each beat was when it became visible here. */
  listen() {
    let last = store.get("beat");
    delays = [];
    store.onChange(() => {
      const at = store.get("beat");
      if (at === last) return;
      last = at;
      delays.push(nowNs() - at);
    });
  },
  delays: () => delays,
  managerPid: () => store.managerPid(),
  /** One write; returns when it was confirmed. */
  async writeOnce({ id }) {
    store.set(`once${id}`, value);
    await store.flush();
    return nowNs();
  },
  /** One more; returns the number reached once it is confirmed. */
  count: () => store.increment("counter"),
  total: () => store.synced("counter"),
  close: () => store?.close(),
});
