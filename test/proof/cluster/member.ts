/**
 * A member in a process of its own, driven by messages: `{ id, call, args }` is answered by `{ id, result }` or `{ id, error }`.
 * `call` is a method of `Storage`, a property of it, or one of the commands below.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage, type StorageOptions } from "../../../dist/core/index.js";

interface Request {
  readonly id: number;
  readonly call: string;
  readonly args: unknown[];
}

const [name, optionsText] = process.argv.slice(2) as [string, string];
export const events: string[] = [];

/** Opens the storage; does not wait. */
function open(): Storage {
  const opened = new Storage(name, JSON.parse(optionsText) as StorageOptions);
  for (const event of ["ready", "connect", "disconnect"] as const) opened.on(event, () => events.push(event));
  opened.on("error", (error) => events.push(`error ${(error as NodeJS.ErrnoException).code}: ${error.message}`));
  return opened;
}

export let storage = open();

let isWriting = false;
let attempted = 0;
let confirmed = 0;

/**
 * Writes number after number, each in one batch with a counter, in ticks of `width`. What is confirmed is reported to the parent
 * at once, so that it is known even if this process dies in the next moment.
 */
async function write(label: string, width: number, limit: number): Promise<void> {
  isWriting = true;
  while (isWriting && attempted < limit) {
    const counts: Promise<number>[] = [];
    for (let index = 0; index < width && attempted < limit; index++) {
      const number = ++attempted;
      storage.batch(() => {
        storage.set([`written.${label}`, `n${number}`], number);
        counts.push(storage.increment([`counted.${label}`]));
      });
    }
    const results = await Promise.all(counts);
    if (results.at(-1) !== attempted) throw new Error(`expected the count ${attempted}, got ${results.at(-1)}`);
    confirmed = attempted;
    process.send?.({ confirmed, label });
    await sleep(0);
  }
}

export const commands: Record<string, (...args: never[]) => unknown> = {
  /** Starts `write`; does not wait. */
  startWriting(label: string, width: number, limit: number) {
    write(label, width, limit).catch((error: unknown) => {
      events.push(`error ${String(error)}`);
      process.send?.({ failure: String(error), label });
    });
  },
  stopWriting() {
    isWriting = false;
    return { attempted, confirmed };
  },
  events: () => events,
  /** Opens the storage again, after a `close`, and waits until it has everything. */
  async openAgain() {
    storage = open();
    await storage.sync();
  },
  /** Sets many keys in one tick, then waits until they are confirmed. */
  async fill(prefix: string, count: number, bytes: number) {
    const text = "x".repeat(bytes);
    for (let index = 0; index < count; index++) storage.set([`${prefix}${index}`], text);
    await storage.flush();
  },
  /** Keeps the event loop busy until a file exists. */
  block(file: string) {
    while (!existsSync(file));
  },
  contents: () => storage.entries().sort(([a], [b]) => (a < b ? -1 : 1)),
};

process.on("message", async ({ id, call, args }: Request) => {
  try {
    const command = commands[call] as ((...given: unknown[]) => unknown) | undefined;
    const member = storage[call as keyof Storage] as unknown;
    const result = command
      ? await command(...args)
      : typeof member === "function"
        ? await (member as (...given: unknown[]) => unknown).apply(storage, args)
        : member;
    process.send?.({ id, result: result ?? null });
  } catch (error) {
    const { name: type, code, message } = error as NodeJS.ErrnoException;
    process.send?.({ id, error: { name: type, code, message } });
  }
});
process.on("disconnect", () => process.exit());
process.send?.({ started: true });
