import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import type { SessionPayload } from "../../dist/session-store/index.js";
import { teardown } from "../proof/cluster/teardown.js";
import { beginStore, createStore, HOUR_MS, inMs, sessionWith } from "./stores.js";

/** Values under the key of a session that are not sessions. */
const MALFORMED: unknown[] = [
  null,
  1,
  "text",
  true,
  [],
  [{ cookie: {} }],
  {},
  { cookie: null },
  { cookie: "text" },
  { cookie: [] },
];

test("all, length and ids return the live sessions of the store, all of them copies with ids", async () => {
  const store = await createStore();
  assert.deepEqual([await store.all(), await store.length(), await store.ids()], [[], 0, []]);
  for (let index = 0; index < 10; index++) await store.set(`s${index}`, sessionWith({ index, id: "theirs" }));
  await store.set("s10", sessionWith({}, inMs(0)));
  await store.destroy("s0");
  const all = await store.all();
  assert.equal(all.length, 9);
  assert.equal(await store.length(), 9);
  assert.deepEqual(all.map(({ id }) => id).sort(), (await store.ids()).sort());
  for (const { id, index, ...rest } of all) {
    assert.equal(id, `s${index}`);
    assert.deepEqual(rest, sessionWith());
  }
});

test("clear removes the sessions of its own prefix and nothing else", async (t) => {
  const first = await createStore({ prefix: "sess" });
  const { storage } = first;
  const prefixes = ["session", "session2", "", "ses", "sess."];
  const others = prefixes.map((prefix) => beginStore(t, { storage, prefix }));
  const stores = [first, ...others];
  for (const [index, store] of stores.entries()) await store.set("s", sessionWith({ index }));
  storage.set("sess", 1);
  storage.set(["session"], { s: 1 });
  storage.set("foreign", { cookie: {} });
  for (const [index, store] of stores.entries()) {
    assert.deepEqual(await store.all(), [{ ...sessionWith({ index }), id: "s" }]);
  }
  while (stores.length > 0) {
    await stores.shift()?.clear();
    for (const store of stores) assert.equal(await store.length(), 1);
  }
  const notes = ["sess", ...prefixes].map((prefix) => `@cleared/${prefix}`);
  assert.deepEqual(storage.keys().sort(), [...notes, "foreign", "sess", "session"].sort());
});

test("the empty prefix has keys of its own", async () => {
  const store = await createStore({ prefix: "" });
  await store.set("s", sessionWith({ name: "Ada" }));
  store.storage.set("s", { cookie: {} });
  assert.deepEqual(await store.ids(), ["s"]);
  assert.equal((await store.get("s"))?.name, "Ada");
  await store.clear();
  assert.equal(await store.length(), 0);
  assert.equal(store.storage.has("s"), true);
});

test("clear removes thousands of sessions, and values that are not sessions", async () => {
  const store = await createStore();
  for (let index = 0; index < 2500; index++) store.storage.set([`session/s${index}`], sessionWith({ index }));
  store.storage.set(["session/malformed"], 1);
  assert.equal((await store.all()).length, 2500);
  await store.clear();
  assert.deepEqual(store.storage.keys(), ["@cleared/session"]);
});

test("length and ids parse no session", async () => {
  const store = await createStore();
  const text = JSON.stringify(sessionWith({ text: "not read" }));
  for (let index = 0; index < 100; index++) await store.set(`s${index}`, sessionWith({ text: "not read" }));
  await store.storage.flush();
  const parse = JSON.parse;
  let parsedCount = 0;
  JSON.parse = (...args: Parameters<typeof parse>) => {
    if (args[0].length >= text.length) parsedCount++;
    return parse(...args);
  };
  try {
    assert.equal(await store.length(), 100);
    assert.equal((await store.ids()).length, 100);
  } finally {
    JSON.parse = parse;
  }
  assert.equal(parsedCount, 0);
});

test("a value that is not a session is not found, not listed by all, published when it is read, and can be replaced", async (t) => {
  const store = await createStore();
  const events: unknown[] = [];
  const listen = (event: unknown) => events.push(event);
  subscribe("cluster-storage:session", listen);
  teardown(t, () => unsubscribe("cluster-storage:session", listen));
  for (const stored of MALFORMED) {
    store.storage.set(["session/s"], stored);
    events.length = 0;
    assert.equal(await store.get("s"), null);
    // A stored null looks as if nothing were stored.
    assert.deepEqual(events, stored === null ? [] : [{ type: "malformed", sid: "s", store }], JSON.stringify(stored));
    assert.deepEqual([await store.all(), await store.length(), await store.ids()], [[], 1, ["s"]], "not parsed");
    await new Promise<void>((resolve, reject) => {
      store.load("s", (error, session) => (error || session ? reject(error ?? session) : resolve()));
    });
    await store.touch("s", sessionWith({}, inMs(HOUR_MS)));
    assert.deepEqual(store.storage.get(["session/s"]), stored);
    await store.set("s", sessionWith({ name: "Ada" }));
    assert.deepEqual(await store.get("s"), sessionWith({ name: "Ada" }));
    await store.destroy("s");
  }
});

test("a session that was not written by a store is read, changed, prolonged and ended", async () => {
  const store = await createStore({ touchAfter: 0 });
  const foreign: SessionPayload = sessionWith({ name: "Ada" });
  store.storage.set(["session/s"], foreign);
  assert.deepEqual(await store.get("s"), foreign);
  await store.touch("s", sessionWith({}, inMs(HOUR_MS)));
  await new Promise<void>((resolve, reject) => {
    store.get("s", (_, session) => store.set("s", { ...session, more: 1 }).then(resolve, reject));
  });
  const { cookie: _, ...fields } = (await store.get("s")) as SessionPayload;
  assert.deepEqual(fields, { name: "Ada", more: 1 });
  await store.set("s", sessionWith({ whole: 1 }));
  assert.deepEqual(await store.get("s"), sessionWith({ whole: 1 }));
  store.storage.set(["session/s"], foreign);
  await store.set("s", sessionWith({}, inMs(-1)));
  assert.equal(await store.get("s"), null);
});

test("destroy takes several ids", async () => {
  const store = await createStore();
  for (const sid of ["a", "b", "c"]) await store.set(sid, sessionWith());
  await store.destroy(["a", "c", "never"]);
  assert.deepEqual(await store.ids(), ["b"]);
});
