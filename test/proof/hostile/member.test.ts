/**
 * A member and a hub that does not keep to the protocol: whatever it sends, the connection ends with a reason, the member's
 * process goes on, and what was delivered before stays.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Segment } from "../../../dist/core/local/disk/segment.js";
import type { HubOptions, Machine, SocketEvents } from "../../../dist/core/local/machine/machine.js";
import { HubSession } from "../../../dist/core/local/member/hub-session.js";
import type { HubSessionEnd } from "../../../dist/core/local/member/hub-session-request.js";
import { OptionCheck } from "../../../dist/core/local/member/option-check.js";
import { StorageClock } from "../../../dist/core/local/member/storage-clock.js";
import { AdaptiveTimeout } from "../../../dist/core/local/wire/failure-detector.js";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { setEntry } from "../../../dist/core/log/entry.js";
import {
  BATCH,
  CONFIRM,
  checkAndStamp,
  DISK_TROUBLE,
  encodeFrame,
  encodeJson,
  HEADER_BYTES,
  MEMBER_COUNT,
  REFUSE,
  SEGMENT,
  WELCOME,
} from "../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../dist/core/log/levels.js";
import { HISTORY } from "../../core/local/disk/stored.js";
import { ManualClock, manualMachine, Peer, place, seatContent } from "../../core/local/machine/manual-machine.js";
import { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { NOW, openReplica, tick } from "../../core/replica/opened-replica.js";

/** Of the first batch: as much as a member reads at once, so that what comes with the welcome waits. */
const LONG = "x".repeat(1024 * 1024);

const batch = (seq: number, time: number, value = 1 as unknown) =>
  encodeEntries([setEntry(["key"], JSON.stringify(value))], BATCH, {
    epoch: 1,
    seq,
    time,
    origin: 9,
    born: NOW,
    number: seq,
  });

/** A member that has just connected to a hub in the test's hands, whose log holds one batch. */
function connected() {
  const files = new MemoryFiles();
  const start = Segment.create(files, place, { epoch: 1, segment: 1, seq: 0, time: 0 }, null, HISTORY);
  assert.equal(start.append([batch(1, NOW, LONG)]), null);
  start.close();
  const clock = new ManualClock();
  const peer = new Peer("hub", []);
  const sockets = {
    connect(_directory: string, _name: string, events: SocketEvents) {
      peer.events = events;
      return peer;
    },
  };
  const machine = { ...manualMachine(files, clock), sockets } as unknown as Machine;
  const open = openReplica();
  const ends: HubSessionEnd[] = [];
  const membership = new HubSession(
    machine,
    place,
    files.pin(place.directory),
    { epoch: 1, content: seatContent() },
    {
      self: { member: "m", pid: 1, levels: spokenLevels(1) },
      position: null,
      silenceTimeout: new AdaptiveTimeout(machine.clock, 5000),
      options: new OptionCheck({ maxMemberBacklogBytes: 1024 * 1024 } as HubOptions),
      sink: open.replica.sink,
      clock: new StorageClock(clock),
      connected: () => {},
      barrierPassed: () => {},
      heals: () => {},
      ended: (end) => ends.push(end),
    },
  );
  const welcome = encodeJson(
    WELCOME,
    { epoch: 1, seq: 1, time: NOW },
    { segment: 1, offset: start.end, bytes: start.end, now: NOW },
  );
  return { peer, clock, ends, open, membership, welcome };
}

const malformed = encodeFrame(
  BATCH,
  { epoch: 1, seq: 2, time: NOW, origin: 9, number: 2 },
  Buffer.from([9, 0, 0, 0, 1]),
);
const noJson = Buffer.from("{");

const PAST = "a batch from the past";

/** What a hostile hub sends first, and what it sends to a member that it has welcomed. */
const FIRST: ReadonlyArray<readonly [string, Buffer]> = [
  ["a welcome that is no JSON", encodeFrame(WELCOME, { epoch: 1 }, noJson)],
  ["a welcome that is null", encodeJson(WELCOME, { epoch: 1 }, null)],
  ["a welcome without a place", encodeJson(WELCOME, { epoch: 1 }, {})],
  [
    "a welcome to a place that is text",
    encodeJson(WELCOME, { epoch: 1 }, { segment: "../1", offset: 0, bytes: 0, now: 0 }),
  ],
  ["a welcome without a seq", encodeJson(WELCOME, { epoch: 1, seq: NaN }, { segment: 1, offset: 0, bytes: 0, now: 0 })],
  ["a refusal that is no JSON", encodeFrame(REFUSE, {}, noJson)],
  ["a refusal that is null", encodeJson(REFUSE, {}, null)],
  ["a refusal that is a number", encodeJson(REFUSE, {}, 5)],
  ["a refusal without words", encodeJson(REFUSE, {}, { code: "ERR_STORAGE_PROTOCOL" })],
  ["a refusal with a code that no hub sends", encodeJson(REFUSE, {}, { code: "ENOENT", message: "gone" })],
  ["a batch", batch(1, NOW)],
];
const LATER: ReadonlyArray<readonly [string, Buffer]> = [
  ["trouble that is no JSON", encodeFrame(DISK_TROUBLE, {}, noJson)],
  ["trouble that is text", encodeJson(DISK_TROUBLE, {}, "trouble")],
  ["trouble without a code", encodeJson(DISK_TROUBLE, {}, { message: "trouble" })],
  ["a confirm of nothing", encodeFrame(CONFIRM, { seq: 2, number: 1, time: NOW })],
  ["a confirm of very much", encodeFrame(CONFIRM, { seq: 2, number: Infinity, time: NOW })],
  ["malformed entries", malformed],
  [PAST, Buffer.concat([batch(2, NOW), batch(3, NOW - 1)])],
  ["a segment of somewhere else", encodeJson(SEGMENT, { epoch: 1, seq: 5, number: 2 }, {})],
  ["a segment of no number", encodeJson(SEGMENT, { epoch: 1, seq: 1, time: NOW, number: NaN }, {})],
  ["another welcome", encodeJson(WELCOME, { epoch: 1 }, { segment: 1, offset: 0, bytes: 0, now: NOW })],
  ["a kind that does not exist", encodeFrame(77, {})],
];

/** The connection has ended, once, and with no error that rules out another try. */
function expectBreach(ends: readonly HubSessionEnd[]): void {
  assert.equal(ends.length, 1);
  assert.match(String(ends[0]?.reason?.name), /^(ProtocolError|MalformedError)$/);
}

for (const [what, bytes] of FIRST) {
  test(`${what}, from a hub that has not welcomed it, ends the connection and nothing else`, () => {
    const { peer, clock, ends } = connected();
    peer.say(bytes);
    clock.run();
    expectBreach(ends);
    assert.equal(ends[0]?.wasWelcomed, false);
  });
}

for (const [what, bytes] of LATER) {
  test(`${what}, from a hub that has welcomed it, ends the connection and nothing else`, () => {
    for (const isLive of [false, true]) {
      const { peer, clock, ends, open, welcome } = connected();
      if (isLive) {
        peer.say(welcome);
        clock.run();
        peer.say(bytes);
      } else peer.say(welcome, bytes);
      clock.run();
      expectBreach(ends);
      assert.equal(open.replica.seq, what === PAST ? 2 : 1, "nothing of it was applied");
      assert.deepEqual(ends[0]?.position?.seq, open.replica.seq, "it is asked for again");
    }
  });
}

test("a count of members that is none ends nothing", () => {
  const { peer, clock, ends, welcome } = connected();
  peer.say(welcome, encodeFrame(MEMBER_COUNT, { number: NaN }));
  clock.run();
  assert.equal(ends.length, 0);
});

test("a welcome to a place where another seq is ends the connection", () => {
  const { peer, clock, ends, welcome } = connected();
  const body = welcome.subarray(HEADER_BYTES);
  peer.say(encodeFrame(WELCOME, { epoch: 1, seq: 3 }, body));
  clock.run();
  expectBreach(ends);
});

test("a batch that is older than the welcome, or than the files, ends the connection", () => {
  for (const [time, old] of [
    [NOW + 5, NOW + 4],
    [0, NOW - 1],
  ] as const) {
    const { peer, clock, ends, open, welcome } = connected();
    const body = welcome.subarray(HEADER_BYTES);
    peer.say(encodeFrame(WELCOME, { epoch: 1, seq: 1, time }, body));
    clock.run();
    peer.say(batch(2, old));
    expectBreach(ends);
    assert.equal(open.replica.seq, 1);
  }
});

test("a confirm of what came back as a batch ends the connection", async () => {
  const { peer, clock, ends, open, membership, welcome } = connected();
  peer.say(welcome);
  clock.run();
  open.replica.set("own", 1);
  await tick();
  const own = open.sent[0] as Buffer;
  membership.append(own);
  const copy = Buffer.from(own);
  checkAndStamp(copy, 0, copy.length, 1, 2, NOW);
  peer.say(copy);
  assert.equal(open.replica.seq, 2);
  peer.say(encodeFrame(CONFIRM, { seq: 3, number: 1, time: NOW }));
  expectBreach(ends);
  assert.equal(open.replica.seq, 2);
});
