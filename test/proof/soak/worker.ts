/** A member that puts a mixed load on the storage, of which a bounded amount is alive at any time, and weighs itself. */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { randomOf } from "../budget.js";
import { commands, events, storage } from "../cluster/member.js";
import type { Weight } from "./weight.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Keys of each kind that all members share. */
const KEYS = 64;
const BLOB_KEYS = 32;
const BLOB_CHARS = 32 * 1024;
const SHORT_TTL_MS = 800;
const SESSION_TTL_MS = 3000;
const LONG_TTL_MS = 3_600_000;
const OPEN_FILES = "/proc/self/fd";

let random = randomOf(1);
let writes = 0;
let timer: NodeJS.Timeout | undefined;

const below = (limit: number): number => Math.floor(random() * limit);
const text = (most: number): string => "x".repeat(1 + below(most));

/** A write whose result is waited for must resolve with one, unless it was rejected since the result cannot be known. */
function expectResult(result: Promise<unknown>): void {
  result.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_STORAGE_EXPIRED" && error.code !== "ERR_STORAGE_CLOSED") events.push(`failure ${error}`);
  });
}

function session(): void {
  const key = `session/${process.pid}.${writes}`;
  storage.set([key], { cookie: { path: "/" }, user: text(40) }, SESSION_TTL_MS);
  const known = storage.keys("session/");
  const other = known[below(known.length)] as string;
  const fate = below(3);
  if (fate === 0) storage.delete([other]);
  else if (fate === 1) storage.touch([other], SESSION_TTL_MS);
  else expectResult(storage.patch([other], { seen: writes }));
}

const LOAD: Array<() => void> = [
  () => storage.set(`key${below(KEYS)}`, { text: text(200), list: [1, 2, { deep: writes }] }),
  () => storage.set(`key${below(KEYS)}.list[2].deep`, text(50), SHORT_TTL_MS),
  () => storage.set(`brief${below(KEYS)}`, text(100), 1 + below(SHORT_TTL_MS)),
  () => storage.set(`lasting${below(KEYS)}`, text(100), LONG_TTL_MS),
  () => storage.delete(`key${below(KEYS)}${below(2) === 0 ? "" : ".list"}`),
  () => expectResult(storage.add(`lock${below(KEYS)}`, process.pid, SHORT_TTL_MS)),
  () => expectResult(storage.increment(`count${below(KEYS)}`)),
  () => expectResult(storage.increment(`window${below(KEYS)}`, 1, SHORT_TTL_MS)),
  () => expectResult(storage.patch(`object${below(KEYS)}`, { [`field${below(8)}`]: text(50) })),
  () => storage.set(`object${below(KEYS)}`, { birth: writes }),
  () =>
    storage.batch(() => {
      for (let index = 0; index < 5; index++) storage.set(`batch${below(KEYS)}`, writes, below(2) * SHORT_TTL_MS);
    }),
  session,
  () => {
    for (let index = 0; index < 20; index++) storage.get(`key${below(KEYS)}.list[2].deep`);
    storage.entries("object");
    storage.has(`brief${below(KEYS)}`);
  },
];

/** All kinds of writes once, and one large value, so that the log grows enough to be compacted. */
function load(): void {
  try {
    for (const write of LOAD) {
      writes++;
      write();
    }
    storage.set(`blob${below(BLOB_KEYS)}`, "x".repeat(BLOB_CHARS));
  } catch (error) {
    events.push(`failure ${error}`);
  }
}

commands.startLoad = (seed: number, intervalMs: number) => {
  random = randomOf(seed);
  timer = setInterval(load, intervalMs);
};

commands.stopLoad = async () => {
  clearInterval(timer);
  await storage.flush();
};

commands.failures = () => events.filter((event) => event.startsWith("failure") || event.startsWith("error"));

/** What this process weighs, without garbage. */
commands.weigh = (): Weight => {
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { seq, role, compactions } = storage.stats();
  const files = readdirSync(OPEN_FILES).length;
  return { rss, heap: heapUsed, external, files, keys: storage.size, seq, role, compactions, writes };
};

/** An object with its fields in order of their names: they may be in another one where a write was taken back. */
function ordered(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The same on all members that hold the same. */
commands.digest = () => {
  const contents = JSON.stringify(Object.fromEntries(storage.entries()), ordered);
  return `${storage.stats().seq} ${createHash("sha256").update(contents).digest("hex")}`;
};
