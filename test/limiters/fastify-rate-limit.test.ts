import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import rateLimit, { type RateLimitPluginOptions } from "@fastify/rate-limit";
import Fastify from "fastify";
import { rateLimitStore } from "../../dist/fastify-rate-limit/index.js";
import type { Storage } from "../../dist/index.js";
import { directoryOf, opened, PATIENT } from "./opened.js";

/** An application with a limiter for all routes and some of their own. */
async function serve(t: TestContext, storage: Storage, options: RateLimitPluginOptions = {}) {
  const app = Fastify();
  t.after(() => app.close());
  const store = rateLimitStore({ storage, ...PATIENT });
  await app.register(rateLimit, { max: 2, timeWindow: 60_000, store, ...options });
  app.get("/", async () => "hello");
  app.get("/own", { config: { rateLimit: { max: 3 } } }, async () => "own");
  const groups = { max: 2, timeWindow: 60_000, groupId: "group" };
  app.get("/one", { config: { rateLimit: groups } }, async () => "one");
  app.get("/two", { config: { rateLimit: groups } }, async () => "two");
  return app;
}

test("exactly the limit is allowed over all processes, with headers, and refused requests write nothing", async (t) => {
  const storage = await opened(t);
  const apps = [await serve(t, storage), await serve(t, storage)];
  const asked = Array.from({ length: 8 }, (_, index) => apps[index % 2]?.inject("/"));
  const answers = (await Promise.all(asked)).map((answer) => answer?.statusCode);
  assert.equal(answers.filter((status) => status === 200).length, 2);
  const { seq } = storage.stats();
  const refused = await apps[0]?.inject("/");
  assert.deepEqual([refused?.statusCode, refused?.headers["x-ratelimit-remaining"]], [429, "0"]);
  assert.ok([59, 60].includes(Number(refused?.headers["retry-after"])));
  assert.equal(storage.stats().seq, seq);
});

test("routes of their own count for themselves, and groups for all their routes", async (t) => {
  const app = await serve(t, await opened(t));
  const statusesOf = async (...urls: string[]) => {
    const statuses = [];
    for (const url of urls) statuses.push((await app.inject(url)).statusCode);
    return statuses;
  };
  assert.deepEqual(await statusesOf("/own", "/own", "/own", "/own"), [200, 200, 200, 429]);
  assert.deepEqual(await statusesOf("/", "/", "/"), [200, 200, 429]);
  assert.deepEqual(await statusesOf("/one", "/two", "/one", "/two"), [200, 200, 429, 429]);
});

test("limiters that are created by hand count for themselves, and a look counts nothing", async (t) => {
  const storage = await opened(t);
  const app = await serve(t, storage);
  const [first, second] = [app.createRateLimit({ max: 1 }), app.createRateLimit({ max: 1 })];
  app.get("/hand", { config: { rateLimit: false } }, async (request) => {
    const seen = [];
    for (const limit of [first, first, second]) {
      const result = await limit(request);
      if (!result.isAllowed) seen.push(result.isExceeded);
    }
    const look = await first(request, { increment: false } as never);
    return { seen, look };
  });
  const { seen, look } = (await app.inject("/hand")).json();
  assert.deepEqual([seen, look.remaining, look.isExceeded], [[false, true, false], 0, false]);
});

test("a ban, and windows that begin again, count what is refused", async (t) => {
  const statusesOf = async (options: RateLimitPluginOptions) => {
    const app = await serve(t, await opened(t), options);
    const answers = [];
    for (let request = 0; request < 5; request++) answers.push(await app.inject("/"));
    return answers.map(({ statusCode, headers }) => [statusCode, Number(headers["x-ratelimit-reset"])]);
  };
  assert.deepEqual(
    (await statusesOf({ ban: 1 })).map(([status]) => status),
    [200, 200, 429, 403, 403],
  );
  assert.equal((await statusesOf({ continueExceeding: true })).at(-1)?.[1], 60);
  assert.equal((await statusesOf({ exponentialBackoff: true })).at(-1)?.[1], 240);
});

test("a storage that the class has opened is closed by it, and what fails reaches the plugin", async (t) => {
  const Store = rateLimitStore({ path: directoryOf(t), prefix: "mine/" });
  t.after(() => Store.close());
  const store = new Store({});
  const asked = () =>
    new Promise((resolve, reject) =>
      store.incr("a", (error, result) => (error ? reject(error) : resolve(result?.current)), 1000, 2),
    );
  assert.equal(await asked(), 1);
  assert.deepEqual(Store.storage.keys(), ["mine/a"]);
  await Store.close();
  assert.equal(Store.storage.closed, true);
  await assert.rejects(asked(), { code: "ERR_STORAGE_CLOSED" });
});
