import assert from "node:assert/strict";
import { test } from "node:test";
import { addEntry, deleteEntry, expireEntry, limitEntry, setEntry } from "../../../dist/core/log/entry.js";
import { ruleText } from "../../../dist/core/log/limit-rule.js";
import type { StorageLimitOptions } from "../../../dist/core/replica/limit-options.js";
import { entriesOf, NOW, openReplica, tick } from "./opened-replica.js";

const FIVE = { limit: 5, windowMs: 1000 } as const;
const RULE = { kind: "window", limit: 5, ms: 1000, blockMs: 0 } as const;
const PATIENCE = { timeoutMs: 1000, onTimeout: "view" } as const;

/** A replica that has joined, and what its own batches come to as soon as they are sent. */
function open(isOrdering = true) {
  const opened = openReplica();
  opened.join();
  let confirmedCount = 0;
  return Object.assign(opened, {
    /** Confirms all that was sent. */
    async order() {
      await tick();
      for (; confirmedCount < opened.sent.length; confirmedCount++) opened.confirm();
      await tick();
    },
    async limit(options: Partial<StorageLimitOptions> = {}, path = "k") {
      const promise = opened.replica.limits.limit(path, { ...FIVE, ...options });
      promise.catch(() => {});
      if (isOrdering) await this.order();
      return promise;
    },
    /** Lets as many steps of the timers pass. */
    pass(steps = 4) {
      for (let step = 0; step < steps; step++) {
        for (const { call } of opened.timers.splice(0)) call();
        for (const call of opened.later.splice(0)) call();
      }
    },
  });
}

test("a limit is decided at its place in the log, at log time, with what others have counted", async () => {
  const opened = open();
  const { replica } = opened;
  const promise = replica.limits.limit("k", FIVE);
  await tick();
  assert.equal(replica.get("k"), null, "a hit does nothing while it is pending");
  opened.foreign(limitEntry(["k"], ruleText(RULE), 3));
  await opened.order();
  assert.deepEqual(await promise, { allowed: true, used: 4, remaining: 1, resetAt: NOW + 1000, retryAfter: 0 });
  assert.equal(replica.get("k"), 4);
  assert.equal(replica.ttl("k"), 999);
});

test("once there is no room a process refuses by itself, and writes nothing", async () => {
  const opened = open();
  for (let used = 1; used <= 5; used++) assert.equal((await opened.limit()).used, used);
  const { seq, length } = { seq: opened.replica.seq, length: opened.sent.length };
  opened.now += 400;
  const refused = { allowed: false, used: 5, remaining: 0, resetAt: NOW + 1000, retryAfter: 600 };
  for (let count = 0; count < 100_000; count++) assert.deepEqual(await opened.replica.limits.limit("k", FIVE), refused);
  assert.deepEqual([opened.replica.seq, opened.sent.length, opened.replica.pendingCount], [seq, length, 0]);
  opened.now = NOW + 999;
  assert.equal((await opened.limit()).used, 1);
});

test("what retryAfter says is enough, and not much more, by both algorithms", async () => {
  for (const algorithm of ["window", "gcra"] as const) {
    const opened = open();
    for (const cost of [3, 2]) await opened.limit({ algorithm, cost });
    const { retryAfter } = await opened.limit({ algorithm, cost: 2 });
    assert.equal(retryAfter, algorithm === "window" ? 1000 : 401);
    opened.now += retryAfter - 2;
    assert.equal((await opened.limit({ algorithm, cost: 2 })).allowed, false);
    opened.now += 1;
    assert.equal((await opened.limit({ algorithm, cost: 2 })).allowed, true);
  }
});

test("a hit that was reset by this process is not refused by what was before", async () => {
  const opened = open();
  await opened.limit({ cost: 5 });
  opened.replica.delete("k");
  const promise = opened.replica.limits.limit("k", FIVE);
  await opened.order();
  assert.equal((await promise).allowed, true);
});

test("a cost of 0 looks, whatever is there, and writes nothing", async () => {
  const opened = open();
  const look = (options = {}) => opened.replica.limits.limit("k", { ...FIVE, cost: 0, ...options });
  assert.deepEqual(await look(), { allowed: true, used: 0, remaining: 5, resetAt: NOW, retryAfter: 0 });
  await opened.limit({ cost: 5 });
  assert.deepEqual(await look(), { allowed: false, used: 5, remaining: 0, resetAt: NOW + 1000, retryAfter: 1000 });
  assert.equal((await look({ limit: 9 })).allowed, true);
  assert.equal(opened.sent.length, 1);
  opened.foreign(setEntry(["k"], '"text"'));
  assert.equal((await look()).used, 0);
});

test("what is no number is refused at its place in the log, and a number without an expiry counts forever", async () => {
  const opened = open();
  opened.foreign(setEntry(["k"], "{}"), setEntry(["n"], "4"));
  await assert.rejects(opened.limit(), { code: "ERR_STORAGE_NOT_A_NUMBER" });
  assert.deepEqual(await opened.limit({}, "n"), {
    allowed: true,
    used: 5,
    remaining: 0,
    resetAt: Infinity,
    retryAfter: 0,
  });
  assert.equal((await opened.limit({}, "n")).retryAfter, Infinity);
  opened.foreign(setEntry(["n"], `${Number.MAX_VALUE}`));
  const most = { kind: "count", limit: 1, ms: 1, blockMs: 0 } as const;
  const hit = opened.replica.limits.hit("n", most, Number.MAX_VALUE, PATIENCE);
  const tooMuch = assert.rejects(hit, { code: "ERR_STORAGE_NOT_A_NUMBER" });
  await opened.order();
  await tooMuch;
});

test("a hit below a path is a count of its own, and a path that is too far is refused", async () => {
  const opened = open();
  assert.equal((await opened.limit({}, "a.b")).used, 1);
  assert.deepEqual(opened.replica.get("a"), { b: 1 });
  opened.foreign(setEntry(["list"], "[]"));
  await assert.rejects(opened.limit({}, "list[70000]"), RangeError);
});

test("without a confirmation a process decides in time, by what it knows and has pending", async () => {
  const opened = open(false);
  opened.foreign(limitEntry(["k"], ruleText(RULE), 3));
  const hits = [1, 2, 3].map(() => opened.limit());
  const others = (["failOpen", "failClosed"] as const).map((onTimeout) => opened.limit({ onTimeout }));
  await tick();
  opened.pass(3);
  assert.equal(await Promise.race([...hits, "waiting"]), "waiting");
  opened.pass(1);
  assert.deepEqual(
    (await Promise.all(hits)).map(({ allowed, used }) => [allowed, used]),
    [
      [true, 4],
      [true, 5],
      [false, 3],
    ],
  );
  const [isOpen, isClosed] = await Promise.all(others);
  assert.deepEqual([isOpen?.allowed, isClosed?.allowed, isClosed?.retryAfter], [true, false, 1000]);
});

test("while others have waited in vain nobody waits, and what is refused then is not written", async () => {
  const opened = open(false);
  const first = opened.limit({ cost: 4 });
  await tick();
  opened.pass();
  assert.equal((await first).allowed, true);
  const { pendingCount } = opened.replica;
  assert.deepEqual(
    (await Promise.all([opened.limit(), opened.limit(), opened.limit()])).map(({ allowed }) => allowed),
    [true, false, false],
  );
  assert.equal((await opened.limit({ onTimeout: "failClosed" })).allowed, false);
  assert.equal((await opened.limit({ onTimeout: "failOpen" })).allowed, true);
  assert.equal(opened.replica.pendingCount, pendingCount + 2);
  assert.equal((await opened.limit({}, "other.path")).allowed, true);
  await opened.order();
  assert.equal(opened.replica.get("k"), 5);
  const next = opened.limit({}, "next");
  await tick();
  assert.equal(await Promise.race([next, "waiting"]), "waiting", "there is a manager again");
  await opened.order();
  assert.equal((await next).used, 1);
});

test("timers run only while hits wait, and end with the storage", async () => {
  const opened = open();
  const quick = opened.replica.limits.limit("k", { ...FIVE, timeout: 20 });
  await opened.limit({ timeout: 400 });
  await opened.limit({ timeout: 400 });
  assert.deepEqual([opened.timers.map(({ at }) => at - NOW), (await quick).used], [[5, 100], 1]);
  opened.pass(1);
  assert.deepEqual(opened.timers, []);
  const last = opened.replica.limits.limit("k", { ...FIVE, timeout: 400 });
  opened.replica.fail(new Error("closed"));
  await assert.rejects(last, { message: "closed" });
  assert.deepEqual(opened.timers, []);
});

test("where nothing more may be pending a process decides at once", async () => {
  const opened = openReplica({ maxPendingBytes: 200 });
  const hits = Array.from({ length: 8 }, () => opened.replica.limits.limit("k", FIVE));
  const answers = await Promise.all(hits.slice(2));
  const { pendingCount } = opened.replica;
  assert.ok(pendingCount > 0 && pendingCount < 3);
  assert.deepEqual(new Set(answers.map(({ used }) => used)), new Set([pendingCount + 1]));
});

test("a hit whose result is not known is answered by what is counted", async () => {
  const opened = open(false);
  const hit = opened.limit();
  await tick();
  opened.replica.sink.disconnected();
  opened.replica.sink.restoring({ seq: 5, time: NOW, level: 1 });
  opened.replica.sink.connected();
  await tick();
  // It is pending again, since no origin of the state has it; a state that has it is met in the model.
  opened.seq = 5;
  await opened.order();
  assert.equal((await hit).allowed, true);
});

test("in a batch a hit is part of it, and one that is taken back rejects", async () => {
  const opened = open();
  let taken: Promise<unknown> | undefined;
  assert.throws(() =>
    opened.replica.batch(() => {
      taken = opened.replica.limits.limit("k", FIVE);
      throw new Error("taken back");
    }),
  );
  await assert.rejects(taken as Promise<unknown>, { message: "taken back" });
  let hit: Promise<unknown> | undefined;
  opened.replica.batch(() => {
    opened.replica.set("a", 1);
    hit = opened.replica.limits.limit("k", FIVE);
  });
  await opened.order();
  assert.equal(((await hit) as { used: number }).used, 1);
  assert.equal(entriesOf(opened.sent[0]).length, 2);
});

test("a hit between other pending writes of its key is counted between them", async () => {
  const opened = open();
  const { replica } = opened;
  replica.set("k", 2, 1000);
  const hit = replica.limits.limit("k", FIVE);
  const sum = replica.increment("k", 10);
  const refused = replica.limits.hit("k", { ...RULE, kind: "count" }, 1, PATIENCE);
  assert.equal(replica.get("k"), 12);
  await tick();
  opened.foreign(addEntry(["k"], 1), expireEntry(["k"], NOW + 5));
  assert.equal(replica.get("k"), 12);
  await opened.order();
  assert.deepEqual([(await hit).used, await sum, (await refused).used], [3, 13, 14]);
  assert.equal(replica.get("k"), 14);
});

test("hits that are given back make room in their own window alone", async () => {
  const opened = open();
  const { limits } = opened.replica;
  const first = limits.hit("k", RULE, 5, PATIENCE);
  await opened.order();
  const { expiresAt } = await first;
  const back = limits.giveBack("k", expiresAt, 2);
  await opened.order();
  await back;
  assert.deepEqual(limits.count("k"), { number: 3, expiresAt });
  opened.now += 1000;
  assert.equal((await opened.limit()).used, 1);
  const late = limits.giveBack("k", expiresAt);
  await opened.order();
  await late;
  assert.equal(limits.count("k")?.number, 1);
  opened.foreign(deleteEntry(["k"]));
  assert.equal(limits.count("k"), null);
});

test("bad options are refused at once, by what was expected and what came", () => {
  const { replica } = open();
  const refuse = (options: unknown, type: ErrorConstructor, text: RegExp) =>
    assert.throws(
      () => replica.limits.limit("k", options as StorageLimitOptions),
      (error: Error) => error instanceof type && text.test(error.message),
    );
  for (const options of [undefined, null, 5])
    refuse(options, TypeError, /^expected options such as \{ limit: 5, windowMs/);
  refuse({ ...FIVE, max: 5 }, TypeError, /expected one of the options limit, .*, got max/);
  refuse({ windowMs: 5 }, TypeError, /expected limit to be a number, got undefined/);
  refuse({ ...FIVE, windowMs: "5" }, TypeError, /expected windowMs to be a number, got a string/);
  for (const limit of [0, -1, 1.5, Number.NaN, Infinity]) refuse({ ...FIVE, limit }, RangeError, /limit to be a whole/);
  for (const cost of [-1, 6, 0.5])
    refuse({ ...FIVE, cost }, RangeError, /expected cost to be a whole number from 0 to 5/);
  for (const timeout of [0, 2 ** 31]) refuse({ ...FIVE, timeout }, RangeError, /expected timeout/);
  refuse({ ...FIVE, algorithm: "fixed" }, TypeError, /algorithm to be "window" or "gcra", got "fixed"/);
  refuse({ ...FIVE, onTimeout: "open" }, TypeError, /onTimeout to be "view", "failOpen" or "failClosed", got "open"/);
  refuse({ limit: 2 ** 30, windowMs: 2 ** 30, algorithm: "gcra" }, RangeError, /limit \* windowMs/);
  assert.throws(() => replica.limits.limit([], FIVE), TypeError);
});
