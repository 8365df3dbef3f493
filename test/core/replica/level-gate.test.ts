import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpokenLevels } from "../../../dist/core/log/levels.js";
import { LevelGate } from "../../../dist/core/replica/level-gate.js";

/** A gate whose log and clock the test controls. */
function openGate(levels: SpokenLevels = { least: 1, most: 3, max: 3 }) {
  const open = { now: 1000, needed: [] as number[], timers: [] as { at: number; call: () => void }[] };
  const clock = {
    now: () => open.now,
    microtask: queueMicrotask,
    soon: setImmediate,
    after(ms: number, call: () => void) {
      const timer = { at: open.now + ms, call };
      open.timers.push(timer);
      return { cancel: () => void open.timers.splice(open.timers.indexOf(timer) >>> 0, 1) };
    },
  };
  const gate = new LevelGate({ needLevel: (level) => open.needed.push(level), levels }, clock);
  /** Lets time pass, timer by timer. */
  const pass = (ms: number): void => {
    const end = open.now + ms;
    for (;;) {
      const due = open.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      open.timers.splice(open.timers.indexOf(due), 1);
      open.now = due.at;
      due.call();
    }
    open.now = end;
  };
  return { ...open, open, gate, pass };
}

/** How a promise stands. */
async function stateOf(promise: Promise<void>): Promise<string> {
  const later = new Promise<string>((resolve) => setImmediate(resolve, "waits"));
  const [result] = await Promise.allSettled([Promise.race([promise.then(() => "reached"), later])]);
  return result.status === "fulfilled" ? result.value : `${result.reason.code}: ${result.reason.message}`;
}

test("calls wait for the level that they need, and go on when the log has it", async () => {
  const { gate, open } = openGate();
  const two = gate.reach(2);
  const three = gate.reach(3);
  assert.deepEqual([open.needed, gate.isWaiting], [[2, 3], true]);
  gate.raised(2);
  assert.deepEqual([await stateOf(two), await stateOf(three)], ["reached", "waits"]);
  gate.raised(3);
  assert.deepEqual([await stateOf(three), gate.isWaiting, open.timers.length], ["reached", false, 0]);
});

test("after ten seconds a call is rejected with what hinders the level", async () => {
  const { gate, pass } = openGate();
  const silent = gate.reach(2);
  silent.catch(() => {});
  pass(9999);
  assert.equal(await stateOf(silent), "waits");
  pass(1);
  assert.match(await stateOf(silent), /^ERR_STORAGE_PROTOCOL: expected a log at level 2.*: no manager has answered$/);
  const held = gate.reach(2);
  held.catch(() => {});
  gate.held({ why: "process 7 speaks level 1 at most", waitMs: 0 });
  pass(10_000);
  assert.match(await stateOf(held), /: process 7 speaks level 1 at most$/);
  assert.equal(gate.isWaiting, false);
});

test("what a new manager waits before it decides does not count", async () => {
  const { gate, pass } = openGate();
  const waiting = gate.reach(2);
  waiting.catch(() => {});
  gate.held({ why: "the manager is new", waitMs: 45_000 });
  pass(54_999);
  assert.equal(await stateOf(waiting), "waits");
  pass(1);
  assert.match(await stateOf(waiting), /: the manager is new$/);
});

test("what this process may not raise is rejected at once, and nothing is asked for", async () => {
  const capped = openGate({ least: 1, most: 3, max: 2 });
  assert.match(await stateOf(capped.gate.reach(3)), /ERR_STORAGE_PROTOCOL: .*this process has the option maxLevel: 2$/);
  assert.match(await stateOf(capped.gate.reach(4)), /this process has a version that speaks level 3 at most$/);
  assert.deepEqual([capped.open.needed, capped.gate.isWaiting], [[], false]);
});

test("a storage that is closed rejects what waits", async () => {
  const { gate } = openGate();
  const waiting = gate.reach(2);
  waiting.catch(() => {});
  gate.fail(Object.assign(new Error("closed"), { code: "ERR_STORAGE_CLOSED" }));
  assert.match(await stateOf(waiting), /^ERR_STORAGE_CLOSED/);
  assert.equal(gate.isWaiting, false);
});
