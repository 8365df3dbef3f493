import assert from "node:assert/strict";
import { test } from "node:test";
import { type KnownTime, timeAtStart } from "../../../../dist/core/local/hub/hub-time.js";
import { noteNow } from "../../../../dist/core/local/machine/clock.js";
import { decodeTime, decodeWelcome } from "../../../../dist/core/local/wire/messages.js";
import { BATCH, bornOf, CLOCK, originOf, PING, WELCOME } from "../../../../dist/core/log/frame.js";
import { ManualClock, START_MS } from "../machine/manual-clock.js";
import { batchFrame, helloFrame, ManualHub, type Peer } from "../machine/manual-machine.js";

const HOUR_MS = 3_600_000;
const EMPTY: KnownTime = {
  member: null,
  log: { time: 0, clock: null, clockOffsetMs: 0 },
  isOpen: false,
};

/** A log whose last batch was ordered at `time`, under a manager that has noted the time then. */
function logAt(clock: ManualClock, time: number, clockOffsetMs = time - clock.now()) {
  return { time, clock: noteNow(clock, time), clockOffsetMs };
}

test("a new log begins at the wall clock, and so does one that carries no time", () => {
  const clock = new ManualClock();
  assert.equal(timeAtStart(clock, EMPTY).time, START_MS);
  clock.setMs = -9 * HOUR_MS;
  assert.equal(timeAtStart(clock, EMPTY).time, START_MS - 9 * HOUR_MS);
});

test("a hub whose member was told the time goes on with it, whatever the wall clock and the log say", () => {
  for (const setMs of [-9 * HOUR_MS, 9 * HOUR_MS]) {
    const clock = new ManualClock();
    const member = noteNow(clock, START_MS + 5);
    const log = logAt(clock, START_MS);
    clock.pass(1000);
    clock.suspend(HOUR_MS);
    clock.setMs += setMs;
    assert.equal(timeAtStart(clock, { member, log, isOpen: true }).time, START_MS + HOUR_MS + 1005);
  }
});

test("time never begins before the end of the log", () => {
  const clock = new ManualClock();
  const member = noteNow(clock, START_MS);
  const log = { ...EMPTY.log, time: START_MS + 7 };
  assert.equal(timeAtStart(clock, { member, log, isOpen: true }).time, START_MS + 7);
});

test("while another member has the storage open, a hub that knows nothing goes on by what has elapsed", () => {
  for (const setMs of [-9 * HOUR_MS, 9 * HOUR_MS]) {
    const clock = new ManualClock();
    const log = logAt(clock, START_MS - 100);
    clock.pass(2000);
    clock.setMs = setMs;
    assert.equal(timeAtStart(clock, { member: null, log, isOpen: true }).time, START_MS + 1900);
  }
});

test("when nobody had it open, time goes on at the latest of what the wall clock shows, what it has gained, and what has elapsed", () => {
  const cases = [
    // The clock is right: it has gained what has elapsed.
    { offsetMs: 0, setMs: 0, rebooted: true, expected: START_MS + 2000 },
    // Storage time is ahead, by a clock that was wrong once: what the clock has gained since counts.
    { offsetMs: 9 * HOUR_MS, setMs: 0, rebooted: true, expected: START_MS + 9 * HOUR_MS + 2000 },
    // The clock was set forward meanwhile: nobody knows better.
    { offsetMs: 0, setMs: HOUR_MS, rebooted: true, expected: START_MS + HOUR_MS + 2000 },
    // It was set back: nothing has elapsed as far as it shows, and the machine was restarted.
    { offsetMs: 0, setMs: -HOUR_MS, rebooted: true, expected: START_MS },
    // The same, and the machine was not restarted.
    { offsetMs: 0, setMs: -HOUR_MS, rebooted: false, expected: START_MS + 2000 },
    // Storage time was behind, by a clock that was wrong when it began.
    { offsetMs: -9 * HOUR_MS, setMs: 0, rebooted: true, expected: START_MS + 2000 },
  ];
  for (const { offsetMs, setMs, rebooted, expected } of cases) {
    const clock = new ManualClock();
    const log = logAt(clock, START_MS + offsetMs);
    clock.pass(2000);
    clock.setMs = setMs;
    if (rebooted) clock.domain = "another boot";
    assert.equal(
      timeAtStart(clock, { member: null, log, isOpen: false }).time,
      expected,
      JSON.stringify({ offsetMs, setMs }),
    );
  }
});

/** A hub with a member, and a batch in the log. */
function served(): { hub: ManualHub; a: Peer } {
  const hub = new ManualHub();
  const a = hub.join("a");
  a.say(batchFrame(1));
  hub.clock.run();
  a.received.length = 0;
  return { hub, a };
}

test("batches are stamped with the time that has elapsed, whatever the wall clock shows", () => {
  for (const setMs of [-9 * HOUR_MS, 9 * HOUR_MS]) {
    const { hub, a } = served();
    const b = hub.join("b");
    hub.clock.setMs = setMs;
    hub.clock.pass(100);
    hub.clock.suspend(60_000);
    hub.clock.pass(50);
    a.say(batchFrame(2));
    hub.clock.run();
    assert.equal(b.of(BATCH).at(-1)?.time, START_MS + 60_150);
  }
});

test("a welcome says what time it is by all clocks, and members are told again when the wall clock was set", () => {
  const { hub, a } = served();
  hub.clock.pass(10);
  const late = hub.connect("late");
  late.say(helloFrame({ member: "late" }));
  hub.clock.run();
  const { frame } = late.of(WELCOME)[0] as { frame: Buffer };
  const note = { time: START_MS + 10, wall: START_MS + 10, monotonic: 10, suspended: 0, domain: "boot" };
  assert.deepEqual(decodeWelcome(frame, 0, frame.length).clock, note);
  hub.clock.pass(1000);
  assert.equal(a.of(CLOCK).length, 0, "nothing has changed");
  hub.clock.setMs = -HOUR_MS;
  hub.clock.pass(1000);
  assert.deepEqual([a.of(CLOCK).length, a.of(PING).length], [1, 2]);
  const told = (a.of(CLOCK)[0] as { frame: Buffer }).frame;
  const { time, wall } = decodeTime(told, 0, told.length);
  assert.deepEqual([time - wall, hub.clock.time - time], [HOUR_MS, 10]);
});

test("each batch of the hub's own notes by how much the wall clock is off, and one is ordered when that changes by a second", () => {
  const { hub, a } = served();
  for (const [setMs, count] of [
    [-900, 0],
    [-1100, 1],
    [HOUR_MS, 2],
    [HOUR_MS + 900, 2],
  ] as const) {
    hub.clock.setMs = setMs;
    hub.clock.pass(1000);
    const own = a.of(BATCH).filter(({ frame }) => originOf(frame, 0) === 0);
    assert.equal(own.length, count);
    if (count > 0) assert.equal(bornOf((own.at(-1) as { frame: Buffer }).frame, 0), setMs === -1100 ? 1100 : -HOUR_MS);
  }
});

test("an empty log notes nothing", () => {
  const hub = new ManualHub();
  const a = hub.join("a");
  hub.clock.setMs = HOUR_MS;
  hub.clock.pass(2000);
  assert.deepEqual([a.of(CLOCK).length, a.of(BATCH).length], [1, 0]);
});
