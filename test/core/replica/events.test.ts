/** What a replica reports, and in which order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { setEntry } from "../../../dist/core/log/entry.js";
import { STATE } from "../../../dist/core/log/frame.js";
import { Table } from "../../../dist/core/state/table.js";
import { openReplica, tick } from "./opened-replica.js";

/** The log begins again with a snapshot that has one key. */
function restore(open: ReturnType<typeof openReplica>, key: string): void {
  const others = new Table();
  others.restore({ seq: open.seq + 9, time: open.now, level: 1, origins: [] });
  open.seq += 10;
  open.foreignCount = 0;
  others.apply({
    seq: open.seq,
    time: open.now,
    origin: 9,
    born: open.now,
    number: 1,
    entries: [setEntry([key], "1")],
  });
  open.replica.sink.restoring(others.head());
  const frame = encodeEntries([...others.contents()], STATE);
  open.replica.sink.restored(frame, 0, frame.length);
}

test("a state that replaces one that was connected is a reload, reported once, in order, and before connected", async () => {
  const open = openReplica();
  restore(open, "interrupted");
  restore(open, "first");
  open.join();
  open.replica.sink.disconnected();
  await tick();
  assert.deepEqual(open.told.splice(0), ["connected", "disconnected"]);
  const shown: string[][] = [];
  open.foreign(setEntry(["followed"], "1"));
  restore(open, "interrupted");
  open.foreign(setEntry(["interrupted too"], "1"));
  restore(open, "second");
  open.foreign(setEntry(["after"], "1"));
  await tick();
  assert.deepEqual([open.told.splice(0), open.replica.keys().sort()], [[], ["first", "followed"]]);
  open.onReload = () => shown.push(open.replica.keys().sort());
  open.join();
  await tick();
  assert.deepEqual(open.told.splice(0), ["reloaded", "connected"]);
  assert.deepEqual(shown, [["after", "second"]]);
  assert.deepEqual(
    open.changes.map(({ path }) => path[0]),
    ["followed"],
  );
  open.replica.sink.disconnected();
  open.foreign(setEntry(["last"], "1"));
  open.join();
  await tick();
  assert.deepEqual(open.told, ["disconnected", "connected"], "a member that can follow the log reloads nothing");
});
