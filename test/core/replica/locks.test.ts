/** Locks of one member: when a claim holds, waits, and is lost. The test decides on the log and on the time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clearEntry, DELETE, deleteEntry, type Entry, SET, SWAP, setEntry } from "../../../dist/core/log/entry.js";
import { joined, KEY, LEASE_MS, types } from "./locking.js";
import { entriesOf, tick } from "./opened-replica.js";

test("a claim that is the first one holds once it is confirmed, with its place in the log as its token", async (t) => {
  const { replica, claim, confirmAll, sent, state } = joined(t);
  const { claim: made, got } = claim();
  const [entry] = (await sent()) as [Entry];
  assert.equal(entry.type, SET);
  assert.deepEqual(got, [], "not while it is pending");
  await confirmAll();
  assert.deepEqual(got, [true]);
  assert.equal(made.token, 4096);
  assert.equal(made.signal.aborted, false);
  const released = made.release();
  assert.equal(made.release(), released);
  assert.deepEqual(types(await sent()), [DELETE, SWAP]);
  await confirmAll();
  await released;
  assert.deepEqual([replica.keys(), state.ended, made.signal.aborted], [[], 1, false]);
});

test("claims hold one after the other, in the order of the log, and their tokens rise", async (t) => {
  const { open, claim, confirmAll, foreign } = joined(t);
  await foreign("a");
  const [one, two] = [claim(), claim()];
  await confirmAll();
  await foreign("b");
  assert.deepEqual([one.got, two.got], [[], []]);
  open.foreign(deleteEntry([KEY, "b"]));
  await tick();
  assert.deepEqual([one.got, two.got], [[], []]);
  open.foreign(deleteEntry([KEY, "a"]));
  await tick();
  assert.deepEqual([one.got, two.got], [[true], []]);
  void one.claim.release();
  await confirmAll();
  assert.deepEqual(two.got, [true]);
  assert.ok(two.claim.token > one.claim.token && one.claim.token > 4096);
  void two.claim.release();
  await confirmAll();
});

test("a semaphore has as many holders as it says, and no more", async (t) => {
  const { claim, confirmAll, foreign } = joined(t);
  await foreign("a");
  const all = [claim({ count: 3 }), claim({ count: 3 }), claim({ count: 3 }), claim({ count: 3 })];
  await confirmAll();
  assert.deepEqual(
    all.map(({ got }) => got.length),
    [1, 1, 0, 0],
  );
  void all[1]?.claim.release();
  await confirmAll();
  assert.deepEqual(
    all.map(({ got }) => got.length),
    [1, 1, 1, 0],
  );
  for (const { claim: made } of all) void made.release();
  await confirmAll();
});

test("a departure ends the claims of its member at once, also while a clear of this member is pending", async (t) => {
  const { replica, claim, confirmAll, foreign, left } = joined(t);
  await foreign("a", LEASE_MS, "m1");
  const { got, claim: made } = claim();
  await confirmAll();
  await left("m2");
  assert.deepEqual(got, []);
  replica.set("other", 1);
  await left("m1", "m1");
  assert.deepEqual(got, [true]);
  await confirmAll();
  void made.release();
  await foreign("b", LEASE_MS, "m3");
  const next = claim();
  await confirmAll();
  replica.clear();
  await left("m3");
  assert.deepEqual(next.got, [true]);
  assert.equal(next.claim.signal.aborted, false, "the clear is not confirmed");
  await confirmAll();
  assert.equal(next.claim.signal.reason.code, "ERR_STORAGE_EXPIRED");
});

test("who waits goes to the end of the line when its claim is removed; who holds has lost the lock", async (t) => {
  const { open, claim, confirmAll } = joined(t);
  const [held, waiting] = [claim(), claim()];
  await confirmAll();
  open.foreign(clearEntry());
  await confirmAll();
  assert.match(held.claim.signal.reason.message, /got its removal/);
  assert.deepEqual(waiting.got, [true]);
  assert.ok(waiting.claim.token > held.claim.token);
  open.foreign(setEntry([KEY], "5"));
  await tick();
  assert.equal(waiting.claim.signal.aborted, true);
  await waiting.claim.release();
  await confirmAll();
  assert.equal(open.replica.get([KEY]), 5);
});

test("a signal ends the waiting with its reason, and has no effect on a lock that is held", async (t) => {
  const { claim, confirmAll, replica } = joined(t);
  const [one, other] = [new AbortController(), new AbortController()];
  const [held, waiting] = [claim({ signal: one.signal }), claim({ signal: other.signal })];
  await confirmAll();
  one.abort();
  const reason = new Error("enough");
  other.abort(reason);
  await confirmAll();
  assert.deepEqual([held.claim.signal.aborted, waiting.got], [false, [reason]]);
  void held.claim.release();
  await confirmAll();
  assert.deepEqual(replica.keys(), []);
});

test("when nothing more can be written, who waits is rejected and locks are lost, and a release does not fail", async (t) => {
  const { open, claim, confirmAll } = joined(t);
  const [held, waiting] = [claim(), claim()];
  await confirmAll();
  const pending = claim();
  const error = new Error("broken");
  open.replica.sink.failed(error);
  await tick();
  assert.deepEqual([held.claim.signal.reason, waiting.got, pending.got], [error, [error], [error]]);
  await held.claim.release();
  assert.throws(() => claim(), error);
});

test("a claim that a snapshot covers holds, or waits, as the snapshot says; what it does not have is claimed again", async (t) => {
  const { open, claim, confirmAll, reload, foreign } = joined(t);
  const held = claim();
  await confirmAll();
  const [covered, missing] = [claim(), claim()];
  await tick();
  const ids = open.sent
    .slice(-1)
    .flatMap(entriesOf)
    .map(({ path }) => path[1] as string);
  await foreign("b");
  const claims = { [ids[0] as string]: { member: "me", token: 9000 }, b: { member: "other", token: 9500 } };
  await reload(claims);
  assert.equal(held.claim.signal.reason.code, "ERR_STORAGE_EXPIRED", "the snapshot has it no more");
  assert.deepEqual([covered.got, covered.claim.token, missing.got], [[true], 9000, []]);
  open.foreign(deleteEntry([KEY, "b"]));
  void covered.claim.release();
  await confirmAll();
  await confirmAll();
  assert.deepEqual(missing.got, [true]);
  void missing.claim.release();
  await confirmAll();
});
