import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  LogPosition,
  Machine,
  SegmentRef,
  Socket,
  SocketEvents,
} from "../../../../dist/core/local/machine/machine.js";
import { HubSession, type HubSessionEnd } from "../../../../dist/core/local/member/hub-session.js";
import { compact, Fold } from "../../../../dist/core/local/upkeep/compactor.js";
import { Patience } from "../../../../dist/core/local/wire/patience.js";
import { encodeJson, WELCOME } from "../../../../dist/core/log/frame.js";
import type { LogSink } from "../../../../dist/core/log/log.js";
import { frameOf, machineOf, place, statesUpTo, textOf, writeSegment } from "../disk/stored.js";
import { ManualClock, manualMachine, Peer, seatContent } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";

const MAX_BACKLOG_BYTES = 4096;
const LAST = 2500;

/** A member whose hub, files and event loop are in the hands of the test. The log is longer than one step of a reader. */
function member(position: LogPosition | null = null) {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const last = writeSegment(files, 1, 2, [11, LAST], first);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  const clock = new ManualClock();
  const hub = new Peer("hub", []);
  const fold = new Fold();
  const told: string[] = [];
  const ends: HubSessionEnd[] = [];
  const sink = {
    restoring: (head) => fold.snapshot(head),
    restored: (frame, start, end) => fold.state(frame, start, end),
    batch: (frame, start, end) => fold.batch(frame, start, end),
    connected: () => told.push(`joined at ${fold.seq}`),
    disconnected: () => told.push("parted"),
    diskTrouble: () => {},
  } as Partial<LogSink> as LogSink;
  const connect = (_address: string, events: SocketEvents): Socket => {
    hub.events = events;
    return hub;
  };
  const machine = { ...manualMachine(files, clock), sockets: { connect } } as unknown as Machine;
  const limits = { patience: new Patience(clock, 5000), maxBacklogBytes: MAX_BACKLOG_BYTES };
  const calls = { connected: () => {}, passed: () => {}, ended: (end: HubSessionEnd) => void ends.push(end) };
  const seat = { epoch: 1, content: seatContent() };
  const membership = new HubSession(machine, place, seat, {
    member: "m",
    position: position,
    ...limits,
    sink,
    ...calls,
  });
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
  assert.deepEqual([ends.length, ends[0]?.wasWelcome, ends[0]?.position], [1, false, null]);
});

test("a member that is parted while it restores a whole state has no position, whatever it had before", () => {
  const foreign = { epoch: 1, segment: 2, offset: 200, seq: 3, time: 5 };
  for (const position of [null, foreign]) {
    const { hub, ends, last } = member(position);
    hub.events?.data(welcomeOf(last));
    hub.events?.closed(null);
    assert.equal(ends.length, 1);
    assert.equal(ends[0]?.wasWelcome, true);
    assert.equal(ends[0]?.position, null);
  }
});
