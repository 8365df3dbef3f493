import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Storage } from "../../dist/core/index.js";
import { ServerScope } from "../../dist/express/server-scope.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

/** A scope whose time the test controls. */
function scopeIn(t: TestContext, options: ConstructorParameters<typeof ServerScope>[0]) {
  const waiting = new Set<() => void>();
  const clock = {
    after(_ms: number, call: () => void) {
      waiting.add(call);
      return { cancel: () => void waiting.delete(call) };
    },
  };
  const scope = new ServerScope(options, [], clock);
  teardown(t, () => scope.close().catch(() => {}));
  /** Lets the time pass after which a storage without a server is closed; false: no such time is running. */
  const pass = (): boolean => {
    const calls = [...waiting];
    waiting.clear();
    for (const call of calls) call();
    return calls.length > 0;
  };
  return { scope, pass };
}

/** As much of a request as the scope looks at. */
const from = (server?: EventEmitter) => ({ socket: { server } }) as unknown as IncomingMessage;

test("a storage is closed when all servers whose requests it has seen have been closed for a while", async (t) => {
  const { scope, pass } = scopeIn(t, { path: temporaryDirectory(t) });
  const [first, second] = [new EventEmitter(), new EventEmitter()];
  const storage = scope.storageFor(from(first));
  assert.equal(scope.storageFor(from(second)), storage);
  assert.equal(scope.storageFor(from()), storage);
  first.emit("close");
  assert.equal(pass(), false, "the second server is open");
  second.emit("close");
  storage.set("background", 1);
  await storage.flush();
  assert.equal(storage.closed, false, "background work goes on");
  assert.equal(pass(), true);
  assert.equal(storage.closed, true);
});

test("a server that opens meanwhile, also one that was known, keeps the storage open", async (t) => {
  const { scope, pass } = scopeIn(t, { path: temporaryDirectory(t) });
  const server = new EventEmitter();
  const storage = scope.storageFor(from(server));
  for (const opens of [() => server.emit("listening"), () => void scope.storageFor(from(new EventEmitter()))]) {
    server.emit("close");
    opens();
    assert.deepEqual([pass(), storage.closed], [false, false]);
  }
  assert.equal(server.listenerCount("close"), 1, "one listener for each server, however often it opens");
});

test("a request opens a closed storage again, with the options as they were", async (t) => {
  const options = { name: "mine", path: temporaryDirectory(t) };
  const { scope, pass } = scopeIn(t, options);
  const server = new EventEmitter();
  scope.storageFor(from(server)).set("key", 1);
  options.name = "other";
  server.emit("close");
  pass();
  const storage = scope.storageFor(from(server));
  assert.deepEqual([storage.name, storage.closed, scope.storage === storage], ["mine", false, true]);
  await storage.sync();
  assert.equal(storage.get("key"), 1);
});

test("a given storage is never closed, and no server is followed", async (t) => {
  const storage = new Storage("app", { path: temporaryDirectory(t) });
  teardown(t, () => storage.close());
  const { scope, pass } = scopeIn(t, { storage });
  const server = new EventEmitter();
  assert.equal(scope.storageFor(from(server)), storage);
  assert.equal(server.listenerCount("close"), 0);
  await scope.close();
  assert.deepEqual([pass(), storage.closed], [false, false]);
});

test("an error of a close that nobody waits for is emitted by the storage", async (t) => {
  const { scope, pass } = scopeIn(t, { path: temporaryDirectory(t) });
  const server = new EventEmitter();
  const storage = scope.storageFor(from(server));
  const release = storage.close.bind(storage);
  storage.close = () => release().then(() => Promise.reject(new Error("the disk refuses")));
  const emitted = new Promise<Error>((resolve) => storage.once("error", resolve));
  server.emit("close");
  pass();
  assert.equal((await emitted).message, "the disk refuses");
});

test("a process that has nothing left to do after its server closes the storage, with all that was written meanwhile", async (t) => {
  const path = temporaryDirectory(t);
  const program = fileURLToPath(new URL("short-life.js", import.meta.url));
  const child = spawn(process.execPath, [program, path], { stdio: "inherit" });
  teardown(t, () => child.kill("SIGKILL"));
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  assert.ok(existsSync(`${path}/app.db`), "the last member has folded the log");
  const storage = await Storage.open("app", { path });
  teardown(t, () => storage.close());
  await until("what was written is there", () => storage.get("background") === "written");
  assert.equal(storage.get("count"), 12);
});
