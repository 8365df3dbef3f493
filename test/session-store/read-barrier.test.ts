/** When a read asks the manager, seen on a storage whose state the test sets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FACTS } from "../../dist/core/facts.js";
import type { Storage } from "../../dist/core/index.js";
import { ReadBarrier } from "../../dist/session-store/read-barrier.js";

/** A barrier before a storage that is late, and how often it has asked the manager. */
function lateStorage() {
  const facts = { seq: 5, reloadCount: 0, hasPending: false, delayMs: 1000, isPushed: true, failure: null };
  const asked = { count: 0 };
  const storage = {
    status: "open",
    sync: async () => void asked.count++,
    flush: async () => {},
    [FACTS]: facts,
  };
  return { facts, asked, barrier: new ReadBarrier(storage as unknown as Storage, false, 1000) };
}

test("a late process asks the manager once for each write that it learns of late", async () => {
  const { facts, asked, barrier } = lateStorage();
  await barrier.beforeRead();
  await barrier.beforeRead();
  assert.equal(asked.count, 1);
  facts.seq++;
  await barrier.beforeRead();
  assert.equal(asked.count, 2);
  facts.seq++;
  facts.delayMs = 0;
  await barrier.beforeRead();
  assert.equal(asked.count, 2);
});

test("after a reload a late process asks again, also where the new state has the seq of the old one", async () => {
  const { facts, asked, barrier } = lateStorage();
  await barrier.beforeRead();
  facts.reloadCount++;
  await barrier.beforeRead();
  await barrier.beforeRead();
  assert.equal(asked.count, 2);
});

test("a read that comes in a later turn than another one waits longer than that: for a whole turn of its own", async () => {
  const { barrier } = lateStorage();
  let turn = 0;
  const turnOf = (read: Promise<void>): Promise<number> => read.then(() => turn);
  const first = turnOf(barrier.beforeRead());
  const beside = turnOf(barrier.beforeRead());
  await nextTurn();
  const later = turnOf(barrier.beforeRead());
  for (; turn < 10; turn++) await nextTurn();
  assert.equal(await beside, await first);
  assert.ok((await later) > (await first));
});
