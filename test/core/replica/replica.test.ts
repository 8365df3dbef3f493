import assert from "node:assert/strict";
import { test } from "node:test";
import { setEntry } from "../../../dist/core/log/entry.js";
import { numberOf } from "../../../dist/core/log/frame.js";
import { GATHER_BYTES, SPLIT_BATCH_BYTES } from "../../../dist/core/log/limits.js";

import { entriesOf, openReplica, tick } from "./opened-replica.js";

test("a write is visible at once, and one frame goes out at the end of the tick", async () => {
  const open = openReplica();
  open.join();
  open.replica.set("a.b", { c: 1 });
  open.replica.delete("x");
  assert.deepEqual(open.replica.get("a"), { b: { c: 1 } });
  assert.equal(open.replica.get("nothing"), null);
  assert.equal(open.sent.length, 0);
  await tick();
  assert.equal(open.sent.length, 1);
  assert.deepEqual(
    entriesOf(open.sent[0]).map((entry) => entry.path),
    [["a", "b"], ["x"]],
  );
  assert.equal(open.replica.pendingCount, 2);
  assert.equal(open.confirm(), open.sent[0]?.length);
  assert.deepEqual([open.replica.pendingCount, open.replica.pendingBytes], [0, 0]);
  assert.deepEqual(open.held, [true, false]);
});

test("what JSON cannot carry, bad ttls and bad amounts throw and change nothing", () => {
  const { replica } = openReplica({ maxValueBytes: 100 });
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  for (const value of [undefined, () => 1, Symbol("s"), 1n, cycle]) {
    assert.throws(() => replica.set("k", value), { name: "TypeError", message: /^expected .* got / });
  }
  assert.throws(() => replica.set("k", "x".repeat(99)), RangeError);
  replica.set("fits", "x".repeat(98));
  assert.throws(() => replica.set("k", "é".repeat(50)), RangeError);
  for (const ttl of [-1, Number.NaN, Infinity]) assert.throws(() => replica.set("k", 1, ttl), RangeError);
  assert.throws(() => replica.set("k", 1, "5" as never), TypeError);
  assert.throws(() => replica.increment("k", "1" as never), TypeError);
  assert.throws(() => replica.increment("k", Infinity), RangeError);
  replica.set("list", [1]);
  assert.throws(() => replica.set("list.70000", 1), RangeError);
  assert.deepEqual(replica.get("list"), [1]);
  assert.deepEqual(replica.keys(), ["fits", "list"]);
});

test("a value nested too deep throws", () => {
  const { replica } = openReplica();
  const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
  replica.set("k", nested(512));
  assert.throws(() => replica.set("k", nested(513)), RangeError);
  assert.throws(() => replica.set(["k", "x"], nested(512)), RangeError);
});

test("later changes of what was set do not leak in", () => {
  const { replica } = openReplica();
  const value = { list: [1] };
  replica.set("k", value);
  value.list.push(2);
  assert.deepEqual(replica.get("k"), { list: [1] });
});

test("more pending bytes than allowed throw ERR_STORAGE_PENDING_FULL", () => {
  const { replica } = openReplica({ maxPendingBytes: 300 });
  replica.set("k", "x".repeat(150));
  assert.throws(() => replica.set("k", "y".repeat(150)), { code: "ERR_STORAGE_PENDING_FULL" });
  assert.equal(replica.get("k"), "x".repeat(150));
});

test("a ttl of one ms hides in the next ms", () => {
  const open = openReplica();
  open.replica.set("k", 1, 1);
  assert.equal(open.replica.get("k"), 1);
  open.now += 1;
  assert.equal(open.replica.get("k"), null);
});

test("a ttl hides by the member's clock, rounded up, in its last ms, and a clock that jumps back shows nothing again", () => {
  const open = openReplica();
  open.replica.set("k", 1, 99.2);
  open.now += 98;
  assert.equal(open.replica.get("k"), 1);
  open.now += 1;
  assert.equal(open.replica.get("k"), null);
  assert.deepEqual([open.replica.size, open.replica.keys(), open.replica.has("k")], [0, [], false]);
  open.foreign(setEntry(["other"], "1"));
  open.now -= 1000;
  assert.equal(open.replica.get("k"), null);
  assert.equal(open.replica.touch("k", 5), false);
});

test("writes of a long tick are cut into several frames, those of a batch are not", async () => {
  const open = openReplica({ maxPendingBytes: 1 << 30 });
  open.join();
  for (let index = 0; index < 20; index++) open.replica.set(`k${index}`, "x".repeat(SPLIT_BATCH_BYTES / 8));
  await tick();
  assert.equal(open.sent.length, 3);
  assert.deepEqual(
    open.sent.map((frame) => numberOf(frame, 0)),
    [1, 2, 3],
  );
  open.sent.length = 0;
  open.replica.batch(() => {
    for (let index = 0; index < 20; index++) open.replica.set(`k${index}`, "x".repeat(SPLIT_BATCH_BYTES / 8));
  });
  await tick();
  assert.equal(open.sent.length, 1);
});

test("while many batches are on their way, what is written gathers, until one is confirmed or it is long", async () => {
  const open = openReplica({ maxInFlight: 2 });
  const lengths = () => open.sent.splice(0).map((frame) => entriesOf(frame).length);
  const write = async (value: unknown) => {
    open.replica.set("k", value);
    await tick();
  };
  open.join();
  await write(1);
  await write(2);
  assert.deepEqual(lengths(), [1, 1]);
  for (const value of [3, 4, 5]) await write(value);
  const flushed = open.replica.flush();
  assert.deepEqual(lengths(), []);
  open.confirm();
  await tick();
  assert.deepEqual(lengths(), [3]);
  await write("x".repeat(GATHER_BYTES));
  assert.deepEqual(lengths(), [1]);
  open.confirm();
  open.confirm();
  await flushed;
  await write(6);
  assert.deepEqual(lengths(), [1]);
  open.confirm();
  open.confirm();
  assert.deepEqual([open.replica.pendingCount, open.replica.get("k")], [0, 6]);
});

test("what gathers while there is no connection is sent after what waits for the connection", async () => {
  const open = openReplica({ maxInFlight: 1 });
  const lengths = () => open.sent.map((frame) => entriesOf(frame).length);
  for (const value of [1, 2, 3]) {
    open.replica.set("k", value);
    await tick();
  }
  open.join();
  assert.deepEqual(lengths(), [1]);
  open.confirm();
  await tick();
  assert.deepEqual(lengths(), [1, 2]);
});

test("a batch that throws, returns a promise or is too long happens not at all", async () => {
  const open = openReplica({ maxValueBytes: 1 << 28, maxPendingBytes: 1 << 28 });
  const { replica } = open;
  replica.set("k", { n: 1 });
  let added: Promise<number> | undefined;
  const cause = new Error("no");
  const failing = () => {
    replica.set("k.n", 2);
    replica.batch(() => replica.set("inner", 1));
    added = replica.increment("k.n");
    replica.clear();
    throw cause;
  };
  assert.throws(() => replica.batch(failing), cause);
  await assert.rejects(added as Promise<number>, cause);
  assert.throws(() => replica.batch(async () => replica.set("k", 3)), TypeError);
  const long = "x".repeat(16 << 20);
  const tooLong = () => {
    for (const key of ["a", "b", "c", "d"]) replica.set(key, long);
  };
  assert.throws(() => replica.batch(tooLong), RangeError);
  assert.deepEqual(replica.entries(), [["k", { n: 1 }]]);
  assert.equal(replica.pendingCount, 1);
  open.join();
  await tick();
  assert.equal(entriesOf(open.sent[0]).length, 1);
});

test("a batch that throws and was alone sends nothing, and no flush waits for it", async () => {
  const open = openReplica();
  open.join();
  let flushed: Promise<void> | undefined;
  const failing = () => {
    open.replica.set("k", 1);
    flushed = open.replica.flush();
    throw new Error("no");
  };
  assert.throws(() => open.replica.batch(failing), /no/);
  await flushed;
  await tick();
  assert.deepEqual([open.sent.length, open.replica.pendingCount, open.replica.get("k")], [0, 0, null]);
});
