import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import express, { type RequestHandler } from "express";
import { type Options, rateLimit } from "express-rate-limit";
import { ClusterRateLimitStore } from "../../dist/express-rate-limit/index.js";
import { StorageError } from "../../dist/index.js";
import { directoryOf, opened, PATIENT } from "./opened.js";

const WINDOW_MS = 60_000;

/** An application with a limiter; what the validations of the limiter report fails the test. */
async function serve(
  t: TestContext,
  options: Partial<Options>,
  handler: RequestHandler,
): Promise<() => Promise<Response>> {
  const reported: unknown[] = [];
  const report = (...told: unknown[]) => void reported.push(told);
  const logger = { debug: () => {}, info: report, warn: report, error: report };
  const app = express();
  app.use(rateLimit({ windowMs: WINDOW_MS, legacyHeaders: false, standardHeaders: "draft-8", logger, ...options }));
  app.get("/", handler);
  const server: Server = createServer(app).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
    assert.deepEqual(reported, []);
  });
  const { port } = server.address() as AddressInfo;
  return () => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
}

const hello: RequestHandler = (_request, response) => void response.send("hello");

test("exactly the limit is allowed, with headers, and refused requests write nothing", async (t) => {
  const storage = await opened(t);
  const store = new ClusterRateLimitStore({ storage, ...PATIENT });
  const ask = await serve(t, { limit: 3, store }, hello);
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask()));
  assert.equal(answers.filter(({ status }) => status === 200).length, 3);
  assert.match(answers[0]?.headers.get("ratelimit") ?? "", /r=\d; t=60/);
  const { seq } = storage.stats();
  for (let request = 0; request < 20; request++) assert.equal((await ask()).status, 429);
  assert.equal(storage.stats().seq, seq);
  assert.equal(store.prefix, "express-rate-limit/60000/");
});

test("two limiters of one storage count for themselves, and stores with the same prefix together", async (t) => {
  const storage = await opened(t);
  const storeOf = (prefix?: string) =>
    new ClusterRateLimitStore({ storage, ...PATIENT, ...(prefix ? { prefix } : {}) });
  const first = await serve(t, { limit: 2, store: storeOf() }, hello);
  const other = await serve(t, { limit: 2, windowMs: 30_000, store: storeOf() }, hello);
  const named = await serve(t, { limit: 2, store: storeOf("login/") }, hello);
  const again = await serve(t, { limit: 2, store: storeOf("login/") }, hello);
  const statuses = [];
  for (const ask of [first, other, named, again, first, other, again, first]) statuses.push((await ask()).status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
});

test("a store answers what its contract says, each time with a date of its own", async (t) => {
  const storage = await opened(t);
  const store = new ClusterRateLimitStore({ storage, ...PATIENT });
  store.init({ windowMs: WINDOW_MS, limit: () => 5 });
  const began = Date.now();
  const first = await store.increment("ann");
  const second = await store.increment("ann");
  assert.deepEqual([first.totalHits, second.totalHits], [1, 2]);
  assert.equal(first.resetTime?.getTime(), second.resetTime?.getTime());
  assert.notEqual(first.resetTime, second.resetTime);
  const late = (first.resetTime?.getTime() ?? 0) - began - WINDOW_MS;
  assert.ok(late >= -2 && late < 5000, `${late} ms`);
  assert.equal(store.get("ann")?.totalHits, 2);
  assert.equal(store.get("eve"), undefined);
  await store.decrement("ann");
  assert.equal(store.get("ann")?.totalHits, 1);
  for (let count = 0; count < 3; count++) await store.decrement("ann");
  assert.equal(store.get("ann")?.totalHits, 0);
  await store.decrement("eve");
  assert.equal(store.get("eve"), undefined);
  for (const key of ["ann", "2001:db8::/56", "a.b[0]", "__proto__", ""]) await store.increment(key);
  await store.resetKey("ann");
  assert.equal(store.get("ann"), undefined);
  assert.deepEqual(storage.keys("express-rate-limit/").length, 4);
  storage.set("other", 1);
  await store.resetAll();
  assert.deepEqual(storage.keys(), ["other"]);
  await store.shutdown();
  assert.equal(storage.closed, false);
});

test("failed requests are given back, also those that the limiter refuses, and a closed connection", async (t) => {
  const storage = await opened(t);
  const store = new ClusterRateLimitStore({ storage, ...PATIENT });
  let status = 500;
  const handler: RequestHandler = (_request, response) => void response.status(status).send("");
  const ask = await serve(t, { limit: 2, store, skipFailedRequests: true }, handler);
  for (let request = 0; request < 5; request++) assert.equal((await ask()).status, 500);
  status = 200;
  assert.deepEqual(
    [(await ask()).status, (await ask()).status, (await ask()).status, (await ask()).status],
    [200, 200, 429, 429],
  );
});

test("a late failure leaves the window in which its request was counted, and no later one", async (t) => {
  const storage = await opened(t);
  const store = new ClusterRateLimitStore({ storage, ...PATIENT });
  const windowMs = 2000;
  const ends: (() => void)[] = [];
  const slow: RequestHandler = (_request, response) => void ends.push(() => response.status(500).end());
  const ask = await serve(t, { windowMs, limit: 5, store, skipFailedRequests: true, validate: false }, slow);
  // The limiter gives nothing back once it takes the window for over. In the last moment of one, the store has to know.
  const giveBack = store.decrement.bind(store);
  let open = (): void => {};
  const isLate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const given: Promise<void>[] = [];
  store.decrement = (key) => {
    const back = isLate.then(() => giveBack(key));
    given.push(back);
    return back;
  };
  const first = ask();
  while (ends.length < 1) await sleep(5);
  ends.shift()?.();
  await first;
  while (given.length < 1) await sleep(5);
  await sleep(windowMs);
  const key = "127.0.0.1";
  assert.equal((await store.increment(key)).totalHits, 1, "another window");
  open();
  await Promise.all(given);
  assert.equal(store.get(key)?.totalHits, 1);
});

test("what a limiter that is closed, or cannot know, is told", async (t) => {
  const store = new ClusterRateLimitStore({
    path: directoryOf(t),
    candidate: false,
    timeout: 50,
    onTimeout: "failClosed",
  });
  t.after(() => store.shutdown().catch(() => {}));
  store.init({ windowMs: WINDOW_MS, limit: 5 });
  assert.equal((await store.increment("ann")).totalHits, 6);
  store.init({ windowMs: WINDOW_MS, limit: () => 5 });
  assert.equal((await store.increment("ann")).totalHits, Number.MAX_SAFE_INTEGER);
  await store.storage.close().catch((error: unknown) => assert.ok(error instanceof StorageError));
  await assert.rejects(store.increment("ann"), { code: "ERR_STORAGE_CLOSED" });
});

test("options that are none are refused", () => {
  const make = (options: object) => () => new ClusterRateLimitStore(options);
  assert.throws(make({ prefix: 5 }), /expected prefix to be a string, got 5/);
  assert.throws(make({ timeout: 0 }), RangeError);
  assert.throws(
    make({ onTimeout: "maybe" }),
    /expected onTimeout to be "view", "failOpen" or "failClosed", got "maybe"/,
  );
  assert.throws(make({ prefx: "a" }), /did you mean prefix/);
});
