/** Jobs of a member that writes as much as it can, or counts, or writes one thing at a time. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { SMALL, smallOf } from "../measure/samples.mjs";

/** Writes that may be on their way at most. */
const WINDOW = 20_000;
const KEY_COUNT = 1_000;

/** Makes `count` writes, `perTick` in each turn of the event loop; returns when all are confirmed. */
async function write(store, { keys, count, perTick }) {
  let earlier = Promise.resolve();
  let sinceFlush = 0;
  for (let written = 0; written < count; ) {
    for (let index = 0; index < perTick && written < count; index++) {
      store.set(keys[written % keys.length], smallOf(written));
      written++;
    }
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

const keysOf = (id, isOneKey) =>
  isOneKey ? ["contended"] : Array.from({ length: KEY_COUNT }, (_, index) => `member${id}:key${index}`);

/** Waits until what a key holds is right. */
async function seen(store, key, isRight) {
  while (!isRight(await store.get(key))) await nextTurn();
}

/** Whether the last writes of all writers are here: some of them, others in each run. */
async function check(store, { counts, isOneKey, run }) {
  const step = store.isRemote ? 97 : 7;
  for (const [writer, count] of counts.entries()) {
    if (count === 0 || isOneKey) continue;
    for (let number = Math.max(0, count - KEY_COUNT) + (run % step); number < count; number += step) {
      const value = await store.get(`member${writer}:key${number % KEY_COUNT}`);
      if (value?.n !== number)
        throw new Error(`expected write ${number} of member ${writer}, got ${JSON.stringify(value)}`);
    }
  }
}

/** Writes of the others that a relayed member has seen when all the races so far are over. */
let expectedCount = 0;

/** Writes that were made one by one so far. */
let oneCount = 0;

export const raceJobs = (member) => ({
  /** Writes its own part of `counts`, then waits until the writes of all members are seen here. Returns when that was. */
  async race({ id, counts, perTick, isOneKey, run }) {
    const { store } = member;
    await write(store, { keys: keysOf(id, isOneKey), count: counts[id], perTick });
    if (store.seenCount) {
      expectedCount += counts.reduce((sum, count, writer) => (writer === id ? sum : sum + count), 0);
      while (store.seenCount() < expectedCount) await nextTurn();
      return { ns: nowNs(), last: null };
    }
    store.set(`done${id}`, run);
    await store.flush();
    for (const other of counts.keys()) await seen(store, `done${other}`, (value) => value === run);
    const ns = nowNs();
    await check(store, { counts, isOneKey, run });
    return { ns, last: isOneKey ? JSON.stringify(await store.get("contended")) : null };
  },
  /** Confirmed writes, one after the other. */
  async warmUp({ id, count }) {
    for (let index = 0; index < count; index++) {
      member.store.set(`warm${id}`, index);
      await member.store.flush();
    }
  },
  /** The ns of each of `count` writes until it is confirmed. */
  async writeOneByOne({ count }) {
    const figures = [];
    for (let index = 0; index < count; index++) {
      const start = nowNs();
      // No value comes twice: SQLite writes nothing when the old value is the new one.
      member.store.set(`one${index % KEY_COUNT}`, smallOf(++oneCount));
      await member.store.flush();
      figures.push(nowNs() - start);
    }
    return figures;
  },
  /** Counts `count` times, `atOnce` on their way at a time; returns the numbers that were reached, and when it ended. */
  async increments({ key, count, atOnce }) {
    const numbers = [];
    const one = async () => {
      while (numbers.length + waiting < count) {
        waiting++;
        const number = await member.store.increment(key);
        waiting--;
        numbers.push(number);
      }
    };
    let waiting = 0;
    await Promise.all(Array.from({ length: atOnce }, one));
    return { numbers, ns: nowNs() };
  },
  /** The ns of each of `count` calls of `sync`. */
  async syncs({ count }) {
    const figures = [];
    for (let index = 0; index < count; index++) {
      const start = nowNs();
      await member.store.sync();
      figures.push(nowNs() - start);
    }
    return figures;
  },
  /** One write; returns when it was confirmed. */
  async writeOnce({ id }) {
    member.store.set(`once${id}`, SMALL);
    await member.store.flush();
    return nowNs();
  },
  /** One more; returns the number reached once it is confirmed. */
  count: () => member.store.increment("counter"),
  async total() {
    await member.store.sync();
    return member.store.get("counter");
  },
});
