/** Messages: in the order of the log, to those that are there, unless they come too late. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { PUBLISH, publishEntry, setEntry } from "../../../dist/core/log/entry.js";
import { checkAndStamp, STATE } from "../../../dist/core/log/frame.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import { Fold } from "../../../dist/core/state/fold.js";
import { entriesOf, NOW, openReplica, tick } from "./opened-replica.js";

const SOON = NOW + 5000;

function subscribed(prefix = "") {
  const open = openReplica();
  const seen: string[] = [];
  const { messages } = open.replica.watches;
  const stop = messages.subscribe(prefix, ({ channel, data, seq, isOwn }) =>
    seen.push(`${seq} ${channel} ${JSON.stringify(data)}${isOwn ? " own" : ""}`),
  );
  return { open, replica: open.replica, messages, seen, stop };
}

test("a message is one entry of the log, and comes to its own process when it is confirmed", async () => {
  const { open, replica, seen } = subscribed();
  open.join();
  const published = replica.coordination.publish("chat", { text: "hi" });
  await tick();
  const [entry] = entriesOf(open.sent[0]);
  assert.deepEqual(
    [entry?.type, entry?.path, entry?.json, entry?.expiresAt],
    [PUBLISH, ["chat"], '{"text":"hi"}', SOON],
  );
  assert.deepEqual(seen, []);
  open.confirm();
  assert.equal(await published, undefined);
  assert.deepEqual(seen, ['1 chat {"text":"hi"} own']);
});

test("a message and the writes of its batch come as one, in their order", async () => {
  const { open, replica, seen } = subscribed("room");
  open.join();
  const { watches } = replica;
  watches.add("", { changed: ({ key, value }) => seen.push(`${key} is ${value}`), failed: () => {} }, false);
  watches.messages.subscribe("", () => seen.push(`a is ${replica.get("a")}, b is ${replica.get("b")}`));
  open.foreign(setEntry(["a"], "1"), publishEntry("room:1", "[]", SOON), setEntry(["b"], "2"));
  open.foreign(setEntry(["other"], "1"));
  await tick();
  assert.deepEqual(seen, ["a is 1", "1 room:1 []", "a is 1, b is 2", "b is 2", "other is 1"]);
  seen.length = 0;
  replica.batch(() => {
    replica.set("a", 3);
    void replica.coordination.publish("room", 1);
    replica.set("b", 4);
  });
  await tick();
  open.confirm();
  await tick();
  assert.deepEqual(seen, ["a is 3", "3 room 1 own", "a is 3, b is 4", "b is 4"]);
});

test("messages come on the channels that begin with the prefix, to all subscribers with the same frozen data", async () => {
  const { open, replica, seen } = subscribed("room:7");
  const data: unknown[] = [];
  for (let count = 0; count < 2; count++)
    replica.watches.messages.subscribe("room", (message) => data.push(message.data));
  open.join();
  open.foreign(
    publishEntry("room:7", '{"a":[1]}', SOON),
    publishEntry("room:71", "2", SOON),
    publishEntry("room:8", "3", SOON),
    publishEntry("roo", "4", SOON),
  );
  await tick();
  assert.deepEqual(seen, ['1 room:7 {"a":[1]}', "1 room:71 2"]);
  assert.deepEqual(data, [{ a: [1] }, { a: [1] }, 2, 2, 3, 3]);
  assert.equal(data[0], data[1]);
  assert.ok(Object.isFrozen(data[0]) && Object.isFrozen((data[0] as { a: object }).a));
});

test("a message changes no state, is no change, and is in no snapshot", async () => {
  const { open, replica } = subscribed();
  open.join();
  replica.set("chat", 1);
  void replica.coordination.publish("chat", 2);
  void replica.coordination.publish("new", 3);
  await tick();
  assert.deepEqual(replica.entries(), [["chat", 1]]);
  open.foreign(publishEntry("chat", "5", SOON));
  open.confirm();
  await tick();
  assert.deepEqual(replica.entries(), [["chat", 1]]);
  assert.deepEqual(open.seen, ["change chat"]);
  const fold = new Fold();
  const frame = Buffer.from(open.sent[0] as Buffer);
  checkAndStamp(frame, 0, frame.length, 1, 1, NOW);
  fold.batch(frame, 0, frame.length);
  assert.deepEqual(
    [...fold.entries()].map(({ path }) => path),
    [["chat"]],
  );
});

test("a message that comes more than 5 s after it was published is dropped, and counted if anybody would have got it", async () => {
  const { open, replica, messages, seen } = subscribed("a");
  open.join();
  void replica.coordination.publish("a", 1);
  void replica.coordination.publish("b", 1);
  await tick();
  open.now += 5000;
  open.foreign(publishEntry("a", "2", open.now));
  open.now += 1;
  open.confirm();
  open.foreign(publishEntry("a", "3", open.now - 1));
  await tick();
  assert.deepEqual(seen, ["1 a 2"]);
  assert.equal(messages.droppedCount, 2);
});

test("what was published before a member has joined, or while it loaded a state again, does not come", async () => {
  const { open, replica, messages, seen } = subscribed();
  open.foreign(publishEntry("a", "1", SOON));
  open.join();
  open.foreign(publishEntry("a", "2", SOON));
  const { sink } = replica;
  sink.disconnected();
  const head = { seq: open.seq, time: NOW, level: 1, origins: [[77, open.foreignCount, NOW] as const] };
  sink.restoring(head);
  for (const frame of [...originFrames(head), encodeEntries([], STATE)]) sink.restored(frame, 0, frame.length);
  open.foreign(publishEntry("a", "3", SOON));
  sink.connected();
  open.foreign(publishEntry("a", "4", SOON));
  await tick();
  assert.deepEqual(seen, ["2 a 2", "4 a 4"]);
  assert.equal(messages.droppedCount, 0);
});

test("messages that are pending without a manager come once there is one, unless that takes too long", async () => {
  const { open, replica, messages, seen } = subscribed();
  const early = replica.coordination.publish("a", 1);
  await tick();
  replica.sink.timeShifted(60_000);
  open.now += 60_000;
  open.join();
  assert.equal(open.sent.length, 1);
  assert.equal(entriesOf(open.sent[0])[0]?.expiresAt, SOON + 60_000);
  open.now += 4000;
  open.confirm();
  await early;
  assert.deepEqual(seen, ["1 a 1 own"]);
  assert.equal(messages.droppedCount, 0);
});

test("a subscriber that has ended gets nothing more, also of what has come before", async () => {
  const { open, seen, stop } = subscribed();
  open.join();
  open.foreign(publishEntry("a", "1", SOON));
  stop();
  stop();
  open.foreign(publishEntry("a", "2", SOON));
  await tick();
  assert.deepEqual(seen, []);
});

test("what cannot be sent throws at once", () => {
  const { replica } = subscribed();
  const { coordination } = replica;
  for (const data of [undefined, () => 1, 5n, Promise.resolve()])
    assert.throws(() => coordination.publish("a", data), TypeError);
  assert.throws(() => coordination.publish("a", "x".repeat(2 ** 21)), RangeError);
  assert.throws(() => coordination.publish("k".repeat(40_000), 1), RangeError);
});
