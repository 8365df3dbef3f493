/** What users see of locks and semaphores: arguments that are checked, one line for all storages of a process, and what `close` ends. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Storage, StorageLock } from "../../dist/core/index.js";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";

const ENTRY = fileURLToPath(new URL("../../dist/core/index.js", import.meta.url));

test("what is wrong with a call throws at once, and says what was expected", async (t) => {
  const storage = (await new Home(t).open()) as Storage & Record<"lock" | "semaphore", (...args: unknown[]) => unknown>;
  for (const path of [undefined, null, 5, {}, [], [{}]]) assert.throws(() => storage.lock(path), TypeError);
  assert.throws(() => storage.lock(["a".repeat(40_000)]), /^RangeError: expected a key of at most/);
  assert.throws(() => storage.lock(["a".repeat(32_766)]), /^RangeError: expected a key of at most/);
  for (const options of [null, 5, []])
    assert.throws(() => storage.lock("a", options), /^TypeError: expected options as/);
  assert.throws(
    () => storage.lock("a", { leese: 5 }),
    /^TypeError: expected one of the options lease, wait, signal, got "leese"; did you mean lease\?$/,
  );
  for (const lease of [null, "5", {}])
    assert.throws(() => storage.lock("a", { lease }), /^TypeError: expected lease to be a number, got \w+$/);
  for (const lease of [0, 99, -1, Number.NaN, Infinity, 86_400_001])
    assert.throws(() => storage.lock("a", { lease }), /^RangeError: expected lease to be from 100 to 86400000 ms, got/);
  for (const wait of [null, "5"]) assert.throws(() => storage.lock("a", { wait }), /^TypeError: expected wait to be/);
  for (const wait of [-1, Number.NaN]) assert.throws(() => storage.lock("a", { wait }), /^RangeError: expected wait/);
  for (const signal of [5, {}, null]) assert.throws(() => storage.lock("a", { signal }), /^TypeError: expected signal/);
  for (const count of [undefined, null, "2", {}])
    assert.throws(() => storage.semaphore("a", count), /^TypeError: expected how many may hold as a number, got \w+$/);
  for (const count of [0, 1.5, -1, Number.NaN, 10_001])
    assert.throws(() => storage.semaphore("a", count), /^RangeError: expected a whole number of holders from 1 to/);
  const reason = new Error("before");
  await assert.rejects(storage.lock("a", { signal: AbortSignal.abort(reason) }) as Promise<unknown>, reason);
  assert.deepEqual([storage.stats().pending, storage.keys()], [0, []]);
});

test("a lock is named by its path, whatever is stored there, and changes nothing of that", async (t) => {
  const storage = await new Home(t).open();
  storage.set("a", { b: 1 });
  const lock = await storage.lock("a.b");
  storage.set(["a.b"], 5);
  for (const path of [["a", "b"], "a.b"]) assert.equal(await storage.lock(path, { wait: 0 }), null);
  const other = await storage.lock(["a.b"], { wait: 0 });
  assert.ok(other !== null && Number.isSafeInteger(other.token) && other.token > lock.token);
  assert.deepEqual([storage.get(["a", "b"]), storage.get(["a.b"])], [1, 5]);
  await Promise.all([lock.release(), other[Symbol.asyncDispose](), lock.release()]);
  assert.deepEqual(storage.keys().sort(), ["a", "a.b"]);
});

test("locks wait for each other within a process, in the order of their calls", async (t) => {
  const home = new Home(t);
  const [one, two] = [await home.open(), await home.open()];
  const order: number[] = [];
  const work = async (storage: Storage, number: number) => {
    const lock = await storage.lock("work");
    order.push(number);
    await null;
    await lock.release();
  };
  await Promise.all(Array.from({ length: 20 }, (_, number) => work(number % 2 === 0 ? one : two, number)));
  assert.deepEqual(
    order,
    order.map((_, index) => index),
  );
  const permits = await Promise.all([one.semaphore("s", 2), two.semaphore("s", 2)]);
  assert.equal(await one.semaphore("s", 2, { wait: 0 }), null);
  assert.equal(await one.semaphore("s", 2, { wait: 20 }), null);
  for (const permit of permits) await permit.release();
});

test("closing a storage gives its locks to others of the same process, and ends what waits", async (t) => {
  const home = new Home(t);
  const [one, two] = [await home.open(), await home.open()];
  const held = await one.lock("a");
  const waiting = assert.rejects(one.lock("a"), { code: "ERR_STORAGE_CLOSED" });
  const next = two.lock("a");
  await two.flush();
  await one.close();
  assert.equal(held.signal.reason.code, "ERR_STORAGE_CLOSED");
  await waiting;
  const lock = await next;
  await held.release();
  assert.equal(await two.lock("a", { wait: 0 }), null);
  assert.throws(() => one.lock("a"), { code: "ERR_STORAGE_CLOSED" });
  await lock.release();
  assert.deepEqual(two.keys(), []);
});

test("a lock that was released by its storage's closing is free in other processes", async (t) => {
  const home = new Home(t);
  const other = await home.member();
  const storage = await home.open();
  await storage.lock("a", { lease: 86_400_000 });
  await storage.close();
  await until("it is free", async () => (await other.call<string[]>("keys")).length === 0);
});

test("who loses a lock hears of it, and nothing is thrown", async (t) => {
  const storage = await new Home(t).open();
  const lost: unknown[] = [];
  const [one, two] = [await storage.lock("a"), await storage.lock("b")];
  for (const { signal } of [one, two]) signal.addEventListener("abort", () => lost.push(signal.reason.code));
  storage.clear();
  await until("both are lost", () => lost.length === 2);
  assert.deepEqual(lost, ["ERR_STORAGE_EXPIRED", "ERR_STORAGE_EXPIRED"]);
  assert.throws(() => one.signal.throwIfAborted(), /^StorageError: expected to hold the lock "a" until its release/);
  await Promise.all([one.release(), two.release()]);
});

test("a claim that is written in a batch that fails is made again, and one in a batch that succeeds is part of it", async (t) => {
  const storage = await new Home(t).open();
  let lock: Promise<StorageLock> | null = null;
  const claim = (): void => {
    lock = storage.lock("a");
  };
  assert.throws(() =>
    storage.batch(() => {
      claim();
      throw new Error("no");
    }),
  );
  await (await (lock as unknown as Promise<StorageLock>)).release();
  storage.batch(claim);
  await (await (lock as unknown as Promise<StorageLock>)).release();
  assert.deepEqual(storage.keys(), []);
});

test("a process lives while it waits for a lock, and not because it holds one", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  const lock = await storage.lock("a");
  setTimeout(() => void lock.release(), 1500);
  const script = `
    import { Storage } from ${JSON.stringify(ENTRY)};
    const storage = await Storage.open("app", { path: ${JSON.stringify(home.directory)} });
    console.log("waits");
    const lock = await storage.lock("a");
    console.log("holds", lock.signal.aborted);
  `;
  const child = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["--input-type=module", "-e", script], (error, stdout) => {
      resolve(`${error?.code} ${stdout}`);
    });
  });
  assert.equal(child, "undefined waits\nholds false\n");
  assert.ok((await storage.lock("a", { wait: 10_000 })) !== null, "it has ended with its process");
});
