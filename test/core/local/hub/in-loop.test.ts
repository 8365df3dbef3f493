/** A hub in the event loop of an application: it waits for the disk without blocking, and keeps the order of a turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BATCH, CONFIRM } from "../../../../dist/core/log/frame.js";
import { batchFrame, ManualHub } from "../machine/manual-machine.js";

/** A hub whose syncs are over when the test says so. */
function hubInLoop() {
  const hub = new ManualHub({ fsync: "always" }, false);
  const syncs: ((error: Error | null) => void)[] = [];
  hub.files.sync = () => assert.fail("it blocks for a file");
  hub.files.syncDirectory = () => assert.fail("it blocks for a directory");
  hub.files.syncLater = (_file, done) => void syncs.push(done);
  hub.files.syncDirectoryLater = (_path, done) => done(null);
  const endSync = (error: Error | null = null) => {
    syncs.shift()?.(error);
    hub.clock.run();
  };
  return { hub, syncs, endSync };
}

test("with fsync always, nothing is sent before the sync is over, and then after a look at the seat", () => {
  const { hub, syncs, endSync } = hubInLoop();
  const [a, b] = [hub.join("a"), hub.join("b")];
  a.received.length = 0;
  a.say(batchFrame(1));
  hub.clock.run();
  assert.equal(syncs.length, 1);
  assert.deepEqual([...a.kinds(), ...b.kinds()], []);
  const looksBefore = hub.calls.filter((call) => call.startsWith("lookAt")).length;
  endSync();
  assert.deepEqual([a.of(CONFIRM).length, b.of(BATCH).length], [1, 1]);
  const look = hub.calls.findLastIndex((call) => call.startsWith("lookAt"));
  assert.ok(hub.calls.filter((call) => call.startsWith("lookAt")).length > looksBefore);
  assert.ok(look < hub.calls.findIndex((call) => call.startsWith("send")), hub.calls.join(", "));
});

test("what arrives while a sync is under way is ordered in one turn after it", () => {
  const { hub, syncs, endSync } = hubInLoop();
  const [a, b] = [hub.join("a"), hub.join("b")];
  a.say(batchFrame(1));
  hub.clock.run();
  a.say(batchFrame(2));
  b.say(batchFrame(1));
  hub.clock.run();
  assert.equal(hub.calls.filter((call) => /^write .*log\.1\.1$/.test(call)).length, 1);
  endSync();
  assert.deepEqual([a.of(CONFIRM).length, syncs.length], [1, 1]);
  endSync();
  assert.deepEqual([a.of(CONFIRM).at(-1)?.seq, b.of(CONFIRM).at(-1)?.seq], [2, 3]);
});

test("each batch of the hub's own is known to be confirmed once it is, also when another one waits", () => {
  const { hub, endSync } = hubInLoop();
  const a = hub.join("a");
  a.say(batchFrame(1));
  hub.clock.run();
  endSync();
  const confirmed: string[] = [];
  hub.hub.left("b", (isConfirmed) => confirmed.push(`b ${isConfirmed}`));
  hub.hub.left("c", (isConfirmed) => confirmed.push(`c ${isConfirmed}`));
  for (let turn = 0; turn < 3; turn++) endSync();
  assert.deepEqual(confirmed, ["b true", "c true"]);
});

test("a manager that is replaced while a sync is under way confirms nothing", () => {
  const { hub, endSync } = hubInLoop();
  const a = hub.join("a");
  a.say(batchFrame(1));
  hub.clock.run();
  hub.files.unlink(hub.seatPath);
  endSync();
  assert.deepEqual([a.of(CONFIRM).length, hub.happened], [0, ["replaced"]]);
});

test("a failed sync confirms nothing; a segment is begun and a hub is closed only when a sync is over", () => {
  const { hub, syncs, endSync } = hubInLoop();
  const a = hub.join("a");
  a.say(batchFrame(1));
  hub.clock.run();
  let isRotated: boolean | undefined;
  hub.hub.rotate((is) => {
    isRotated = is;
  });
  assert.equal(isRotated, undefined);
  endSync();
  endSync();
  assert.deepEqual([isRotated, a.of(CONFIRM).length], [true, 1]);
  a.say(batchFrame(2));
  hub.clock.run();
  endSync(Object.assign(new Error("EIO"), { code: "EIO" }));
  assert.deepEqual([a.of(CONFIRM).length, hub.happened], [1, ["mustCompact"]]);
  hub.clock.pass(100);
  endSync();
  assert.equal(a.of(CONFIRM).length, 2);
  a.say(batchFrame(3));
  hub.clock.run();
  let isClosed = false;
  hub.hub.close(() => {
    isClosed = true;
  });
  assert.equal(isClosed, false);
  for (; syncs.length > 0; ) endSync();
  assert.equal(a.of(CONFIRM).length, 3);
});
