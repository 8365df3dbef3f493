import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type { Storage } from "../../dist/core/index.js";
import { ExpiredKeys } from "../../dist/session-store/expired-keys.js";
import { until } from "../proof/cluster/processes.js";
import { openStore, request, sessionWith } from "./stores.js";

const DEADLINE_MS = 60_000;

test("the keys of the prefixes that are asked for are known once they have expired, the latest of them", () => {
  const storage = new EventEmitter() as unknown as Storage & EventEmitter;
  const keys = ExpiredKeys.of(storage, "session/");
  assert.equal(ExpiredKeys.of(storage, "other/"), keys, "one for all stores of a storage");
  assert.equal(storage.listenerCount("expire"), 1);
  for (const path of [["session/a"], ["other/b"], ["limit/c"], ["session/d", "field"], ["plain"]]) {
    storage.emit("expire", { path });
  }
  const known = ["session/a", "other/b", "limit/c", "session/d", "plain"].filter((key) => keys.has(key));
  assert.deepEqual(known, ["session/a", "other/b"]);
  for (let number = 0; number < 10_000; number++) storage.emit("expire", { path: [`session/${number}`] });
  assert.deepEqual([keys.has("session/a"), keys.has("session/0"), keys.has("session/9999")], [false, true, true]);
});

test("a session whose life was made shorter is kept by a request also after the storage has dropped it", async (t) => {
  const store = await openStore(t, { gcInterval: 100 });
  const { storage } = store;
  const key = ["session/s"];
  let isDropped = false;
  storage.on("expire", () => {
    isDropped = true;
  });
  await store.set("s", sessionWith({ name: "Ada" }));
  await request(store, "s", async (loaded) => {
    storage.touch(key, 1);
    await until("it is dropped", () => isDropped, DEADLINE_MS);
    await store.set("s", { ...loaded, late: true });
  });
  assert.equal((await store.get("s"))?.late, true);
});
