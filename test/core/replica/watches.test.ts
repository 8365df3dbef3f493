/** What watches report: confirmed versions, at their places in the log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { clearEntry, deleteEntry, expireEntry, patchEntry, setEntry, slotEntry } from "../../../dist/core/log/entry.js";
import { STATE } from "../../../dist/core/log/frame.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import type { Version } from "../../../dist/core/replica/watches.js";
import { NOW, openReplica, tick } from "./opened-replica.js";

const text = ({ type, path, value, seq, isOwn, isReload }: Version): string =>
  `${seq} ${type} ${path.join(".")} ${JSON.stringify(value)}${isOwn ? " own" : ""}${isReload ? " reload" : ""}`;

function watched(prefix = "", wantsInitial = false) {
  const open = openReplica();
  const seen: string[] = [];
  const failures: Error[] = [];
  const add = (one: string, initial: boolean, into = seen) =>
    open.replica.watches.add(
      one,
      {
        changed: (version, isInitial) => into.push(text(version) + (isInitial ? " initial" : "")),
        failed: (error) => failures.push(error),
      },
      initial,
    );
  const stop = add(prefix, wantsInitial);
  /** A snapshot is loaded. */
  const load = (seq: number, values: Record<string, string>, time = NOW) => {
    const { sink } = open.replica;
    open.now = time;
    const head = { seq, time, level: 1, origins: [[77, open.foreignCount, NOW] as const] };
    sink.disconnected();
    sink.restoring(head);
    const slots = Object.entries(values).map(([key, json]) => slotEntry(key, json, 0));
    for (const frame of [...originFrames(head), encodeEntries(slots, STATE)]) sink.restored(frame, 0, frame.length);
    open.seq = seq;
    sink.connected();
  };
  return { open, replica: open.replica, seen, failures, add, stop, load };
}

test("changes are reported in the order of the log, after their batch, with what is at the path then", async () => {
  const { open, seen } = watched();
  open.join();
  open.foreign(setEntry(["a"], '{"x":1}'), setEntry(["a", "y"], "2"), patchEntry(["a"], '{"set":{"x":3}}'));
  assert.deepEqual(seen, []);
  open.foreign(setEntry(["a", "x"], "4"), deleteEntry(["a", "y"]), deleteEntry(["none"]), expireEntry(["a"], NOW + 9));
  await tick();
  assert.deepEqual(seen, [
    '1 set a {"x":1}',
    "1 set a.y 2",
    '1 set a {"x":3,"y":2}',
    "2 set a.x 4",
    "2 delete a.y null",
  ]);
});

test("own writes are reported when they are confirmed, with what is confirmed: not what is pending on top of it", async () => {
  const { open, replica, seen } = watched();
  open.join();
  replica.set("n", 1);
  void replica.increment("n", 5);
  await tick();
  replica.set("n", "pending");
  await tick();
  assert.deepEqual(seen, []);
  open.foreign(setEntry(["n"], "100"), setEntry(["m"], "0"));
  open.confirm();
  await tick();
  assert.deepEqual(seen, ["1 set n 100", "1 set m 0", "2 set n 1 own", "2 set n 6 own"]);
  assert.equal(replica.get("n"), "pending");
  open.confirm();
  await tick();
  assert.equal(seen.at(-1), '3 set n "pending" own');
});

test("values are frozen, and stay as they were", async () => {
  const { open, replica } = watched();
  const values: unknown[] = [];
  replica.watches.add("a", { changed: ({ value }) => values.push(value), failed: () => {} }, false);
  open.join();
  open.foreign(setEntry(["a"], '{"x":{"y":1}}'));
  open.foreign(setEntry(["a", "x", "y"], "2"));
  open.foreign(setEntry(["a", "x"], '{"y":3}'));
  await tick();
  assert.deepEqual(values, [{ x: { y: 1 } }, 2, { y: 3 }]);
  assert.ok(
    Object.isFrozen(values[0]) && Object.isFrozen((values[0] as { x: object }).x) && Object.isFrozen(values[2]),
  );
});

test("a watch reports the keys that begin with its prefix", async () => {
  const { open, seen, add } = watched("user:");
  const all: string[] = [];
  const one: string[] = [];
  add("", false, all);
  add("user:7", false, one);
  open.join();
  open.foreign(...["user", "user:", "user:7", "user:71", "x"].map((key) => setEntry([key], "1")));
  await tick();
  const keys = (texts: string[]) => texts.map((each) => each.split(" ")[2]);
  assert.deepEqual(keys(seen), ["user:", "user:7", "user:71"]);
  assert.deepEqual(keys(all), ["user", "user:", "user:7", "user:71", "x"]);
  assert.deepEqual(keys(one), ["user:7", "user:71"]);
});

test("what is there comes first, and nothing is missing or doubled between it and the first change", async () => {
  const { open, replica, add } = watched();
  open.join();
  open.foreign(setEntry(["b"], "1"), setEntry(["a"], "[1]"), setEntry(["gone"], "1", NOW + 5));
  replica.set("mine", 1);
  replica.delete("a");
  open.now += 10;
  const seen: string[] = [];
  add("", true, seen);
  open.foreign(setEntry(["b"], "2"));
  await tick();
  assert.deepEqual(seen, ["1 set a [1] initial", "1 set b 1 initial", "2 expire gone null", "2 set b 2"]);
});

test("a watch begins when the member has everything for the first time", async () => {
  const { open, seen, load, add } = watched("", true);
  const plain: string[] = [];
  add("", false, plain);
  open.foreign(setEntry(["early"], "1"));
  await tick();
  assert.deepEqual(seen, []);
  load(4, { a: "1", b: "2" });
  open.foreign(setEntry(["c"], "3"));
  await tick();
  assert.deepEqual(seen, ["4 set a 1 initial", "4 set b 2 initial", "5 set c 3"]);
  assert.deepEqual(plain, ["5 set c 3"]);
});

test("expiries are reported right before the first batch after them, oldest first, each once", async () => {
  const { open, seen } = watched();
  open.join();
  open.foreign(
    setEntry(["b"], "1", NOW + 20),
    setEntry(["a"], '{"x":1,"y":2}', NOW + 5000),
    expireEntry(["a", "x"], NOW + 10),
    setEntry(["c"], "1", NOW + 20),
    setEntry(["d"], "1", NOW + 20),
    setEntry(["past"], "1", NOW - 1),
  );
  open.now += 19;
  open.foreign(expireEntry(["d"], NOW + 90_000));
  open.now += 1;
  open.foreign(setEntry(["b"], "2"), deleteEntry(["c"]));
  open.now += 10_000;
  open.foreign();
  for (const call of open.later.splice(0)) call();
  open.foreign();
  await tick();
  assert.deepEqual(seen.slice(4), [
    "1 expire past null",
    "2 expire a.x null",
    "3 expire b null",
    "3 expire c null",
    "3 set b 2",
    "4 expire a null",
  ]);
});

test("clear is reported as the removal of each key that was there", async () => {
  const { open, replica, seen } = watched("k");
  open.join();
  open.foreign(setEntry(["k2"], "1"), setEntry(["k1"], "1"), setEntry(["other"], "1"), setEntry(["kx"], "1", NOW + 5));
  open.now += 10;
  replica.set("k3", 1);
  await tick();
  open.foreign(clearEntry());
  open.foreign(setEntry(["k1"], "5"));
  open.confirm();
  replica.clear();
  replica.set("k9", 9);
  await tick();
  open.confirm();
  await tick();
  assert.deepEqual(seen.slice(3), [
    "2 expire kx null",
    "2 delete k1 null",
    "2 delete k2 null",
    "3 set k1 5",
    "4 set k3 1 own",
    "5 delete k1 null own",
    "5 delete k3 null own",
    "5 set k9 9 own",
  ]);
});

test("after a reload there is one report for each key that differs, and none for the others", async () => {
  const { open, replica, seen, load } = watched();
  open.join();
  open.foreign(
    setEntry(["same"], '{"a":1,"b":2}'),
    setEntry(["changed"], "1"),
    setEntry(["gone"], "1"),
    setEntry(["brief"], "1", NOW + 50),
  );
  await tick();
  replica.set("changed", "pending");
  seen.length = 0;
  load(9, { same: '{"b":2,"a":1}', changed: "2", new: "null" }, NOW + 100);
  open.foreign(setEntry(["same"], "3"));
  await tick();
  assert.deepEqual(seen, [
    "9 expire brief null reload",
    "9 set changed 2 reload",
    "9 delete gone null reload",
    "9 set new null reload",
    "10 set same 3",
  ]);
});

test("an own write that a reload brings is reported as what differs", async () => {
  const { open, replica, seen, load } = watched();
  open.join();
  replica.set("k", 1);
  await tick();
  load(3, { k: "1" });
  await tick();
  assert.deepEqual(seen, ["3 set k 1 reload"]);
});

test("a watch that has ended reports nothing more, also of what was applied before", async () => {
  const { open, seen, stop, add } = watched();
  open.join();
  const others: string[] = [];
  add("", false, others);
  open.foreign(setEntry(["a"], "1"));
  stop();
  stop();
  open.foreign(setEntry(["b"], "1", NOW + 5));
  await tick();
  open.now += 10;
  open.foreign();
  await tick();
  assert.deepEqual(seen, []);
  assert.deepEqual(others, ["1 set a 1", "2 set b 1", "3 expire b null"]);
});

test("watches that come after others have ended know what expires", async () => {
  const { open, stop, add } = watched();
  open.join();
  open.foreign(setEntry(["a"], "1", NOW + 50));
  stop();
  open.foreign(setEntry(["b"], "1", NOW + 40));
  const seen: string[] = [];
  add("", false, seen);
  open.now += 60;
  open.foreign();
  await tick();
  assert.deepEqual(seen, ["3 expire b null", "3 expire a null"]);
});

test("when the storage fails, each watch is told", async () => {
  const { open, failures } = watched();
  open.join();
  const error = new Error("corrupt");
  open.replica.sink.failed(error);
  await tick();
  assert.deepEqual(failures, [error]);
});
