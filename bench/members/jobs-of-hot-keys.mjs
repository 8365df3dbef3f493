/** Jobs of a member that writes what all members write: one number, one object, one value. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { smallOf } from "../measure/samples.mjs";

/** Writes that may be on their way at most. */
const WINDOW = 20_000;
const FIELDS = Array.from({ length: 10 }, (_, index) => `field${index}`);

/** How each kind of write is made to a key, by the number of the member and of the write. */
const WRITES = {
  increment: (storage, key) => storage.increment(key),
  patch: (storage, key, _, number) => storage.patch(key, { [FIELDS[number % 10]]: number }),
  "patch own fields": (storage, key, id, number) => storage.patch(key, { [`${FIELDS[number % 10]} of ${id}`]: number }),
  set: (storage, key, _, number) => storage.set(key, smallOf(number)),
};

export const hotKeyJobs = (member) => ({
  /** Stores the value that the others change. */
  async writeFirst({ key, value }) {
    member.store.set(key, value);
    await member.store.flush();
  },
  /** Makes `count` writes to a key, `perTick` in each turn of the event loop. Returns when all were confirmed. */
  async writeHot({ id, kind, key, count, perTick }) {
    const { storage } = member.store;
    const write = WRITES[kind];
    let earlier = Promise.resolve();
    for (let number = 0; number < count; number++) {
      write(storage, key, id, number);
      if (number % (WINDOW / 2) === 0) {
        const later = storage.flush();
        await earlier;
        earlier = later;
      }
      if (number % perTick === 0) await nextTurn();
    }
    await storage.flush();
    return nowNs();
  },
  /** What a key holds once all that is confirmed is here, as text; fields have no order. */
  async hotText({ key }) {
    const { storage } = member.store;
    await storage.sync();
    const value = storage.get(key);
    return JSON.stringify(typeof value === "number" ? value : Object.entries(value).sort());
  },
});
