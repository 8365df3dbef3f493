import assert from "node:assert/strict";
import { test } from "node:test";
import express from "express";
import session from "express-session";
import type { ClusterSessionStore } from "../../dist/session-store/index.js";
import { listen } from "../adapter/ask.js";
import { until } from "../proof/cluster/processes.js";
import { beginStore, createStore, HOUR_MS, sessionWith } from "./stores.js";

const SETTINGS = { secret: "a secret", resave: false, saveUninitialized: false };

test("two session() middlewares, each with a store of its own, share one storage and keep their sessions apart", async (t) => {
  const users = await createStore({ prefix: "user" });
  const admins = beginStore(t, { prefix: "admin", storage: users.storage });
  const app = express();
  const shop = express.Router().use(session({ ...SETTINGS, store: users, name: "user", cookie: { maxAge: HOUR_MS } }));
  const back = express
    .Router()
    .use(session({ ...SETTINGS, store: admins, name: "admin", cookie: { maxAge: 1000 * HOUR_MS } }));
  for (const [path, router] of [
    ["/shop", shop],
    ["/back", back],
  ] as const) {
    router.get("/", (req, res) => {
      Object.assign(req.session, { at: path });
      res.json(req.session);
    });
    app.use(path, router);
  }
  const { url } = await listen(t, app);
  const answers = await Promise.all(["/shop", "/back", "/shop"].map(async (path) => (await fetch(url + path)).json()));
  const maxAges = (answers as { cookie: { originalMaxAge: number } }[]).map(({ cookie }) => cookie.originalMaxAge);
  assert.deepEqual(
    maxAges.map((maxAge) => Math.round(maxAge / HOUR_MS)),
    [1, 1000, 1],
  );
  assert.deepEqual([await users.length(), await admins.length()], [2, 1]);
  assert.deepEqual([...new Set((await users.all()).map(({ at }) => at))], ["/shop"]);
  await users.clear();
  assert.deepEqual([await users.length(), await admins.length()], [0, 1]);
});

test("one store for two session() middlewares causes a warning", async (t) => {
  const store = await createStore();
  const warnings: string[] = [];
  const listenTo = (warning: Error) => warnings.push(warning.message);
  process.on("warning", listenTo);
  t.after(() => process.off("warning", listenTo));
  session({ ...SETTINGS, store });
  session({ ...SETTINGS, store });
  await until("a warning", () => warnings.some((warning) => warning.includes("two session() middlewares")));
});

test("load returns a session object outside a request, whose cookie has dates and a maxAge", async () => {
  const store = await createStore();
  session({ ...SETTINGS, store });
  const expires = new Date(Date.now() + HOUR_MS);
  await store.set("s", { cookie: { path: "/", originalMaxAge: 2 * HOUR_MS, expires }, name: "Ada" });
  const load = (sid: string) =>
    new Promise<Record<string, unknown> & { cookie: session.Cookie; save(done: () => void): void }>(
      (resolve, reject) => {
        store.load(sid, (error, loaded) => (error ? reject(error) : resolve(loaded)));
      },
    );
  const loaded = await load("s");
  assert.deepEqual([loaded.id, loaded.name], ["s", "Ada"]);
  assert.deepEqual(loaded.cookie.expires, expires);
  assert.equal(loaded.cookie.originalMaxAge, 2 * HOUR_MS);
  assert.ok((loaded.cookie.maxAge as number) <= HOUR_MS);
  loaded.name = "Bob";
  await new Promise<void>((resolve) => loaded.save(resolve));
  assert.equal((await store.get("s"))?.name, "Bob");
  assert.equal(await load("none"), undefined);
});

test("session objects are of the middleware's own classes, whose genid sees the request", async () => {
  const store = await createStore();
  const seen: unknown[] = [];
  const genid = (request: { headers: object }) => `id-${seen.push(request.headers)}`;
  session({ ...SETTINGS, store, genid: genid as never });
  await store.set("s", sessionWith({ name: "Ada" }));
  const request = { sessionID: "s", headers: { host: "h" }, session: undefined };
  const created = store.createSession(request, await store.get("s"));
  assert.ok(created instanceof (session as unknown as { Session: typeof Object }).Session);
  assert.ok(
    Object.getPrototypeOf(created.cookie) === (session as unknown as { Cookie: typeof Object }).Cookie.prototype,
  );
  assert.deepEqual([created.id, created.req === request, request.session === created], ["s", true, true]);
  assert.equal(request.sessionID, "s");
  store.createSession(request, await store.get("s"));
  assert.deepEqual(seen, [{ host: "h" }]);
});

test("load passes on what genid throws outside of a request, and works after the first request", async () => {
  const store = await createStore();
  const genid = (request: { headers: { host: string } }) => request.headers.host;
  session({ ...SETTINGS, store, genid: genid as never });
  await store.set("s", sessionWith({ name: "Ada" }));
  const load = () =>
    new Promise<{ name: string }>((resolve, reject) => {
      store.load("s", (error, loaded) => (error ? reject(error) : resolve(loaded)));
    });
  await assert.rejects(load(), TypeError);
  store.createSession({ sessionID: "s", headers: { host: "h" } }, await store.get("s"));
  assert.equal((await load()).name, "Ada");
});

test("reserved names of a session object are left out when it is loaded", async () => {
  const store = await createStore();
  session({ ...SETTINGS, store });
  await store.set("s", sessionWith({ id: "x", save: 1, toString: 2, name: "Ada" }));
  const loaded = await new Promise<{ save: unknown; name: string }>((resolve, reject) => {
    store.load("s", (error, found) => (error ? reject(error) : resolve(found)));
  });
  assert.equal(typeof loaded.save, "function");
  assert.equal(loaded.name, "Ada");
});

test("bad options are refused at once", (t) => {
  const begin = (options: object): ClusterSessionStore => beginStore(t, options);
  for (const prefix of ["a/b", "/", 1, null])
    assert.throws(() => begin({ prefix }), /expected prefix to be a string without "\/"/);
  for (const consistency of ["weak", 1]) assert.throws(() => begin({ consistency }), /expected consistency to be/);
  for (const name of ["ttl", "touchAfter", "timeout"]) {
    assert.throws(() => begin({ [name]: "1" }), TypeError);
    assert.throws(() => begin({ [name]: -1 }), RangeError);
    assert.throws(() => begin({ [name]: 0.5 }), RangeError);
    assert.throws(() => begin({ [name]: Number.NaN }), RangeError);
  }
  assert.throws(() => begin({ ttl: 0 }), RangeError);
  assert.throws(() => begin({ unknown: 1 }), TypeError);
});
