/** Writes whose value gets its place in the log: in the member that wrote them, in others, and in what is read from files. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { checkAndStamp, STATE } from "../../../dist/core/log/frame.js";
import { MAX_STAMPED_COUNT, stampAt } from "../../../dist/core/log/stamps.js";
import type { Replica } from "../../../dist/core/replica/replica.js";
import { Fold } from "../../../dist/core/state/fold.js";
import { entriesOf, NOW, openReplica, tick } from "./opened-replica.js";

/** A member that writes, and one that reads the same log; both have a batch of another one before. */
function openPair() {
  const [mine, theirs] = [openReplica({ maxPendingBytes: 1 << 26 }), openReplica()];
  for (const open of [mine, theirs]) open.join();
  let sentCount = 0;
  /** Puts what was sent into the log, for both. */
  const order = () => {
    for (; sentCount < mine.sent.length; sentCount++) {
      const frame = Buffer.from(mine.sent[sentCount] as Buffer);
      mine.confirm();
      checkAndStamp(frame, 0, frame.length, 1, mine.seq, NOW);
      theirs.seq++;
      theirs.replica.sink.batch(frame, 0, frame.length);
    }
  };
  return { mine, theirs, order };
}

const all = (replica: Replica) => Object.fromEntries(replica.entries());

test("all members show the same place in the log, and the member that writes shows a later one until it is confirmed", async () => {
  const { mine, theirs, order } = openPair();
  const { replica } = mine;
  replica.set("plain", 1);
  replica.set(["a"], { v: 1 }, 0, "at");
  replica.set(["users", "ann"], { at: "mine" }, 0, "at");
  const added = replica.add("b", {}, 0, "at");
  const patched = replica.patch("a", { v: 2 }, {}, "at");
  const [a, b] = [replica.get("a"), replica.get("b")] as { at: number }[];
  assert.ok((b as { at: number }).at > Number.MAX_SAFE_INTEGER);
  assert.ok((a as { at: number }).at > (b as { at: number }).at, "pending writes are in their order");
  await tick();
  order();
  assert.deepEqual(await Promise.all([added, patched]), [true, true]);
  const expected = {
    plain: 1,
    a: { v: 2, at: stampAt(1, 4) },
    users: { ann: { at: stampAt(1, 2) } },
    b: { at: stampAt(1, 3) },
  };
  assert.deepEqual([all(replica), all(theirs.replica)], [expected, expected]);
});

test("a condition that is not met stamps nothing, and only an object can have a stamp", async () => {
  const { mine, theirs, order } = openPair();
  const { replica } = mine;
  replica.set("a", { v: 1 }, 0, "at");
  const added = replica.add("a", { v: 2 }, 0, "at");
  const patched = replica.patch("a", { v: 3 }, { match: { v: 2 } }, "at");
  for (const value of [1, "text", null, [{}]]) assert.throws(() => replica.set("b", value, 0, "at"), TypeError);
  await tick();
  order();
  assert.deepEqual(await Promise.all([added, patched]), [false, false]);
  for (const each of [mine, theirs]) assert.deepEqual(all(each.replica), { a: { v: 1, at: stampAt(1, 0) } });
});

test("a snapshot, and what the compactor folds, hold the places that members show", async () => {
  const { mine, order } = openPair();
  const fold = new Fold();
  for (let round = 0; round < 3; round++) {
    mine.replica.set(["k", `${round}`], {}, 0, "at");
    mine.replica.patch("k", { round }, {}, "at").catch(() => {});
    await tick();
  }
  order();
  for (const [index, frame] of mine.sent.entries()) {
    checkAndStamp(frame, 0, frame.length, 1, index + 1, NOW);
    fold.batch(frame, 0, frame.length);
  }
  const restored = openReplica();
  restored.replica.sink.restoring(fold.head);
  const state = encodeEntries([...fold.entries()], STATE);
  restored.replica.sink.restored(state, 0, state.length);
  restored.join();
  assert.deepEqual(all(restored.replica), all(mine.replica));
  assert.equal((mine.replica.get("k") as { at: number }).at, stampAt(3, 1));
});

test("a batch that is sent again after a failover gets the place that it has then", async () => {
  const { mine } = openPair();
  mine.replica.set("k", {}, 0, "at");
  await tick();
  mine.replica.sink.disconnected();
  mine.foreign();
  mine.replica.sink.connected();
  assert.equal(mine.sent.length, 2);
  mine.confirm();
  assert.deepEqual(mine.replica.get("k"), { at: stampAt(2, 0) });
});

test("only the first 4,000 writes of batch(fn) can have a stamp, and outside of it any number", async () => {
  const { mine, theirs, order } = openPair();
  const { replica } = mine;
  for (let index = 0; index < 10_000; index++) replica.set(`${index}`, {}, 0, "at");
  const fill = (count: number) => () => {
    for (let index = 0; index < count; index++) replica.set("plain", index);
    replica.set("last", {}, 0, "at");
  };
  assert.throws(() => replica.batch(fill(4000)), RangeError);
  replica.batch(fill(3999));
  await tick();
  order();
  assert.deepEqual(all(replica), all(theirs.replica));
  const stamps = replica.entries().flatMap(([, value]) => (value as { at?: number }).at ?? []);
  assert.equal(new Set(stamps).size, 10_001);
  for (const frame of mine.sent) assert.ok(entriesOf(frame).length <= MAX_STAMPED_COUNT);
});
