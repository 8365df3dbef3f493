/** Jobs of a member with many keys: writes them, counts them, and watches its event loop and its memory. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { watchBlocks } from "../measure/blocks.mjs";
import { nowNs } from "../measure/compare.mjs";
import { textAt } from "../measure/samples.mjs";
import { openStore } from "./stores.mjs";

const PER_TICK = 500;
/** Writes that may be on their way at most. */
const WINDOW = 20_000;

const keyAt = (index) => `key:${String(index).padStart(8, "0")}`;

/** Bytes that are in use after a collection of garbage. */
function usedBytes() {
  for (let pass = 0; pass < 3; pass++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export function keyJobs(member) {
  let endWatch = async () => 0;
  let isFilling = false;
  let expiredCount = 0;
  return {
    /** Writes so many keys; `expiresAt`, in ms, when they expire. Ends early on `stopFilling`. */
    async fill({ count, from = 0, expiresAt = null }) {
      const { storage } = member.store;
      isFilling = true;
      for (let index = 0; index < count && isFilling; index++) {
        const ttl = expiresAt === null ? undefined : Math.max(1, expiresAt - Date.now());
        storage.set([keyAt(index)], textAt(index + from), ttl);
        if (index % PER_TICK === 0) await nextTurn();
        if (index % WINDOW === 0) await storage.flush();
      }
      await storage.flush();
      return storage.stats().seq;
    },
    stopFilling() {
      isFilling = false;
    },
    /** Opens the store, timed from here, and watches the event loop meanwhile. */
    async openWatched() {
      endWatch = watchBlocks();
      const start = nowNs();
      member.store = await openStore(member.options);
      const ns = nowNs() - start;
      return { ns, blockNs: await endWatch() };
    },
    /** How many keys there are, once all that is confirmed is here, and whether a sample of them holds what was written. */
    async countKeys({ from = 0 }) {
      const { storage } = member.store;
      await storage.sync();
      const { size } = storage;
      for (let index = 0; index < size; index += Math.ceil(size / 100)) {
        const value = storage.get([keyAt(index)]);
        if (value !== textAt(index + from)) throw new Error(`expected ${keyAt(index)} to hold its text, got ${value}`);
      }
      return size;
    },
    startWatch() {
      endWatch = watchBlocks();
    },
    stopWatch: () => endWatch(),
    /** Counts from now on what expires and is dropped here. */
    countExpired() {
      member.store.storage.on("expire", () => expiredCount++);
    },
    expiredCount: () => expiredCount,
    size: () => member.store.storage.size,
    usedBytes,
  };
}
