/** What time does to claims: renewals, leases that end, and calls that give up. The test decides on the log and on the time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DELETE, EXPIRE, expireEntry, SWAP } from "../../../dist/core/log/entry.js";
import { joined, KEY, LEASE_MS, types } from "./locking.js";

test("a lock is renewed at a third of its lease, once at a time, while it is held and while it waits", async (t) => {
  const { open, claim, confirmAll, sent, pass, foreign } = joined(t);
  const held = claim();
  await confirmAll();
  const waiting = claim();
  await confirmAll();
  await pass(LEASE_MS / 3 - 1);
  assert.deepEqual(await sent(), []);
  await pass(1);
  const renewals = await sent();
  assert.deepEqual(types(renewals), [EXPIRE, EXPIRE]);
  assert.equal(renewals[0]?.expiresAt, open.now + LEASE_MS);
  await pass(LEASE_MS / 3);
  assert.equal((await sent()).length, 2, "the first ones are on their way");
  await confirmAll();
  await pass(LEASE_MS - 1000 - 1);
  assert.equal(held.claim.signal.aborted, false);
  await foreign("b");
  for (const each of [held, waiting]) void each.claim.release();
  await confirmAll();
});

test("a lock whose renewals are not confirmed is lost when its lease ends, and lets go of it", async (t) => {
  const { claim, confirmAll, pass, sent, state, replica } = joined(t);
  const { claim: made } = claim();
  await confirmAll();
  await pass(1000);
  await pass(1999);
  assert.equal(made.signal.aborted, false);
  await pass(1);
  assert.equal(made.signal.reason.code, "ERR_STORAGE_EXPIRED");
  assert.match(made.signal.reason.message, /^expected to hold the lock "job" until its release, got its lease/);
  assert.deepEqual(types(await sent()), [EXPIRE, DELETE, SWAP]);
  await made.release();
  await confirmAll();
  assert.deepEqual([state.ended, replica.keys()], [1, []]);
});

test("another claim has ended by its lease only when the log says so: a renewal may be on its way", async (t) => {
  const { open, claim, confirmAll, pass, foreign, sent } = joined(t);
  await foreign("a");
  await pass(500);
  const { got, claim: made } = claim();
  await confirmAll();
  await pass(2000);
  await confirmAll();
  // By the clock of this member it ends now. It writes, to see what the log says.
  await pass(499);
  assert.deepEqual(await sent(), []);
  await pass(1);
  assert.deepEqual(types(await sent()), [EXPIRE]);
  assert.deepEqual(got, []);
  open.now -= 1; // the manager's clock is later
  open.foreign(expireEntry([KEY, "a"], open.now + LEASE_MS));
  await confirmAll();
  assert.deepEqual(got, [], "the renewal came first");
  await pass(1001);
  await confirmAll();
  await pass(1000);
  await confirmAll();
  await pass(1000);
  assert.deepEqual(got, []);
  await confirmAll();
  assert.deepEqual(got, [true]);
  void made.release();
  await confirmAll();
});

test("a claim that is not the first one gives up after its time, and one that must not wait when it is confirmed", async (t) => {
  const { claim, confirmAll, pass, foreign, sent } = joined(t);
  await foreign("a", 60_000);
  const [now, later] = [claim({ waitMs: 0 }), claim({ waitMs: 500 })];
  await pass(1);
  assert.deepEqual([now.got, later.got], [[], []]);
  await confirmAll();
  await pass(0);
  assert.deepEqual([now.got, later.got], [[false], []]);
  assert.deepEqual(types(await sent()), [DELETE, SWAP]);
  await pass(498);
  assert.deepEqual(later.got, []);
  await pass(1);
  assert.deepEqual(later.got, [false]);
  await confirmAll();
});

test("without a manager a claim gives up after a second, or after its time if that is longer", async (t) => {
  const { claim, confirmAll, pass, replica } = joined(t);
  const [now, later, ever] = [claim({ waitMs: 0 }), claim({ waitMs: 1500 }), claim()];
  await pass(999);
  assert.deepEqual([now.got, later.got], [[], []]);
  await pass(1);
  assert.deepEqual([now.got, later.got], [[false], []]);
  await pass(500);
  assert.deepEqual([later.got, ever.got], [[false], []]);
  await confirmAll();
  assert.deepEqual([now.got, later.got, ever.got], [[false], [false], [true]]);
  void ever.claim.release();
  await confirmAll();
  assert.deepEqual(replica.keys(), []);
});

test("a claim whose lease ended before it had its place is made again", async (t) => {
  const { claim, confirmAll, pass } = joined(t);
  const { claim: made, got } = claim();
  await pass(LEASE_MS + 1);
  await confirmAll();
  assert.deepEqual(got, []);
  await confirmAll();
  assert.deepEqual(got, [true]);
  void made.release();
  await confirmAll();
});

test("a claim that cannot be written throws, and a renewal that cannot is tried again", async (t) => {
  const { open, claim, confirmAll, pass } = joined(t);
  const { claim: made } = claim();
  await confirmAll();
  open.replica.set("big", "x".repeat((1 << 20) - 200));
  assert.throws(() => claim(), { code: "ERR_STORAGE_PENDING_FULL" });
  await pass(1000);
  await confirmAll();
  await pass(1000);
  await confirmAll();
  await pass(999);
  assert.equal(made.signal.aborted, false);
  void made.release();
  await confirmAll();
});

test("a lease also ends while a whole state is being loaded, and so does the time of who waits", async (t) => {
  const { open, claim, confirmAll, pass } = joined(t);
  const [held, waiting] = [claim(), claim({ waitMs: 2000 })];
  await confirmAll();
  open.replica.sink.disconnected();
  open.replica.sink.restoring({ seq: open.seq, time: open.now, level: 1 });
  await pass(1999);
  assert.deepEqual([held.claim.signal.aborted, waiting.got], [false, []]);
  await pass(1);
  assert.deepEqual([held.claim.signal.aborted, waiting.got], [false, [false]]);
  await pass(1000);
  assert.equal(held.claim.signal.aborted, true);
  open.replica.sink.failed(new Error("over"));
});
