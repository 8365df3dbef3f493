/** What stays of requests of one session that run at the same time, by the options of the store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import session from "express-session";
import type {
  ClusterSessionStore,
  ClusterSessionStoreOptions,
  SessionPayload,
} from "../../dist/session-store/index.js";
import { beginStore, createStore, HOUR_MS, inMs, openStore, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];

/** Loads sessions as express-session does. */
function loaderOf(store: ClusterSessionStore): (sid: string) => Promise<Record<string, unknown>> {
  if (store.generate === undefined) session({ store, secret: "s", resave: false, saveUninitialized: false });
  return (sid) =>
    new Promise((resolve, reject) => {
      store.load(sid, (error, loaded) => (error || !loaded ? reject(error ?? new Error("none")) : resolve(loaded)));
    });
}

/** The fields of a stored session. */
async function fieldsOf(store: ClusterSessionStore, sid = "s"): Promise<Record<string, unknown>> {
  const { cookie: _, ...fields } = (await store.get(sid)) as SessionPayload;
  return fields;
}

test("assigning the value that a field had is a write, in express-session", async () => {
  const store = await createStore();
  const load = loaderOf(store);
  await store.set("s", sessionWith({ orgId: "C", role: "viewer", other: 1 }));
  const [one, two] = [await load("s"), await load("s")];
  Object.assign(one, { orgId: "A", role: "admin", other: 2 });
  await store.set("s", one);
  Object.assign(two, { orgId: "B", role: "viewer" });
  await store.set("s", two);
  assert.deepEqual(await fieldsOf(store), { orgId: "B", role: "viewer", other: 2 });
  // What a request has written once it does not write again, unless it assigns it again.
  const three = await load("s");
  await store.set("s", Object.assign(three, { orgId: "D" }));
  two.other = 3;
  await store.set("s", two);
  assert.deepEqual(await fieldsOf(store), { orgId: "D", role: "viewer", other: 3 });
  two.orgId = "B";
  await store.set("s", two);
  assert.deepEqual(await fieldsOf(store), { orgId: "B", role: "viewer", other: 3 });
});

test("a touch writes no field, assigned or not", async () => {
  const store = await createStore({ touchAfter: 0 });
  const load = loaderOf(store);
  await store.set("s", sessionWith({ a: 1 }));
  const [one, two] = [await load("s"), await load("s")];
  one.a = 1;
  await store.set("s", Object.assign(two, { a: 2 }));
  (one.cookie as { expires: unknown }).expires = inMs(HOUR_MS);
  await store.touch("s", one);
  assert.deepEqual(await fieldsOf(store), { a: 2 });
  one.b = 1;
  await store.set("s", one);
  assert.deepEqual(await fieldsOf(store), { a: 1, b: 1 }, "the assignment was not forgotten");
});

const TOGETHER: ClusterSessionStoreOptions["together"] = [["orgId", "role"]];

for (const [way, load] of [
  ["express-session", (store: ClusterSessionStore) => loaderOf(store)("s")],
  ["@fastify/session", (store: ClusterSessionStore) => request(store, "s", async (payload) => payload)],
] as const) {
  test(`${way}: of two requests that changed any of a group, the later one's whole group stays`, async () => {
    const store = await createStore({ together: TOGETHER });
    await store.set("s", sessionWith({ orgId: "C", role: "viewer", cart: 0 }));
    const [one, two, three] = [await load(store), await load(store), await load(store)];
    await store.set("s", Object.assign(one, { orgId: "A", role: "admin", cart: 1 }));
    await store.set("s", Object.assign(two, { orgId: "B", text: "b" }));
    assert.deepEqual(await fieldsOf(store), { orgId: "B", role: "viewer", cart: 1, text: "b" });
    await store.set("s", Object.assign(three, { cart: 2 }));
    assert.deepEqual(await fieldsOf(store), { orgId: "B", role: "viewer", cart: 2, text: "b" }, "none of the group");
    const { role: _, ...four } = await load(store);
    await store.set("s", Object.assign(one, { orgId: "D" }));
    assert.deepEqual(await fieldsOf(store), { orgId: "D", role: "admin", cart: 2, text: "b" });
    delete (two as { role?: string }).role;
    await store.set("s", two);
    assert.deepEqual(await fieldsOf(store), { orgId: "B", cart: 2, text: "b" }, "a removed field of a group");
    assert.equal(four.orgId, "B");
  });
}

test("with merge whole, the later session stays as a whole, and a destroyed one stays destroyed", async (t) => {
  const store = await createStore({ merge: "whole" });
  const other = beginStore(t, { storage: store.storage, merge: "whole" });
  const [load, loadOther] = [loaderOf(store), loaderOf(other)];
  await store.set("s", sessionWith({ a: 0, gone: 1 }));
  const [one, two, reader] = [await load("s"), await loadOther("s"), await load("s")];
  const { length } = store.storage.keys();
  await store.set("s", Object.assign(one, { a: 1, one: 1 }));
  delete two.gone;
  await other.set("s", Object.assign(two, { two: 2 }));
  assert.deepEqual(await fieldsOf(store), { a: 0, two: 2 });
  await store.set("s", reader);
  await store.touch("s", reader);
  assert.deepEqual(await fieldsOf(store), { a: 0, two: 2 }, "a request that changed nothing writes nothing");
  assert.equal(store.storage.keys().length, length);
  await store.set("s", Object.assign(one, { a: 2 }));
  assert.deepEqual(await fieldsOf(other), { a: 2, gone: 1, one: 1 });
  assert.deepEqual(
    (await store.all()).map(({ cookie: _, ...listed }) => listed),
    [{ id: "s", a: 2, gone: 1, one: 1 }],
  );
  await store.destroy("s");
  await store.set("s", Object.assign(one, { a: 3 }));
  await other.set("s", Object.assign(two, { a: 3 }));
  assert.equal(await store.get("s"), null);
  await store.set("s", sessionWith({ fresh: 1 }));
  await store.set("s", Object.assign(one, { a: 4 }));
  assert.deepEqual(await fieldsOf(store), { fresh: 1 });
  await store.set("s", sessionWith({ replaced: 1 }));
  assert.deepEqual(await fieldsOf(store), { replaced: 1 });
});

test("with merge whole, a session is replaced as a whole also where a process does not know yet what another one has stored", async (t) => {
  const store = await openStore(t, { merge: "whole" });
  await store.set("s", sessionWith({ a: 0 }));
  const load = loaderOf(store);
  const [one, two] = [await load("s"), await load("s")];
  Object.assign(one, { one: 1 });
  Object.assign(two, { two: 2 });
  // As the entries of another process, the fields come into the log before the second write, which does not name them.
  await Promise.all([store.set("s", one), store.set("s", two)]);
  const raw = store.storage.get(KEY) as Record<string, unknown>;
  assert.deepEqual(Object.keys(raw).sort(), ["@birth", "@whole", "cookie"]);
  assert.deepEqual(await fieldsOf(store), { a: 0, two: 2 });
});

test("sessions stay readable and writable when merge is changed", async (t) => {
  const fields = await createStore();
  const whole = beginStore(t, { storage: fields.storage, merge: "whole" });
  const [loadFields, loadWhole] = [loaderOf(fields), loaderOf(whole)];
  await fields.set("s", sessionWith({ a: 1, b: 1 }));
  assert.deepEqual(await fieldsOf(whole), { a: 1, b: 1 });
  const [early, late] = [await loadFields("s"), await loadFields("s")];
  const first = await loadWhole("s");
  delete first.b;
  await whole.set("s", Object.assign(first, { c: 1 }));
  for (const store of [fields, whole]) assert.deepEqual(await fieldsOf(store), { a: 1, c: 1 });
  await fields.set("s", Object.assign(early, { early: 1 }));
  for (const store of [fields, whole]) assert.deepEqual(await fieldsOf(store), { a: 1, c: 1, early: 1 });
  await fields.set("s", Object.assign(late, { a: 2 }));
  for (const store of [fields, whole]) assert.deepEqual(await fieldsOf(store), { a: 2, c: 1, early: 1 });
  await whole.set("s", Object.assign(await loadWhole("s"), { a: 3 }));
  const [one, two] = [await loadFields("s"), await loadFields("s")];
  await Promise.all([fields.set("s", Object.assign(one, { one: 1 })), fields.set("s", Object.assign(two, { two: 2 }))]);
  for (const store of [fields, whole]) {
    assert.deepEqual(await fieldsOf(store), { a: 3, c: 1, early: 1, one: 1, two: 2 });
  }
});

test("fields named as those of the store are left out", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ "@whole": { stolen: 1 }, "@birth": "b", mine: 1 }));
  assert.deepEqual(await fieldsOf(store), { mine: 1 });
});

test("bad options of the merge are refused at once", (t) => {
  for (const merge of ["keys", 1, null]) assert.throws(() => beginStore(t, { merge } as never), TypeError);
  const groups = [1, "orgId", [["orgId"]], [[]], [["orgId", 1]], [["orgId", "cookie"]], ["orgId", "role"], { a: 1 }];
  for (const together of groups) assert.throws(() => beginStore(t, { together } as never), /expected together to be/);
  for (const together of [
    [["a", "b", "a"]],
    [
      ["a", "b"],
      ["b", "c"],
    ],
  ]) {
    assert.throws(() => beginStore(t, { together }), /in one group of together/);
  }
  assert.throws(() => beginStore(t, { together: [["a", "b"]], merge: "whole" }), /expected together only with/);
});
