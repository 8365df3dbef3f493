/** `member.ts` with locks. What it does is noted in a file at once, so that it is known even if this process dies in the next moment. */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { StorageLock, StorageLockOptions } from "../../../dist/core/index.js";
import { commands, storage } from "./member.js";

const held: StorageLock[] = [];
let isRunning = false;

/** The clock is one for all processes. */
const note = (file: string, what: string, { token }: StorageLock): void =>
  appendFileSync(file, `${what} ${token} ${process.pid} ${process.hrtime.bigint()}\n`);

async function acquire(file: string, count: number, options: StorageLockOptions): Promise<StorageLock> {
  const lock = (await storage.semaphore("resource", count, options)) as StorageLock;
  note(file, "acquired", lock);
  lock.signal.addEventListener("abort", () => note(file, "lost", lock), { once: true });
  return lock;
}

async function run(file: string, count: number, options: StorageLockOptions): Promise<void> {
  isRunning = true;
  while (isRunning) {
    const lock = await acquire(file, count, options);
    await sleep(Math.random() * 3);
    if (lock.signal.aborted) continue;
    note(file, "released", lock);
    const released = lock.release();
    if (Math.random() < 0.5) await released;
  }
}

Object.assign(commands, {
  startLocking(file: string, count: number, options: StorageLockOptions) {
    run(file, count, options).catch((error: unknown) => process.send?.({ failure: String(error) }));
  },
  stopLocking() {
    isRunning = false;
  },
  /** Holds it until `letGo`. */
  async acquire(file: string, options: StorageLockOptions) {
    held.push(await acquire(file, 1, options));
    return held.at(-1)?.token;
  },
  async tryOnce() {
    const lock = await storage.lock("resource", { wait: 0 });
    await lock?.release();
    return lock !== null;
  },
  isLost: () => held.at(-1)?.signal.aborted,
  async letGo(file: string) {
    const lock = held.pop() as StorageLock;
    if (!lock.signal.aborted) note(file, "released", lock);
    await lock.release();
  },
});
