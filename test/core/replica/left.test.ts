/** What a departure in the log does in a member: nothing to the data, and it is announced at its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { type Entry, leftEntry, setEntry } from "../../../dist/core/log/entry.js";
import { BATCH } from "../../../dist/core/log/frame.js";
import { UNMET } from "../../../dist/core/state/executor.js";
import { Table } from "../../../dist/core/state/table.js";
import { NOW, openReplica, tick } from "./opened-replica.js";

/** A replica that has joined. */
function joined() {
  const open = openReplica();
  open.join();
  /** A batch of the hub's own. */
  const note = (...entries: Entry[]) => {
    const frame = encodeEntries(entries, BATCH, { seq: ++open.seq, time: open.now });
    open.replica.sink.batch(frame, 0, frame.length);
  };
  return { open, seen: open.seen, note };
}

test("a departure has no effect on the state, also where a key has the name of the member", () => {
  const table = new Table();
  table.execute(setEntry(["a1"], '{"x":1}'), NOW, false);
  assert.equal(table.execute(leftEntry("a1"), NOW, true), UNMET);
  assert.equal(table.execute(leftEntry("b2"), NOW, false), UNMET);
  assert.deepEqual([...table.keys(NOW)], ["a1"]);
  assert.deepEqual(table.get(["a1"], NOW), { x: 1 });
});

test("departures are announced at their places in the log, between the changes of others", async () => {
  const { open, seen, note } = joined();
  open.foreign(setEntry(["one"], "1"));
  note(leftEntry("a1"), leftEntry("b2"));
  open.foreign(setEntry(["two"], "2"));
  note();
  note(leftEntry("c3"));
  assert.deepEqual(seen, [], "never within the delivery");
  await tick();
  assert.deepEqual(seen, ["change one", "left a1", "left b2", "change two", "left c3"]);
  assert.equal(open.replica.seq, 5);
});

test("a departure leaves pending writes as they are, also of a key that has the name of the member", async () => {
  const { open, seen, note } = joined();
  open.replica.set("a1", 5);
  await tick();
  note(leftEntry("a1"));
  assert.equal(open.replica.get("a1"), 5);
  open.confirm();
  await tick();
  assert.equal(open.replica.get("a1"), 5);
  assert.deepEqual(seen, ["left a1", "change a1"]);
});

test("what another member writes announces no departure: hubs alone know of them", async () => {
  const { open, seen } = joined();
  open.foreign(leftEntry("a1"), setEntry(["k"], "1"));
  await tick();
  assert.deepEqual(seen, ["change k"]);
  assert.equal(open.replica.get("k"), 1);
});
