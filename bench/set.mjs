/** What `set` costs the caller, beside the `JSON.stringify` that any store needs. */
import { performance } from "node:perf_hooks";
import { Storage } from "cluster-storage";
import Keyv from "keyv";
import NodeCache from "node-cache";
import { compare, median, scratchDirectory } from "./measure.mjs";
import { ns, printTable, times } from "./table.mjs";

const KEYS = Array.from({ length: 1_000 }, (_, index) => `key${index}`);
/** Sets in one tick: what is not the call itself (sending, confirming) happens after it. */
const PER_TICK = 1_000;
const value = { user: { name: "x", age: 41 }, roles: ["reader", "writer"], since: 1700000000000, on: true };

let written = 0;

/** Time that the event loop was busy with a set from the call to its confirmation, in ns; the hub's thread is apart. */
async function busyPerSet(storage) {
  const figures = [];
  for (let round = 0; round < 30; round++) {
    const before = performance.eventLoopUtilization();
    for (let index = 0; index < PER_TICK; index++) storage.set(KEYS[index], value);
    await storage.flush();
    await new Promise((done) => setTimeout(done, 5)); // the figure is kept by the loop, once per turn
    figures.push((performance.eventLoopUtilization(before).active * 1e6) / PER_TICK);
  }
  return median(figures);
}

export async function measure() {
  const scratch = scratchDirectory();
  const storage = await Storage.open("bench", { path: scratch.path });
  const cache = new NodeCache();
  const keyv = new Keyv();
  const figures = await compare([
    {
      name: "JSON.stringify alone",
      run: (count) => {
        for (let index = 0; index < count; index++) written += JSON.stringify(value).length;
      },
    },
    {
      name: "storage.set, the call",
      maxCount: PER_TICK,
      run: (count) => {
        for (let index = 0; index < count; index++) storage.set(KEYS[index % 1_000], value);
      },
      between: () => storage.flush(),
    },
    {
      name: "node-cache",
      run: (count) => {
        for (let index = 0; index < count; index++) cache.set(KEYS[index % 1_000], value);
      },
    },
    {
      name: "keyv (in memory)",
      run: async (count) => {
        for (let index = 0; index < count; index++) await keyv.set(KEYS[index % 1_000], value);
      },
    },
  ]);
  figures.set("storage.set, event loop until confirmed", await busyPerSet(storage));
  if (written === 0) throw new Error("expected something to be written");
  const base = figures.get("JSON.stringify alone");
  const rows = [...figures].map(([name, figure]) => [name, ns(figure), times(figure / base)]);
  rows[1][3] = "<= 3x JSON.stringify";
  const bytes = JSON.stringify(value).length;
  printTable(`set("key", value of ${bytes} bytes)`, ["what", "per set", "to JSON.stringify", "target"], rows);
  await storage.close();
  await scratch.release();
}
