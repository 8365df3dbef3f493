/** `take`: what it comes to at its place in the log, whatever came between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { deleteEntry, expireEntry, setEntry, slotEntry } from "../../../dist/core/log/entry.js";
import { checkAndStamp, originOf, STATE } from "../../../dist/core/log/frame.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import { joined } from "./coordinating.js";
import { NOW, tick } from "./opened-replica.js";

test("take removes at once, and resolves with what it removed at its place in the log", async () => {
  const { open, replica, coordination, confirmAll, next } = joined();
  open.foreign(setEntry(["code"], '{"user":{"id":7}}'));
  const taken = coordination.take("code");
  assert.equal(replica.has("code"), false);
  await tick();
  assert.deepEqual(next(), [deleteEntry(["code"])]);
  open.foreign(setEntry(["code"], '{"user":{"id":8}}'));
  await confirmAll();
  const value = (await taken) as { user: object };
  assert.deepEqual(value, { user: { id: 8 } });
  assert.ok(Object.isFrozen(value) && Object.isFrozen(value.user));
  assert.equal(replica.has("code"), false);
});

test("of several takes one gets the value", async () => {
  const { open, coordination, confirmAll } = joined();
  open.foreign(setEntry(["code"], "1"), setEntry(["other"], "2"));
  const own = [coordination.take("code"), coordination.take("code")];
  const lost = coordination.take("other");
  await tick();
  open.foreign(deleteEntry(["other"]));
  await confirmAll();
  assert.deepEqual(await Promise.all([...own, lost]), [1, null, null]);
});

test("take gives what is below a path, what an own write has stored, and nothing that has expired", async () => {
  const { open, replica, coordination, confirmAll } = joined();
  open.foreign(
    setEntry(["o"], '{"a":{"x":1},"list":[1,2],"b":3}'),
    expireEntry(["o", "a", "x"], NOW + 100),
    setEntry(["brief"], "1", NOW + 100),
  );
  replica.set("mine", { y: 1 });
  const takes = [["o", "a"], ["o", "list", "1"], ["o", "list", "length"], ["brief"], ["mine"], ["mine"]].map((path) =>
    coordination.take(path),
  );
  await tick();
  open.now += 200;
  await confirmAll();
  assert.deepEqual(await Promise.all(takes), [{}, 2, null, null, { y: 1 }, null]);
  assert.deepEqual(replica.get("o"), { list: [1, null], b: 3 });
});

test("take of what an own patch or increment has changed gives that, whatever others write between", async () => {
  const { open, replica, coordination, confirmAll } = joined();
  open.foreign(setEntry(["n"], "1"), setEntry(["o"], '{"a":1}'));
  void replica.increment("n", 5);
  void replica.patch("o", { b: 2 });
  const takes = [coordination.take("n"), coordination.take("o")];
  await tick();
  open.foreign(setEntry(["n"], "10"), setEntry(["o", "a"], "7"));
  await confirmAll();
  assert.deepEqual(await Promise.all(takes), [15, { a: 7, b: 2 }]);
});

test("a take whose place in the log a snapshot covers rejects, and one that is read after the snapshot does not", async () => {
  const { open, coordination, replica } = joined();
  open.foreign(setEntry(["code"], "1"), setEntry(["other"], "2"));
  const covered = coordination.take("code");
  await tick();
  const later = coordination.take("other");
  await tick();
  const [first, second] = open.sent as [Buffer, Buffer];
  replica.sink.disconnected();
  const head = { seq: 2, time: NOW, level: 1, origins: [[originOf(first, 0), 1, NOW]] as const };
  replica.sink.restoring(head);
  for (const frame of [...originFrames(head), encodeEntries([slotEntry("other", "2", 0)], STATE)])
    replica.sink.restored(frame, 0, frame.length);
  const frame = Buffer.from(second);
  checkAndStamp(frame, 0, frame.length, 1, 3, NOW);
  replica.sink.batch(frame, 0, frame.length);
  replica.sink.connected();
  await assert.rejects(covered, { code: "ERR_STORAGE_EXPIRED" });
  assert.equal(await later, 2);
});
