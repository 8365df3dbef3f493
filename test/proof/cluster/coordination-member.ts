/** `member.ts` with what processes do to agree on something. */
import { commands, storage } from "./member.js";

let isRunning = false;

/** What a process was told: the numbers of its updates, and what it took. */
interface Told {
  updates: number;
  tries: number;
  taken: string[];
  unknown: number;
}
const told: Told = { updates: 0, tries: 0, taken: [], unknown: 0 };

/** Reports to the parent at once, so that it is known even if this process dies in the next moment. */
const report = (): void => void process.send?.({ confirmed: told.updates, taken: told.taken });

async function run(label: string): Promise<void> {
  isRunning = true;
  while (isRunning) {
    const updated = storage.update(["sum"], (sum: number | null) => {
      told.tries++;
      return (sum ?? 0) + 1;
    });
    const listed = storage.update(["list", label], (count: number | null) => (count ?? 0) + 1);
    await Promise.all([updated, listed]);
    told.updates++;
    report();
  }
}

async function takeAll(count: number, from: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    try {
      const value = await storage.take<string>([`code${(from + index) % count}`]);
      if (value !== null) told.taken.push(value);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_STORAGE_EXPIRED") throw error;
      told.unknown++;
    }
    report();
  }
}

/** What a watch of everything has reported. */
const seen: string[] = [];
let isWriting = false;

/** Writes batches of two, and values that expire. */
async function writeBatches(label: string): Promise<void> {
  isWriting = true;
  for (let number = 1; isWriting; number++) {
    storage.batch(() => {
      storage.set([`one.${label}`], number);
      storage.set(["two", label], number);
      // What it was sent with is confirmed when it is.
      void storage.publish(label, number);
    });
    storage.set(["brief"], number, 5);
    if (number % 7 === 0) storage.delete(["two", label]);
    await storage.flush();
    process.send?.({ confirmed: number });
  }
}

Object.assign(commands, {
  startWatching(label: string) {
    storage.watch("", ({ type, path, value, seq, isReload }) => {
      seen.push(`${seq} ${type} ${path.join(" ")} ${JSON.stringify(value)}${isReload ? " reload" : ""}`);
    });
    storage.subscribe("", ({ channel, data, seq }) => {
      const isThere = storage.get([`one.${channel}`]) >= data;
      seen.push(`${seq} message ${channel} ${data}${isThere ? "" : " without its write"}`);
    });
    writeBatches(label).catch((error: unknown) => process.send?.({ failure: String(error) }));
  },
  async stopWatching() {
    isWriting = false;
    await storage.flush();
  },
  watched: () => seen,
  startUpdating(label: string) {
    run(label).catch((error: unknown) => process.send?.({ failure: String(error) }));
  },
  async stopUpdating() {
    isRunning = false;
    await storage.flush();
    return told;
  },
  async fillCodes(count: number) {
    for (let index = 0; index < count; index++) storage.set([`code${index}`], `value${index}`);
    await storage.flush();
  },
  async takeAll(count: number, from: number) {
    await takeAll(count, from);
    return told;
  },
});
