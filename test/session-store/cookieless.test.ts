/** Sessions without a cookie: the suites of both frameworks store some. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import express from "express";
import session from "express-session";
import { listen } from "../adapter/ask.js";
import { teardown } from "../proof/cluster/teardown.js";
import { createStore, HOUR_MS, inMs, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];

test("a session without a cookie is stored for the ttl of the store, and is read as it is", async () => {
  const store = await createStore({ ttl: HOUR_MS });
  for (const payload of [{}, { name: "Ada", list: [1] }, { cookie: undefined, name: "Bob" }]) {
    await store.set("s", payload);
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `got ${left}`);
    const expected = JSON.parse(JSON.stringify(payload));
    assert.deepEqual(await store.get("s"), expected);
    assert.deepEqual(await store.all(), [{ ...expected, id: "s" }]);
    await new Promise<void>((resolve, reject) => {
      store.get("s", (error, read) => {
        if (error) reject(error);
        assert.deepEqual(JSON.parse(JSON.stringify(read)), expected);
        assert.deepEqual(Object.keys(read), Object.keys(expected));
        resolve();
      });
    });
  }
});

test("a session without a cookie is changed field by field, prolonged, and gets a cookie", async () => {
  const store = await createStore({ ttl: HOUR_MS, touchAfter: 0 });
  await store.set("s", { a: 1, b: 1 });
  await request(store, "s", async (one) => {
    await request(store, "s", async ({ cookie: _, ...two }) => store.set("s", { ...two, a: 2 }));
    await store.set("s", { ...one, cookie: undefined, b: 2 });
  });
  assert.deepEqual(await store.get("s"), { a: 2, b: 2 });
  store.storage.touch(KEY, 10 * 60_000);
  await store.touch("s", {});
  assert.ok((store.storage.ttl(KEY) as number) > 50 * 60_000);
  const { cookie } = sessionWith({}, inMs(2 * HOUR_MS));
  await request(store, "s", (one) => store.set("s", { ...one, cookie }));
  assert.deepEqual(await store.get("s"), { a: 2, b: 2, cookie: JSON.parse(JSON.stringify(cookie)) });
  await store.touch("s", { name: "none" });
  assert.deepEqual((await store.get("s"))?.cookie, JSON.parse(JSON.stringify(cookie)), "a touch takes no cookie away");
});

test("express-session finds no session where one without a cookie is stored, and that is published", async (t) => {
  const store = await createStore();
  const events: unknown[] = [];
  const note = (event: unknown) => events.push(event);
  subscribe("cluster-storage:session", note);
  teardown(t, () => unsubscribe("cluster-storage:session", note));
  const app = express();
  app.use(session({ store, secret: "s", resave: false, saveUninitialized: false, genid: () => "s" }));
  app.get("/", (req, res) => res.json({ name: (req.session as { name?: string }).name ?? null, id: req.session.id }));
  app.post("/", (req, res) => res.json(Object.assign(req.session, { name: "Bob" })));
  const { url } = await listen(t, app);
  const cookie = (await fetch(url, { method: "POST" })).headers.getSetCookie()[0]?.split(";")[0] as string;
  await store.set("s", { name: "Ada" });
  const response = await fetch(url, { headers: { cookie } });
  assert.deepEqual([response.status, await response.json()], [200, { name: null, id: "s" }]);
  assert.deepEqual(events, [{ type: "malformed", sid: "s", store }]);
});
