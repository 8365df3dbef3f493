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

Object.assign(commands, {
  startUpdating(label: string) {
    run(label).catch((error: unknown) => process.send?.({ failure: String(error) }));
  },
  async stopUpdating() {
    isRunning = false;
    await storage.flush();
    return told;
  },
  async takeAll(count: number, from: number) {
    await takeAll(count, from);
    return told;
  },
});
