/** Which members are waited for, and which are dropped, by what they take in how much time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BacklogLimiter, type Taker } from "../../../../dist/core/local/hub/backlog-limiter.js";
import type { Clock } from "../../../../dist/core/local/machine/machine.js";
import { ManualClock } from "../machine/manual-machine.js";

const MIB = 1024 * 1024;
const MAX_BYTES = 64 * MIB;
/** The bound beyond which a member that is not waited for is dropped. */
const MOST_BYTES = 2 * MAX_BYTES;
const STEP_MS = 10;
const HEARTBEAT_MS = 1000;

/** A member with a queue. */
class Member implements Taker {
  queuedBytes = 0;
  takenBytes = 0;
  isClosed = false;
  /** Bytes that it takes each second. */
  speed: number;

  constructor(speed: number) {
    this.speed = speed;
  }

  drop(): void {
    this.isClosed = true;
  }

  take(ms: number): void {
    const bytes = Math.min(this.queuedBytes, (this.speed * ms) / 1000);
    this.queuedBytes -= bytes;
    this.takenBytes += bytes;
  }
}

/** A hub that sends the same to all of its members, and takes nothing in while it waits for one. */
class Sender {
  readonly clock = new ManualClock();
  readonly members: readonly Member[];
  /** What `isWaiting` became, and when. */
  readonly waits: [isWaiting: boolean, ms: number][] = [];
  readonly limiter: BacklogLimiter;
  /** The longest queue. */
  mostBytes = 0;
  sentBytes = 0;

  constructor(...members: Member[]) {
    this.members = members;
    this.limiter = new BacklogLimiter(this.clock, MAX_BYTES, HEARTBEAT_MS, () =>
      this.waits.push([this.limiter.isWaiting, this.clock.elapsed()]),
    );
  }

  send(bytes: number): void {
    this.sentBytes += bytes;
    for (const member of this.members) {
      if (member.isClosed) continue;
      this.limiter.beforeSending(member);
      if (member.isClosed) continue;
      member.queuedBytes += bytes;
      this.mostBytes = Math.max(this.mostBytes, member.queuedBytes);
      this.limiter.sent(member);
    }
  }

  /** Lets time pass; what others write comes in at a speed, in bytes each second. */
  pass(ms: number, incoming = 0): void {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      if (incoming > 0 && !this.limiter.isWaiting) this.send((incoming * STEP_MS) / 1000);
      for (const member of this.members) member.take(STEP_MS);
      this.clock.pass(STEP_MS);
    }
  }
}

test("however much comes at once, a member that takes it is not dropped, and nothing more is taken in until half is left", () => {
  const reader = new Member(100 * MIB);
  const sender = new Sender(reader);
  sender.send(MAX_BYTES);
  assert.equal(sender.limiter.isWaiting, false);
  sender.send(4 * MAX_BYTES);
  sender.send(1);
  assert.equal(sender.limiter.isWaiting, true);
  sender.pass(5000);
  assert.deepEqual([reader.isClosed, reader.queuedBytes, sender.clock.timerCount], [false, 0, 0]);
  sender.waits.length = 0;
  sender.send(80 * MIB);
  sender.pass(2000);
  const [[, from], [, to]] = sender.waits as [[boolean, number], [boolean, number]];
  assert.deepEqual(
    sender.waits.map(([isWaiting]) => isWaiting),
    [true, false],
  );
  assert.ok(to - from >= 480 && to - from <= 520, `48 MiB of 80 take 480 ms, got ${to - from}`);
});

test("members that read at full speed are never dropped, however fast others write and for however long", () => {
  const readers = [new Member(100 * MIB), new Member(200 * MIB)];
  const sender = new Sender(...readers);
  sender.pass(60_000, 1000 * MIB);
  assert.deepEqual(
    readers.map(({ isClosed }) => isClosed),
    [false, false],
  );
  assert.ok(sender.mostBytes <= MAX_BYTES + 10 * MIB, `${sender.mostBytes}`);
  assert.ok(sender.sentBytes > 0.9 * 60 * 100 * MIB, "and those that write are as fast as the slower one reads");
});

test("a member that takes nothing is dropped after three seconds, and the others wait for it no longer than one", () => {
  const [stopped, reader] = [new Member(0), new Member(1000 * MIB)];
  const sender = new Sender(stopped, reader);
  sender.send(MAX_BYTES + 1);
  sender.pass(900);
  assert.equal(sender.limiter.isWaiting, true);
  sender.pass(200);
  assert.equal(sender.limiter.isWaiting, false);
  sender.pass(1800);
  assert.equal(stopped.isClosed, false);
  sender.pass(200);
  assert.equal(stopped.isClosed, true);
  assert.deepEqual([reader.isClosed, sender.clock.timerCount], [false, 0]);
});

test("a member that takes next to nothing is dropped as one that takes nothing", () => {
  const sender = new Sender(new Member(1000), new Member(MIB / 4));
  sender.send(MAX_BYTES + MIB);
  sender.pass(2900);
  assert.deepEqual(
    sender.members.map(({ isClosed }) => isClosed),
    [false, false],
  );
  sender.pass(200);
  assert.deepEqual(
    sender.members.map(({ isClosed }) => isClosed),
    [true, true],
  );
});

test("a member that is slower than what is written is dropped at twice the bound, and the others wait for it once", () => {
  const slow = new Member(MIB);
  const sender = new Sender(slow);
  sender.pass(10_000, 50 * MIB);
  assert.equal(slow.isClosed, true);
  assert.ok(sender.mostBytes > MOST_BYTES && sender.mostBytes <= MOST_BYTES + MIB, `${sender.mostBytes}`);
  assert.deepEqual(
    sender.waits.map(([isWaiting]) => isWaiting),
    [true, false],
  );
});

test("whatever members do, no queue is longer than twice the bound and what one turn adds", () => {
  for (const speeds of [[0], [0, 0, 500 * MIB], [10, MIB / 3, MIB], [30 * MIB, 0]]) {
    const sender = new Sender(...speeds.map((speed) => new Member(speed)));
    sender.pass(20_000, 300 * MIB);
    assert.ok(sender.mostBytes <= MOST_BYTES + 3 * MIB, `${speeds}: ${sender.mostBytes}`);
  }
});

test("time for which the hub stood still is no time that a member had", () => {
  const timers: (() => void)[] = [];
  const late = { after: (_ms: number, call: () => void) => ({ cancel: timers.push(call) }) } as unknown as Clock;
  const limiter = new BacklogLimiter(late, MAX_BYTES, HEARTBEAT_MS, () => {});
  const member = new Member(0);
  member.queuedBytes = MAX_BYTES + 1;
  limiter.sent(member);
  const seen = [];
  // However late each timer is: the hub has looked at its sockets once.
  for (let look = 1; timers.length > 0 && look < 1000; look++) {
    timers.shift()?.();
    if (look === 40 || look === 60 || look === 140) seen.push([limiter.isWaiting, member.isClosed]);
  }
  assert.deepEqual(seen, [
    [true, false],
    [false, false],
    [false, false],
  ]);
  assert.equal(member.isClosed, true);
});

test("a member that has caught up is waited for again when it falls behind again", () => {
  const member = new Member(0);
  const sender = new Sender(member);
  sender.send(MAX_BYTES + 1);
  sender.pass(2000);
  member.speed = 1000 * MIB;
  sender.pass(1000);
  sender.send(MAX_BYTES + 1);
  assert.deepEqual([member.isClosed, sender.limiter.isWaiting], [false, true]);
});

test("members that are closed are waited for no longer, and a hub that ends leaves no timer", () => {
  const [closed, other] = [new Member(0), new Member(0)];
  const sender = new Sender(closed);
  sender.send(MAX_BYTES + 1);
  closed.drop();
  sender.pass(30);
  assert.deepEqual([sender.limiter.isWaiting, sender.clock.timerCount], [false, 0]);
  const second = new Sender(other);
  second.send(MAX_BYTES + 1);
  second.limiter.stop();
  assert.deepEqual([second.limiter.isWaiting, second.clock.timerCount], [false, 0]);
});
