/** What a hub does about members that take less than it sends to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BATCH, CONFIRM } from "../../../../dist/core/log/frame.js";
import { batchFrame, ManualHub } from "../machine/manual-machine.js";

test("a member that does not take what is sent to it is dropped; the others wait for a moment, and go on", () => {
  const hub = new ManualHub({ maxMemberBacklogBytes: 100_000 });
  const [a, b, c] = [hub.join("a"), hub.join("b"), hub.join("c")];
  b.queuedBytes = 100_000;
  a.say(batchFrame(1));
  hub.clock.run();
  assert.equal(a.isPaused, false);
  b.queuedBytes = 100_001;
  a.say(batchFrame(2));
  hub.clock.run();
  assert.deepEqual([b.isClosed, a.isPaused, c.isPaused], [false, true, true]);
  const late = hub.join("late");
  assert.equal(late.isPaused, true);
  hub.clock.pass(1100);
  assert.deepEqual([b.isClosed, a.isPaused, c.isPaused, late.isPaused], [false, false, false, false]);
  a.say(batchFrame(3));
  hub.clock.pass(2000);
  assert.ok(b.isClosed);
  assert.deepEqual(
    c.of(BATCH).map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.equal(a.of(CONFIRM).length, 3);
});

test("a member for which the hub waits no longer is dropped before more than twice its backlog waits", () => {
  const hub = new ManualHub({ maxMemberBacklogBytes: 100_000 });
  const [a, b] = [hub.join("a"), hub.join("b")];
  b.queuedBytes = 100_001;
  a.say(batchFrame(1));
  hub.clock.pass(1100);
  b.queuedBytes = 200_000;
  a.say(batchFrame(2));
  hub.clock.run();
  assert.equal(b.isClosed, false);
  b.queuedBytes = 200_001;
  const before = b.received.length;
  a.say(batchFrame(3));
  hub.clock.run();
  assert.deepEqual([b.isClosed, b.received.length], [true, before]);
});

test("a hub that waits for its disk and for a member receives nothing until both are over", () => {
  const hub = new ManualHub({ maxMemberBacklogBytes: 100_000 });
  const [a, b] = [hub.join("a"), hub.join("b")];
  b.queuedBytes = 100_001;
  a.say(batchFrame(1));
  hub.files.fault = (call) => (call === "write" ? { code: "ENOSPC" } : undefined);
  a.say(batchFrame(2));
  hub.clock.pass(100);
  b.queuedBytes = 0;
  hub.clock.pass(100);
  assert.equal(a.isPaused, true, "the disk still refuses");
  b.queuedBytes = 100_001;
  hub.files.fault = null;
  hub.clock.pass(300);
  assert.equal(a.isPaused, true, "the member is behind again");
  b.queuedBytes = 50_000;
  hub.clock.pass(100);
  assert.deepEqual([a.isPaused, b.isPaused], [false, false]);
});
