import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf } from "../../../../dist/core/errors.js";
import type {
  HubOptions,
  LogPosition,
  Machine,
  Position,
  Socket,
  SocketEvents,
} from "../../../../dist/core/local/machine/machine.js";
import { HubSession } from "../../../../dist/core/local/member/hub-session.js";
import type { HubSessionEnd } from "../../../../dist/core/local/member/hub-session-request.js";
import { OptionCheck } from "../../../../dist/core/local/member/option-check.js";
import { StorageClock } from "../../../../dist/core/local/member/storage-clock.js";
import { AdaptiveTimeout } from "../../../../dist/core/local/wire/failure-detector.js";
import { decodeHello, PROTOCOL } from "../../../../dist/core/local/wire/messages.js";
import { encodeJson, HELLO, WELCOME } from "../../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import type { LogSink } from "../../../../dist/core/log/log.js";
import { Fold } from "../../../../dist/core/state/fold.js";
import { frameOf, machineOf, place, statesUpTo, textOf, writeSegment } from "../disk/stored.js";
import { ManualClock, manualMachine, Peer, type Received, seatContent, TOKEN } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact } from "../upkeep/at-once.js";

const OPTIONS: HubOptions = {
  ...{
    fsync: "everysec",
    gcInterval: 1e9,
    recover: "strict",
    persist: true,
    compactAfterBytes: 1e9,
    levels: spokenLevels(1),
  },
  ...{ stallTimeout: 5000, maxMemberBacklogBytes: 4096 },
};
const LAST = 2500;

/** A member whose hub, files and event loop the test controls. The log is longer than one step of a reader. */
function member(position: LogPosition | null = null) {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  const last = writeSegment(files, 1, 2, [11, LAST], first);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  const clock = new ManualClock();
  const hub = new Peer("hub", []);
  const fold = new Fold();
  const calls: string[] = [];
  const ends: HubSessionEnd[] = [];
  const sink = {
    timeShifted: () => {},
    warned: () => {},
    restoring: (head) => fold.snapshot(head),
    restored: (frame, start, end) => fold.state(frame, start, end),
    batch: (frame, start, end) => fold.batch(frame, start, end),
    connected: () => calls.push(`live at ${fold.seq}`),
    disconnected: () => calls.push("disconnected"),
    diskTrouble: (error) => calls.push(`disk trouble: ${error?.message ?? "none"}`),
  } as Partial<LogSink> as LogSink;
  const connect = (directory: string, name: string, events: SocketEvents): Socket => {
    assert.deepEqual([directory, name], [place.directory, seatContent().socket]);
    hub.events = events;
    return hub;
  };
  const machine = { ...manualMachine(files, clock), sockets: { connect } } as unknown as Machine;
  const limits = { silenceTimeout: new AdaptiveTimeout(clock, 5000), options: new OptionCheck(OPTIONS) };
  const receiver = {
    clock: new StorageClock(clock),
    connected: () => {},
    barrierPassed: () => {},
    heals: () => {},
    ended: (end: HubSessionEnd) => void ends.push(end),
  };
  const seat = { epoch: 1, content: seatContent() };
  const session = new HubSession(machine, place, files.pin(place.directory), seat, {
    self: { member: "m", pid: 42, levels: OPTIONS.levels },
    position: position,
    ...limits,
    sink,
    ...receiver,
  });
  hub.events?.connected?.();
  const [hello] = hub.of(HELLO) as [Received];
  const { pid, levels, ...said } = decodeHello(hello.frame, 0, hello.frame.length);
  assert.deepEqual(said, { protocol: PROTOCOL, token: TOKEN, member: "m" });
  assert.deepEqual([pid, levels], [42, OPTIONS.levels]);
  return { clock, files, hub, fold, calls, ends, session, last };
}

function welcomeOf({ epoch, segment, offset }: Position): Buffer {
  const time = 1_000_000 + LAST;
  return encodeJson(WELCOME, { epoch, seq: LAST, time }, { segment, offset, bytes: offset, now: time });
}

/** The next batches, as the hub sends them. */
const live = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => frameOf(LAST + 1 + index, 1));

test("a member that reads the files takes live frames in up to a limit, and is live when all of them are delivered", () => {
  const { clock, hub, fold, calls, last } = member();
  hub.events?.data(welcomeOf(last));
  const frames = live(600);
  for (const frame of frames.slice(0, 3)) hub.events?.data(frame);
  assert.equal(hub.isPaused, false);
  for (const frame of frames.slice(3)) hub.events?.data(frame);
  assert.equal(hub.isPaused, true);
  assert.deepEqual(calls, []);
  clock.run();
  assert.equal(hub.isPaused, false);
  assert.deepEqual(calls, ["disk trouble: none", `live at ${LAST + 600}`]);
  assert.equal(textOf(fold), statesUpTo(LAST + 600)[LAST + 600]);
});

test("a welcome that is corrupt ends the connection", () => {
  const { hub, ends, last } = member();
  const corrupt = welcomeOf(last);
  corrupt[4] = (corrupt[4] as number) ^ 1;
  hub.events?.data(corrupt);
  assert.equal(hub.isClosed, true);
  assert.deepEqual([ends.length, ends[0]?.wasWelcomed, ends[0]?.position], [1, false, null]);
});

test("a member that is disconnected while it restores a whole state has no position, also when it had one before", () => {
  const earlier = { epoch: 1, segment: 2, offset: 200, seq: 3, time: 5 };
  for (const position of [null, earlier]) {
    const { hub, ends, last } = member(position);
    hub.events?.data(welcomeOf(last));
    hub.events?.closed(null);
    assert.equal(ends.length, 1);
    assert.equal(ends[0]?.wasWelcomed, true);
    assert.equal(ends[0]?.position, null);
  }
});

test("a member that cannot read the files says so, and does not take the disk for well", () => {
  const { hub, files, ends, calls, last } = member();
  files.read = () => {
    throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  };
  hub.events?.data(welcomeOf(last));
  hub.events?.closed(null);
  const [end] = ends as [HubSessionEnd];
  assert.deepEqual([ends.length, end.isUnreadable, codeOf(end.reason)], [1, true, "EIO"]);
  assert.deepEqual(calls, []);
});
