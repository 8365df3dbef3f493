import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../proof/cluster/processes.js";
import { Application } from "./application.js";
import { createStore, HOUR_MS, inMs, sessionWith } from "./stores.js";

const idsFrom = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `s${from + index}`);

test("of more sessions than maxSessions, those that end first are removed", async () => {
  const store = await createStore({ maxSessions: 10 });
  for (let index = 0; index < 15; index++)
    await store.set(`s${index}`, sessionWith({}, inMs(HOUR_MS - index * 60_000)));
  // The newest ends first.
  assert.deepEqual((await store.ids()).sort(), [...idsFrom(0, 9)].sort());
  await store.clear();
  for (let index = 0; index < 15; index++) {
    await store.set(`s${index}`, sessionWith({}, inMs(HOUR_MS + index * 60_000)));
    assert.ok((await store.length()) <= 10);
  }
  const ids = await store.ids();
  assert.ok(ids.length >= 9);
  for (const id of ids) assert.ok(Number(id.slice(1)) >= 5, id);
});

test("sessions of users stay when those of nobody can go", async () => {
  const store = await createStore({ maxSessions: 50, index: (session) => session.userId });
  for (let index = 0; index < 20; index++)
    await store.set(`user${index}`, sessionWith({ userId: index }, inMs(60_000)));
  for (let index = 0; index < 200; index++) await store.set(`bot${index}`, sessionWith({}, inMs(HOUR_MS)));
  const ids = await store.ids();
  assert.ok(ids.length <= 50, `${ids.length}`);
  assert.equal(ids.filter((id) => id.startsWith("user")).length, 20);
  assert.equal((await store.byUser(7)).length, 1);
});

test("sessions that have expired make room without a removal", async () => {
  const store = await createStore({ maxSessions: 5 });
  for (let index = 0; index < 5; index++) await store.set(`short${index}`, sessionWith({}, inMs(30)));
  await until("they have expired", async () => (await store.length()) === 0);
  for (let index = 0; index < 5; index++) await store.set(`s${index}`, sessionWith({}, inMs(HOUR_MS)));
  assert.equal(await store.length(), 5);
});

test("processes that create sessions at the same time keep the limit together", async (t) => {
  const application = new Application(t, { site: { framework: "Express 5", store: { maxSessions: 100 } } });
  await application.startAll(3);
  const workers = application.at("site");
  const create = async (worker: (typeof workers)[number], place: number) => {
    for (let index = 0; index < 120; index++)
      await worker.call("store.set", `${place}/${index}`, sessionWith({ index }));
  };
  await Promise.all(workers.map(create));
  for (const worker of workers) {
    const count = await worker.call<number>("store.length");
    assert.ok(count <= 100 && count >= 90, `${count}`);
  }
});

test("a limit that is no whole number of sessions is refused", async () => {
  for (const maxSessions of [0, -1, 1.5, Number.NaN]) await assert.rejects(createStore({ maxSessions }), RangeError);
  await assert.rejects(createStore({ maxSessions: "10" as never }), TypeError);
  await assert.rejects(createStore({ index: "userId" as never }), TypeError);
});
