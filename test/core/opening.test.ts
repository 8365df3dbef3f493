import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { StorageError } from "../../dist/core/errors.js";
import { opened } from "../../dist/core/opening.js";
import { ManualClock } from "./local/machine/manual-machine.js";

function makeOpening() {
  const clock = new ManualClock();
  const state = { delivered: 0, trouble: null as StorageError | null, finish: (_error?: Error) => {} };
  const synced = new Promise<void>((resolve, reject) => {
    state.finish = (error) => (error ? reject(error) : resolve());
  });
  const opening = {
    clock,
    label: "/data/app.db",
    progress: () => state.delivered,
    trouble: () => state.trouble,
    missing: () => "a manager",
    sync: () => synced,
  };
  return { clock, state, opening };
}

test("the wait ends after its time without progress, and says what it waited for and what went wrong last", async () => {
  const { clock, state, opening } = makeOpening();
  const wait = opened(opening, 1000);
  state.trouble = new StorageError("ERR_STORAGE_RESOURCES", "no files left");
  clock.pass(1001);
  await assert.rejects(wait, (error: StorageError) => {
    assert.equal(error.code, "ERR_STORAGE_NOT_READY");
    assert.match(error.message, /app\.db.* 1000 ms.*waiting for a manager: no files left/);
    assert.equal(error.cause, state.trouble);
    return true;
  });
  state.finish(new Error("closed")); // nobody else waits for it
  await nextTurn();
});

test("as long as data arrives, the wait goes on", async () => {
  const { clock, state, opening } = makeOpening();
  const wait = opened(opening, 1000);
  for (let round = 0; round < 20; round++) {
    clock.pass(500);
    state.delivered++;
  }
  state.finish();
  await wait;
  clock.pass(5000);
});

test("a failure of the storage ends the wait at once", async () => {
  const { state, opening } = makeOpening();
  const wait = opened(opening, 1000);
  state.finish(new StorageError("ERR_STORAGE_CORRUPT", "damaged"));
  await assert.rejects(wait, { code: "ERR_STORAGE_CORRUPT" });
});
