/** What is written before a manager has told the time is counted by the wall clock, and shifted when storage time is another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER } from "../../../dist/core/log/entry.js";
import { entriesOf, NOW, openReplica, tick } from "./opened-replica.js";

const HOUR_MS = 3_600_000;

for (const shiftMs of [9 * HOUR_MS, -9 * HOUR_MS]) {
  test(`a ttl counts from the write, and not by the clock of the write (${shiftMs} ms)`, async () => {
    const open = openReplica();
    open.replica.set("code", "4711", 1000);
    open.replica.set("forever", 1);
    const counted = open.replica.increment("hits", 1, 1000);
    await tick();
    open.replica.batch(() => {
      open.replica.set("late", 1, 2000);
      open.replica.patch("code", { nothing: true }).catch(() => {});
    });
    open.now += 400 + shiftMs;
    open.replica.sink.timeShifted(shiftMs);
    assert.deepEqual([open.replica.get("code"), open.replica.ttl("code")], ["4711", 599]);
    assert.equal(open.replica.ttl("late"), 1599);
    open.join();
    await tick();
    const sent = open.sent.flatMap((frame) => entriesOf(frame));
    const expiries = Object.fromEntries(sent.map(({ path, expiresAt }) => [path[0], expiresAt]));
    assert.equal(expiries.hits, NOW + shiftMs + 999);
    assert.equal(expiries.late, NOW + shiftMs + 1999);
    assert.equal(expiries.forever, NEVER);
    for (const _ of open.sent) open.confirm();
    assert.equal(await counted, 1);
    open.now += 600;
    assert.deepEqual(open.replica.keys().sort(), ["forever", "late"]);
  });
}

test("a clear that is pending stays where it is among the writes that are shifted", () => {
  const open = openReplica();
  open.replica.set("before", 1, 1000);
  open.replica.clear();
  open.replica.set("after", 1, 1000);
  open.now += HOUR_MS;
  open.replica.sink.timeShifted(HOUR_MS);
  assert.deepEqual([open.replica.keys(), open.replica.ttl("after")], [["after"], 999]);
});
