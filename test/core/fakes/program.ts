/**
 * A member in a process whose clocks stand still from before, or after, it has loaded the package. It does what applications do,
 * waits for nothing but the package, and ends by itself.
 *
 *   node program.js <kind> <before|after> <directory>
 */
import assert from "node:assert/strict";
import type { Storage } from "../../../dist/index.js";
import { install, type Kind } from "./clocks.js";

const [kind, when, directory] = process.argv.slice(2) as [Kind, "before" | "after", string];
if (when === "before") install(kind);
const { ClusterSessionStore, Storage: Class } = await import("../../../dist/index.js");
if (when === "after") install(kind);

/** Says to the parent how far it is. */
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function event(storage: Storage, name: "change" | "disconnect" | "connect"): Promise<unknown> {
  return new Promise((resolve) => storage.once(name, resolve));
}

/** Keeps the process alive, as a server does: a storage does so only while it has pending writes. */
function waiting(): { close(): void } {
  const { port1 } = new MessageChannel();
  port1.on("message", () => {});
  return port1;
}

async function write(storage: Storage): Promise<void> {
  const changed = event(storage, "change");
  storage.set("a", 1);
  assert.equal(storage.get("a"), 1);
  await storage.flush();
  await changed;
  storage.batch(() => {
    storage.set("b", { c: 1 });
    storage.set("b.d", 2, 60_000);
  });
  assert.deepEqual(await Promise.all([storage.increment("n"), storage.increment("n")]), [1, 2]);
  assert.equal(await storage.add("n", 5), false);
  assert.equal(await storage.patch("b", { c: 3 }), true);
  await storage.sync();
  assert.deepEqual(storage.get("b"), { c: 3, d: 2 });
  const left = storage.ttl("b.d") as number;
  assert.ok(left > 0 && left <= 60_000, `${left} ms are left`);
}

async function useSessions(storage: Storage): Promise<void> {
  const store = new ClusterSessionStore({ storage });
  const expires = new Date(Date.now() + 60_000);
  const session = { cookie: { expires, originalMaxAge: 60_000 }, name: "Ada" };
  await new Promise<void>((resolve, reject) => {
    store.set("s", session as never, (error) => (error ? reject(error) : resolve()));
  });
  const found = await new Promise<{ name?: string } | null>((resolve, reject) => {
    store.get("s", (error, value) => (error ? reject(error) : resolve(value)));
  });
  assert.equal(found?.name, "Ada", "a session lives as long as the clock of the application says");
  await store.destroy("s");
}

async function run(): Promise<void> {
  const storage = await Class.open("app", { path: directory, stallTimeout: 1000 });
  const late = new Class("app", { path: directory, stallTimeout: 1000 });
  const welcomed = event(late, "connect");
  await welcomed;
  await late.close();
  await write(storage);
  await useSessions(storage);
  const isMember = !storage.isManager;
  say("works");
  if (isMember) {
    const alive = waiting();
    await event(storage, "disconnect");
    storage.clear();
    await write(storage);
    alive.close();
    assert.equal(storage.isManager, true);
    say("took over");
  }
  await storage.close();
  say("closed");
}

await run();
