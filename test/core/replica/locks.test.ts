/** Locks of one member: when a claim holds, is renewed, waits, gives up, and is lost. The test decides on the log and on the time. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import {
  ALWAYS,
  clearEntry,
  DELETE,
  deleteEntry,
  type Entry,
  EXPIRE,
  expireEntry,
  leftEntry,
  SET,
  SWAP,
  setEntry,
} from "../../../dist/core/log/entry.js";
import { BATCH } from "../../../dist/core/log/frame.js";
import { BY_TEXT } from "../../../dist/core/log/step-kinds.js";
import type { LockTerms } from "../../../dist/core/replica/lock-claim.js";
import { entriesOf, openReplica, tick } from "./opened-replica.js";

const KEY = "lock:/job";
const LEASE_MS = 3000;

function joined(t: TestContext) {
  const open = openReplica();
  open.join();
  let confirmedCount = 0;
  const confirmAll = async () => {
    await tick();
    for (; confirmedCount < open.sent.length; confirmedCount++) open.confirm();
    await tick();
  };
  /** What was sent and is not confirmed. */
  const sent = async (): Promise<Entry[]> => {
    await tick();
    return open.sent.slice(confirmedCount).flatMap(entriesOf);
  };
  /** Time passes, and timers that are due are called. */
  const pass = async (ms: number) => {
    open.now += ms;
    for (const timer of open.timers.filter(({ at }) => at <= open.now)) {
      if (open.timers.includes(timer)) timer.call();
    }
    await tick();
  };
  /** Another member's claim. */
  const foreign = async (id: string, ms = LEASE_MS, member = "other") => {
    const json = JSON.stringify({ member });
    open.foreign(setEntry([KEY, id], json, open.now + ms, ALWAYS, BY_TEXT, "token"));
    await tick();
  };
  const left = async (...members: string[]) => {
    const frame = encodeEntries(members.map(leftEntry), BATCH, { seq: ++open.seq, time: open.now });
    open.replica.sink.batch(frame, 0, frame.length);
    await tick();
  };
  const claim = (terms: Partial<LockTerms> = {}) => {
    const all = { count: 1, leaseMs: LEASE_MS, waitMs: Infinity, ...terms };
    const made = open.replica.locks.claim("job", all, () => state.ended++);
    const told = { claim: made, got: [] as unknown[] };
    made.acquired.then(
      (isHeld) => told.got.push(isHeld),
      (error) => told.got.push(error),
    );
    return told;
  };
  const state = { ended: 0 };
  t.after(() => assert.equal(open.held.filter((isHeld) => isHeld).length, open.held.filter((isHeld) => !isHeld).length));
  return { open, replica: open.replica, confirmAll, sent, pass, foreign, left, claim, state };
}

const types = (entries: readonly Entry[]): number[] => entries.map(({ type }) => type);

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
  await foreign("b", LEASE_MS, "m3");
  replica.clear();
  await left("m3");
  assert.equal(made.signal.aborted, false, "the clear is not confirmed");
  await confirmAll();
  assert.equal(made.signal.reason.code, "ERR_STORAGE_EXPIRED");
});

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
