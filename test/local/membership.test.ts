import assert from "node:assert/strict";
import { test } from "node:test";
import { compact, Fold } from "../../dist/core/local/compactor.js";
import type { Machine, Mark, SegmentRef, Socket, SocketEvents } from "../../dist/core/local/machine.js";
import { Membership, type MembershipEnd } from "../../dist/core/local/membership.js";
import { Patience } from "../../dist/core/local/patience.js";
import { encodeJson, WELCOME } from "../../dist/core/log/frame.js";
import type { LogSink } from "../../dist/core/log/log.js";
import { ManualClock, manualMachine, Peer, seatContent } from "./manual-machine.js";
import { MemoryFiles } from "./memory-files.js";
import { frameOf, machineOf, place, statesUpTo, textOf, writeSegment } from "./stored.js";

const MAX_BACKLOG_BYTES = 4096;
const LAST = 2500;

/** A member whose hub, files and event loop are in the hands of the test. The log is longer than one step of a reader. */
function member(mark: Mark | null = null) {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const last = writeSegment(files, 1, 2, [11, LAST], first);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  const clock = new ManualClock();
  const hub = new Peer("hub", []);
  const fold = new Fold();
  const told: string[] = [];
  const ends: MembershipEnd[] = [];
  const sink = {
    restoring: (head) => fold.snapshot(head),
    restored: (frame, start, end) => fold.state(frame, start, end),
    batch: (frame, start, end) => fold.batch(frame, start, end),
    joined: () => told.push(`joined at ${fold.seq}`),
    parted: () => told.push("parted"),
    trouble: () => {},
  } as Partial<LogSink> as LogSink;
  const connect = (_address: string, events: SocketEvents): Socket => {
    hub.events = events;
    return hub;
  };
  const machine = { ...manualMachine(files, clock), sockets: { connect } } as unknown as Machine;
  const limits = { patience: new Patience(clock, 5000), maxBacklogBytes: MAX_BACKLOG_BYTES };
  const calls = { joined: () => {}, passed: () => {}, ended: (end: MembershipEnd) => void ends.push(end) };
  const seat = { epoch: 1, content: seatContent() };
  const membership = new Membership(machine, place, seat, { member: "m", mark, ...limits, sink, ...calls });
  hub.events?.connected?.();
  return { clock, hub, fold, told, ends, membership, last };
}

function welcomeOf({ epoch, segment, end }: SegmentRef): Buffer {
  const time = 1_000_000 + LAST;
  return encodeJson(WELCOME, { epoch, seq: LAST, time }, { segment, offset: end, bytes: end, now: time });
}

/** The next batches, as the hub sends them. */
const live = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => frameOf(LAST + 1 + index, 1));

test("a member that reads the files takes live frames in up to a limit, and joins when all of them are delivered", () => {
  const { clock, hub, fold, told, last } = member();
  hub.events?.data(welcomeOf(last));
  const frames = live(600);
  for (const frame of frames.slice(0, 3)) hub.events?.data(frame);
  assert.equal(hub.isPaused, false);
  for (const frame of frames.slice(3)) hub.events?.data(frame);
  assert.equal(hub.isPaused, true);
  assert.deepEqual(told, []);
  clock.run();
  assert.equal(hub.isPaused, false);
  assert.deepEqual(told, [`joined at ${LAST + 600}`]);
  assert.equal(textOf(fold), statesUpTo(LAST + 600)[LAST + 600]);
});

test("a welcome that was damaged on the way ends the connection", () => {
  const { hub, ends, last } = member();
  const damaged = welcomeOf(last);
  damaged[4] = (damaged[4] as number) ^ 1;
  hub.events?.data(damaged);
  assert.equal(hub.isClosed, true);
  assert.deepEqual([ends.length, ends[0]?.wasWelcome, ends[0]?.mark], [1, false, null]);
});

test("a member that is parted while it restores a whole state has no mark, whatever it had before", () => {
  const foreign = { epoch: 1, segment: 2, offset: 200, seq: 3, time: 5 };
  for (const mark of [null, foreign]) {
    const { hub, ends, last } = member(mark);
    hub.events?.data(welcomeOf(last));
    hub.events?.closed(null);
    assert.equal(ends.length, 1);
    assert.equal(ends[0]?.wasWelcome, true);
    assert.equal(ends[0]?.mark, null);
  }
});
