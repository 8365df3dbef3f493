import assert from "node:assert/strict";
import { test } from "node:test";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";
import { createStore, openStore, request, sessionWith } from "./stores.js";

test("a change of a session object after set is not stored", async () => {
  const store = await createStore();
  const session = sessionWith({ name: "Ada", cart: [{ n: 1 }] });
  const isSet = store.set("s", session);
  session.name = "Bob";
  session.cart[0].n = 2;
  session.cookie.path = "/other";
  await isSet;
  assert.deepEqual(await store.get("s"), sessionWith({ name: "Ada", cart: [{ n: 1 }] }));
});

test("a change of a session after get, at any depth, is not stored until set", async () => {
  const store = await createStore();
  const session = sessionWith({ name: "Ada", cart: [{ n: 1 }], deep: { a: { b: [1, { c: 1 }] } } });
  await store.set("s", session);
  for (let round = 0; round < 2; round++) {
    const [got, listed] = [await store.get("s"), (await store.all())[0]];
    for (const copy of [got, listed]) {
      assert.ok(copy);
      copy.name = "Bob";
      copy.cart.push(1);
      copy.deep.a.b[1].c = 2;
      copy.cookie.path = "/other";
    }
    assert.deepEqual(await store.get("s"), session);
  }
});

test("a change deep inside a session that was read is written", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ deep: { a: { b: [1, { c: 1 }] } }, other: 1 }));
  await request(store, "s", async (session) => {
    session.deep.a.b[1].c = 2;
    await store.set("s", session);
  });
  assert.deepEqual(await store.get("s"), sessionWith({ deep: { a: { b: [1, { c: 2 }] } }, other: 1 }));
});

test("a session comes back as JSON carries it", async () => {
  const store = await createStore();
  const date = new Date(0);
  const fields = {
    date,
    custom: { toJSON: () => ({ made: true }) },
    nothing: undefined,
    list: [undefined, Number.NaN, -0, Number.POSITIVE_INFINITY],
    holes: new Array(2),
    negative: -0,
    call: () => {},
    text: "\u0000\ud800 \u2028 \u{1f600}",
    empty: {},
    null: null,
  };
  await store.set("s", sessionWith(fields));
  const got = await store.get("s");
  assert.deepEqual(got, JSON.parse(JSON.stringify(sessionWith(fields))));
  assert.deepEqual(got?.date, date.toISOString());
  assert.deepEqual(Object.keys(got ?? {}).includes("nothing"), false);
});

test("an unchanged session with such values counts as unchanged", async () => {
  const store = await createStore();
  const session = sessionWith({ date: new Date(0), list: [undefined, -0], nothing: undefined, zero: -0 });
  await store.set("s", session);
  const { seq } = store.storage.stats();
  await store.set("s", { ...session });
  await request(store, "s", (loaded) => store.set("s", { ...loaded, date: new Date(0), zero: 0, nothing: undefined }));
  assert.equal(store.storage.stats().seq, seq);
});

test("fields with names of the prototype or of the store are kept or left out, and change no prototype", async () => {
  const store = await createStore();
  const text = `{"cookie":{"__proto__":{"bad":1},"path":"/"},"__proto__":{"bad":1},"constructor":{"prototype":{"bad":1}},
    "toString":1,"hasOwnProperty":2,"@birth":"stolen","nested":{"__proto__":{"bad":1},"length":3},"list":[{"__proto__":{"bad":1}}]}`;
  await store.set("s", JSON.parse(text));
  const got = (await store.get("s")) as Record<string, unknown>;
  assert.equal(({} as { bad?: unknown }).bad, undefined);
  assert.equal(Object.hasOwn(got, "@birth"), false);
  assert.equal(Object.hasOwn(got, "__proto__"), false);
  assert.equal(Object.getPrototypeOf(got), Object.prototype);
  assert.deepEqual([got.toString, got.hasOwnProperty], [1, 2]);
  assert.deepEqual(got.constructor, { prototype: { bad: 1 } });
  for (const inner of [got.nested, got.cookie]) {
    assert.equal(Object.getPrototypeOf(inner), Object.prototype);
    assert.equal((inner as { bad?: unknown }).bad, undefined);
  }
  const birth = store.storage.get(["session/s"])["@birth"];
  assert.notEqual(birth, "stolen");
  await request(store, "s", (session) => store.set("s", { ...session, "@birth": "stolen", constructor: 1 }));
  assert.equal(store.storage.get(["session/s"])["@birth"], birth);
  assert.equal((await store.get("s"))?.constructor, 1);
});

const IDS = [
  "a.b",
  "a[0]",
  "",
  "__proto__",
  "constructor",
  "toString",
  "127.0.0.1",
  "::1",
  "2001:db8::/56",
  "%2e",
  "../../etc",
  "a/b",
  "/",
  "12345",
  "a\u0000b",
  "k".repeat(4096),
  "\u{1f600} ü",
  "'\"`\\",
  " ",
];

test("any text is an id, and different texts are different ids", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  const store = await openStore(t, { path: home.directory });
  for (const [index, sid] of IDS.entries()) await store.set(sid, sessionWith({ index }));
  for (const [index, sid] of IDS.entries()) {
    await request(store, sid, (session) => store.set(sid, { ...session, again: index }));
    assert.deepEqual(await store.get(sid), sessionWith({ index, again: index }), JSON.stringify(sid));
    const seen = () => member.call<{ again?: number } | null>("get", [`session/${sid}`]);
    await until("the other process has it", async () => (await seen())?.again === index);
  }
  assert.deepEqual((await store.ids()).sort(), [...IDS].sort());
  assert.deepEqual((await store.all()).map(({ id }) => id).sort(), [...IDS].sort());
  for (const [index, sid] of IDS.entries()) {
    await store.destroy(sid);
    assert.equal(await store.get(sid), null);
    assert.equal(await store.length(), IDS.length - index - 1);
  }
});

test("a lone surrogate in an id is either kept or refused, and does not name another session", async () => {
  const store = await createStore();
  await store.set("\ufffd", sessionWith({ name: "replacement" }));
  const set = await store.set("\ud800", sessionWith({ name: "lone" })).then(
    () => true,
    () => false,
  );
  assert.equal((await store.get("\ufffd"))?.name, "replacement");
  if (set) assert.equal((await store.get("\ud800"))?.name, "lone");
});
