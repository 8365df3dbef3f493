import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type TestContext, test } from "node:test";
import type { ClusterSessionStore } from "../../dist/session-store/index.js";
import { Home } from "../api/conformance/home.js";
import { teardown } from "../proof/cluster/teardown.js";
import { createStore, HOUR_MS, inMs, openStore, request, sessionWith } from "./stores.js";

const KEY = ["session/s"];

/** What the store publishes during a test. */
function published(t: TestContext): { type: string; sid: string; store: unknown }[] {
  const events: { type: string; sid: string; store: unknown }[] = [];
  const listen = (event: unknown) => events.push(event as (typeof events)[number]);
  subscribe("cluster-storage:session", listen);
  teardown(t, () => unsubscribe("cluster-storage:session", listen));
  return events;
}

test("touch after destroy does not bring the session back, and is not an error", async (t) => {
  const events = published(t);
  const store = await createStore({ touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }));
  await request(store, "s", async (session) => {
    await store.destroy("s");
    await store.touch("s", { ...session, cookie: { ...session.cookie, expires: inMs(HOUR_MS) } });
  });
  await store.touch("s", sessionWith({ name: "Ada" }, inMs(HOUR_MS)));
  await store.touch("never", sessionWith({}, inMs(HOUR_MS)));
  assert.deepEqual(await store.ids(), []);
  assert.deepEqual(events, []);
});

test("touch does not bring back a session that another process is destroying", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  const store = await openStore(t, { path: home.directory, touchAfter: 0 });
  for (let round = 0; round < 20; round++) {
    await store.set("s", sessionWith({ round }));
    await member.call("sync");
    const destroyed = member.call("delete", KEY);
    await store.touch("s", sessionWith({}, inMs(HOUR_MS)));
    await destroyed;
    await member.call("flush");
    await store.storage.sync();
    assert.equal(await store.get("s"), null);
  }
});

test("touch writes only the cookie", async () => {
  const store = await createStore({ touchAfter: 0 });
  await store.set("s", sessionWith({ name: "Ada" }));
  await store.touch("s", sessionWith({ name: "Bob", more: 1 }, inMs(HOUR_MS)));
  const { cookie, ...fields } = (await store.get("s")) ?? { cookie: {} };
  assert.deepEqual(fields, { name: "Ada" });
  assert.ok(Date.parse(cookie.expires as string) > Date.now());
});

test("set after destroy by a request that had loaded the session does not bring it back, and is published", async (t) => {
  const events = published(t);
  const store = await createStore();
  await store.set("s", sessionWith({ name: "Ada" }));
  await request(store, "s", async (session) => {
    await store.destroy("s");
    await store.set("s", { ...session, late: true });
  });
  assert.equal(await store.get("s"), null);
  assert.deepEqual(events, [{ type: "late-write", sid: "s", store }]);
});

test("set of a session that no request has loaded stores it, even if one with this id was destroyed", async () => {
  const store = await createStore();
  for (const round of [1, 2, 3]) {
    await store.set("s", sessionWith({ round }));
    assert.equal((await store.get("s"))?.round, round);
    await store.destroy("s");
  }
});

test("set and destroy of one process take effect in the order of the calls", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ round: 1 }));
  await Promise.all([store.set("s", sessionWith({ round: 2 })), store.destroy("s")]);
  assert.equal(await store.get("s"), null);
  await Promise.all([store.destroy("s"), store.set("s", sessionWith({ round: 3 }))]);
  assert.equal((await store.get("s"))?.round, 3);
});

test("set in the callback of destroy, under the same id, stores a new session", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ name: "Ada" }));
  await request(store, "s", () => {
    return new Promise<void>((resolve, reject) => {
      store.destroy("s", () => {
        store.set("s", sessionWith({ fresh: true }), (error) => (error ? reject(error) : resolve()));
      });
    });
  });
  assert.deepEqual(await store.get("s"), sessionWith({ fresh: true }));
});

test("requests do not undo each other's changes; of two writes of one field the later wins; a removed field stays removed", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ kept: 1, gone: 1, same: 0, changed: { a: 1, b: [1] } }));
  let opened = (): void => {};
  const opening = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const first = request(store, "s", async ({ gone: _, ...session }) => {
    await opening;
    await store.set("s", { ...session, same: 1, one: 1 });
  });
  const second = request(store, "s", async (session) => {
    await store.set("s", { ...session, same: 2, two: 2, changed: { a: 2, b: [1] } });
    opened();
  });
  await Promise.all([first, second]);
  const expected = { kept: 1, same: 1, one: 1, two: 2, changed: { a: 2, b: [1] } };
  assert.deepEqual(await store.get("s"), sessionWith(expected));
});

test("a request that writes several times writes what it has changed since its last write", async () => {
  const store = await createStore();
  await store.set("s", sessionWith({ mine: 0 }));
  await request(store, "s", async (session) => {
    session.mine = 1;
    await store.set("s", session);
    await request(store, "s", async (other) => store.set("s", { ...other, mine: 2, theirs: 1 }));
    session.more = 1;
    await store.set("s", session);
  });
  assert.deepEqual(await store.get("s"), sessionWith({ mine: 2, theirs: 1, more: 1 }));
});

test("the same is true for the session objects of express-session, without an asynchronous context", async () => {
  const store = await createStore();
  store.generate = () => {};
  await store.set("s", sessionWith({ gone: 1 }));
  const load = () => {
    return new Promise<Parameters<ClusterSessionStore["set"]>[1]>((resolve, reject) => {
      store.load("s", (error, session) => (error ? reject(error) : resolve(session)));
    });
  };
  const [one, two, late] = await Promise.all([load(), load(), load()]);
  Object.assign(one as object, { one: 1 });
  delete (two as Record<string, unknown>).gone;
  await Promise.all([store.set("s", one as object), store.set("s", two as object)]);
  const { cookie: _, ...fields } = (await store.get("s")) ?? {};
  assert.deepEqual(fields, { one: 1 });
  await store.destroy("s");
  await store.set("s", late as object);
  assert.equal(await store.get("s"), null);
});
