/**
 * Opens a copy of a storage as a process of its own, and prints one line of JSON: what it showed, or the code of the error with
 * which it was refused. Then it writes to the copy, clears and destroys it: that must concern nobody but itself.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage, type StorageError } from "../../../dist/core/index.js";
import { NAME, SHORT_TTL_MS, timeOf } from "./settings.js";

/** What a copy shows, when whatever is short has expired, at `at` of storage time; or why it was refused. */
export type Inherited =
  | { readonly state: Readonly<Record<string, unknown>>; readonly at: number }
  | { readonly code: string; readonly message: string };

/** Longest, in ms, that a copy may take to open on a busy machine. */
const TIMEOUT_MS = 60_000;

async function inherit(path: string): Promise<Inherited> {
  const copied = Date.now();
  let storage: Storage;
  try {
    storage = await Storage.open(NAME, { path, timeout: TIMEOUT_MS });
  } catch (error) {
    const { code, message } = error as StorageError;
    return { code, message };
  }
  while (Date.now() <= copied + SHORT_TTL_MS) await sleep(10);
  await storage.sync();
  const shown = { state: Object.fromEntries(storage.entries()), at: timeOf(storage) };
  storage.set("heir", process.pid);
  await storage.flush();
  storage.clear();
  storage.set("heir", "alone");
  await storage.sync();
  assert.deepEqual(storage.entries(), [["heir", "alone"]], "nobody else writes to a copy");
  assert.equal(storage.stats().members, 1, "nobody else joins a copy");
  await storage.destroy();
  return shown;
}

console.log(JSON.stringify(await inherit(process.argv[2] as string)));
