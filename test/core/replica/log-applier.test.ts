import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { clearEntry, deleteEntry, IF_ABSENT, setEntry } from "../../../dist/core/log/entry.js";
import { BATCH, numberOf, originOf, STATE } from "../../../dist/core/log/frame.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import type { Change } from "../../../dist/core/replica/replica.js";
import { Table } from "../../../dist/core/state/table.js";

import { NOW, openReplica, tick } from "./opened-replica.js";

const HOUR_MS = 60 * 60 * 1000;

test("promises resolve with what became of a write at its place in the log", async () => {
  const open = openReplica();
  open.join();
  const added = open.replica.increment("n", 5);
  const won = open.replica.add("lock", "me");
  const none = open.replica.increment("text");
  open.replica.set("text", "no number");
  assert.equal(open.replica.get("n"), 5);
  await tick();
  open.foreign(setEntry(["n"], "10"), setEntry(["lock"], '"other"'), setEntry(["text"], '"t"'));
  assert.deepEqual([open.replica.get("n"), open.replica.get("lock")], [15, "other"]);
  open.confirm();
  assert.equal(await added, 15);
  assert.equal(await won, false);
  await assert.rejects(none, { code: "ERR_STORAGE_NOT_A_NUMBER" });
});

test("a write that depends on the value it found takes effect unless another member was first", async () => {
  const open = openReplica();
  open.join();
  open.foreign(setEntry(["k"], '{"n":1}'));
  const first = open.replica.patch("k", { n: 2 }, { match: { n: 1 } });
  await tick();
  open.confirm();
  assert.equal(await first, true);
  const second = open.replica.patch("k", { n: 3 }, { match: { n: 2 } });
  assert.deepEqual(open.replica.get("k"), { n: 3 });
  await tick();
  open.foreign(setEntry(["k"], '{"n":9}'));
  open.confirm();
  assert.equal(await second, false);
  assert.deepEqual(open.replica.get("k"), { n: 9 });
});

test("frames that were not confirmed are sent again, with the same origin and numbers", async () => {
  const open = openReplica();
  open.replica.set("a", 1);
  await tick();
  assert.equal(open.sent.length, 0);
  open.join();
  open.replica.set("b", 1);
  await tick();
  const ids = open.sent.map((frame) => [originOf(frame, 0), numberOf(frame, 0)]);
  assert.deepEqual(
    ids.map(([, number]) => number),
    [1, 2],
  );
  open.confirm();
  open.replica.sink.disconnected();
  open.replica.set("c", 1);
  await tick();
  assert.equal(open.sent.length, 2);
  open.join();
  assert.deepEqual(
    open.sent.slice(2).map((frame) => [originOf(frame, 0), numberOf(frame, 0)]),
    [ids[1], [ids[0]?.[0], 3]],
  );
});

test("everything that was sent and not confirmed is sent again, in order", async () => {
  const open = openReplica();
  open.join();
  for (const key of ["a", "b", "c"]) {
    open.replica.set(key, 1);
    await tick();
  }
  open.replica.sink.disconnected();
  open.join();
  assert.deepEqual(
    open.sent.slice(3).map((frame) => numberOf(frame, 0)),
    [1, 2, 3],
  );
});

test("what was confirmed before a clear that the log refuses is there again", async () => {
  const open = openReplica();
  open.join();
  open.replica.set("k", 1);
  await tick();
  open.replica.clear();
  await tick();
  open.confirm();
  open.now += 25 * HOUR_MS;
  open.confirm();
  assert.equal(open.replica.get("k"), 1);
});

test("a batch of others is executed at its own time, however late it comes", () => {
  const open = openReplica();
  open.join();
  open.foreign(setEntry(["k"], "1", open.now + 1000));
  const stamp = { seq: ++open.seq, time: open.now + 999, origin: 78, born: NOW, number: 1 };
  const late = encodeEntries([setEntry(["k"], "2", undefined, IF_ABSENT)], BATCH, stamp);
  open.now += 5000;
  open.replica.sink.batch(late, 0, late.length);
  assert.equal(open.replica.get("k"), null, "at its time the key was there, so it had no effect");
});

test("an origin that was idle for long is replaced before the log forgets it", async () => {
  const open = openReplica();
  open.join();
  const origins = [];
  for (const pauseMs of [0, 11 * HOUR_MS, 13 * HOUR_MS]) {
    open.now += pauseMs;
    open.replica.set("k", 1);
    await tick();
    origins.push(originOf(open.sent.at(-1) as Buffer, 0));
    open.confirm();
  }
  assert.equal(origins[0], origins[1]);
  assert.notEqual(origins[1], origins[2]);
});

test("a batch that the log refuses is undone and every caller that waits learns it", async () => {
  const open = openReplica();
  open.join();
  open.foreign(setEntry(["n"], "1"));
  const added = open.replica.increment("n");
  const flushed = open.replica.flush();
  await tick();
  open.now += 25 * HOUR_MS;
  open.confirm();
  await assert.rejects(added, { code: "ERR_STORAGE_EXPIRED" });
  await assert.rejects(flushed, { code: "ERR_STORAGE_EXPIRED" });
  assert.equal(open.replica.get("n"), 1);
  await tick();
  assert.equal((open.errors[0] as Error & { code: string }).code, "ERR_STORAGE_EXPIRED");
});

test("after a batch that the log refused, a new origin begins", async () => {
  const open = openReplica();
  open.join();
  open.replica.set("a", 1);
  await tick();
  open.now += 25 * HOUR_MS;
  open.confirm();
  open.replica.set("a", 2);
  await tick();
  open.confirm();
  await open.replica.flush();
  assert.equal(open.replica.get("a"), 2);
  assert.notEqual(originOf(open.sent[0] as Buffer, 0), originOf(open.sent[1] as Buffer, 0));
});

test("whether a delete took effect depends on its place in the log, not on when it was written", async () => {
  const open = openReplica();
  open.join();
  open.foreign(setEntry(["a"], "1", open.now + 10));
  await tick();
  open.replica.delete("a");
  await tick();
  open.now += 10;
  open.confirm();
  await tick();
  assert.deepEqual(
    open.changes.map(({ type }) => type),
    ["set"],
  );
});

test("a state that is restored shows itself as a whole, with the pending writes on top", async () => {
  const open = openReplica();
  open.replica.set("mine", 1);
  const others = new Table();
  for (let seq = 1; seq <= 3; seq++) {
    others.apply({ seq, time: NOW, origin: 9, born: NOW, number: seq, entries: [setEntry([`k${seq}`], "1")] });
  }
  open.replica.sink.restoring(others.head());
  for (const frame of [...originFrames(others.head()), encodeEntries([...others.contents()], STATE)])
    open.replica.sink.restored(frame, 0, frame.length);
  assert.equal(open.replica.seq, 3);
  open.seq = 3;
  open.foreign(deleteEntry(["k1"]));
  assert.deepEqual(open.replica.keys(), ["mine"]);
  const synced = open.replica.sync();
  open.barriers[0]?.();
  open.join();
  assert.deepEqual(open.replica.keys().sort(), ["k2", "k3", "mine"]);
  await synced;
  await tick();
  assert.deepEqual(open.told, ["connected"], "the first load is no reload");
});

test("flush waits for what was written before, sync for the barrier", async () => {
  const open = openReplica();
  await open.replica.flush();
  open.replica.set("a", 1);
  let isFlushed = false;
  const flushed = open.replica.flush().then(() => {
    isFlushed = true;
  });
  open.join();
  await tick();
  assert.equal(isFlushed, false);
  open.replica.set("later", 1);
  open.confirm();
  await flushed;
  const synced = open.replica.sync();
  open.barriers[0]?.();
  await synced;
});

test("a failure rejects every promise that is waited for, and reads still work", async () => {
  const open = openReplica();
  open.replica.set("k", 1);
  const waiting = [open.replica.flush(), open.replica.sync(), open.replica.increment("n")];
  const failure = new Error("gone");
  open.replica.sink.failed(failure);
  for (const settled of await Promise.allSettled(waiting)) {
    assert.equal(settled.status === "rejected" && settled.reason, failure);
  }
  await assert.rejects(open.replica.flush(), failure);
  assert.throws(() => open.replica.set("k", 2), failure);
  assert.equal(open.replica.get("k"), 1);
  assert.equal(open.held.at(-1), false);
});

test("changes are announced in the order of the log, once confirmed and when they took effect", async () => {
  const open = openReplica();
  open.join();
  open.replica.set("a", 1);
  const sum = open.replica.increment("n");
  await tick();
  open.foreign(setEntry(["b", "c"], "1"), setEntry(["b"], "1", 0, IF_ABSENT), deleteEntry(["none"]));
  open.confirm();
  open.foreign(clearEntry());
  assert.equal(open.changes.length, 0);
  await tick();
  const seen = open.changes.map((change: Change) => [change.type, change.path.join(".")]);
  assert.deepEqual(seen, [
    ["set", "b.c"],
    ["set", "a"],
    ["increment", "n"],
    ["clear", ""],
  ]);
  assert.equal(await sum, 1);
  open.listens = false;
  open.foreign(setEntry(["x"], "1"));
  await tick();
  assert.equal(open.changes.length, 4);
});

test("what expired is dropped in slices when log time has passed it", async () => {
  const open = openReplica();
  open.join();
  for (let index = 0; index < 1000; index++) open.foreign(setEntry([`k${index}`], "1", NOW + 10));
  open.replica.set("k0", 2, 10);
  await tick();
  open.now += 5000;
  open.foreign();
  const sweepAll = () => {
    let sliceCount = 0;
    for (let call = open.later.shift(); call; call = open.later.shift()) {
      call();
      sliceCount++;
    }
    return sliceCount;
  };
  assert(sweepAll() > 3);
  await tick();
  assert.equal(open.expired.length, 999);
  open.confirm();
  sweepAll();
  await tick();
  assert.equal(open.expired.length, 1000);
  assert.equal(open.expired.at(-1), "k0");
});
