import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { placeOf } from "../../../../dist/core/local/disk/file-names.js";
import { newestSeat, type SeatContent } from "../../../../dist/core/local/election/seat.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import type { HubReport, Place } from "../../../../dist/core/local/machine/machine.js";
import { nodeMachine } from "../../../../dist/core/local/machine/node-machine.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import {
  BATCH,
  CONFIRM,
  decodeJson,
  encodeFrame,
  encodeJson,
  HELLO,
  kindOf,
  lengthOf,
  PING,
  REFUSE,
  SEGMENT,
  WELCOME,
} from "../../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import { temporaryDirectory, until } from "../../../proof/cluster/processes.js";
import { batchFrame, helloFrame, ManualHub, TOKEN } from "../machine/manual-machine.js";

const huge = Buffer.from([0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
const flipped = helloFrame();
flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1;
const unsealed = helloFrame();
unsealed[4] = (unsealed[4] as number) ^ 1;

/** What a stranger may send. */
const STRANGE: ReadonlyArray<readonly [what: string, bytes: Buffer]> = [
  ["a wrong token", helloFrame({ token: "0".repeat(TOKEN.length) })],
  ["a wrong token and another protocol", helloFrame({ token: "0".repeat(TOKEN.length), protocol: 99 })],
  ["a token that is too short", helloFrame({ token: TOKEN.slice(1) })],
  ["an empty token", helloFrame({ token: "" })],
  ["a token that is no text", helloFrame({ token: 5 })],
  ["a token of other letters with as many characters", helloFrame({ token: "ü".repeat(TOKEN.length) })],
  ["a corrupt hello", flipped],
  ["a hello with another checksum", unsealed],
  ["a hello that is no JSON", encodeFrame(HELLO, {}, Buffer.from("{token"))],
  ["a hello without a body", encodeFrame(HELLO, {})],
  ["null as a hello", encodeJson(HELLO, {}, null)],
  ["a batch before the hello", batchFrame(1)],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["zeros", Buffer.alloc(64)],
  ["a huge length", huge],
  ["more bytes than a hello may have", helloFrame({ member: "m".repeat(1024) })],
];

test("a stranger is dropped without an answer, and no member is disturbed", () => {
  for (const [what, bytes] of STRANGE) {
    const hub = new ManualHub();
    const [a, b] = [hub.join("a"), hub.join("b")];
    a.received.length = 0;
    const stranger = hub.connect();
    stranger.say(bytes);
    hub.clock.run();
    assert.ok(stranger.isClosed, what);
    assert.deepEqual(stranger.received, [], what);
    a.say(batchFrame(1));
    hub.clock.run();
    assert.deepEqual([a.kinds(), b.kinds()], [[CONFIRM], [BATCH]], what);
    assert.deepEqual([a.isClosed, b.isClosed], [false, false], what);
  }
});

test("a connection that stays silent, or sends byte by byte, is dropped after two seconds", () => {
  const hub = new ManualHub();
  const [silent, slow] = [hub.connect(), hub.connect()];
  const hello = helloFrame();
  for (let index = 0; index < 19; index++) {
    slow.say(hello.subarray(index, index + 1));
    hub.clock.pass(100);
  }
  assert.deepEqual([silent.isClosed, slow.isClosed], [false, false]);
  hub.clock.pass(100);
  assert.deepEqual([silent.isClosed, slow.isClosed], [true, true]);
  assert.deepEqual([silent.received, slow.received], [[], []]);
});

test("a member that proved itself in time stays", () => {
  const hub = new ManualHub();
  const member = hub.connect();
  hub.clock.pass(1900);
  member.say(helloFrame());
  hub.clock.pass(60_000);
  assert.equal(member.isClosed, false);
  assert.equal(member.kinds()[0], WELCOME);
});

test("a member that writes before its welcome is dropped, and nothing is taken", () => {
  const hub = new ManualHub();
  const a = hub.join("a");
  const hasty = hub.connect();
  hasty.say(helloFrame(), batchFrame(1));
  hub.clock.run();
  assert.ok(hasty.isClosed);
  assert.deepEqual(a.of(BATCH), []);
});

test("a stranger gets nothing of what members get, and is no member", () => {
  const hub = new ManualHub();
  const [a, stranger] = [hub.join("a"), hub.connect()];
  stranger.say(helloFrame().subarray(0, 60));
  a.say(batchFrame(1));
  hub.clock.pass(1500);
  assert.ok(a.kinds().includes(PING));
  assert.deepEqual(stranger.received, []);
  assert.equal(hub.hub.members.hasOthers, false);
});

test("another protocol version is refused with ERR_STORAGE_PROTOCOL, and nothing else is sent", () => {
  for (const protocol of [1, 3, 99]) {
    const hub = new ManualHub();
    const other = hub.connect();
    other.say(helloFrame({ protocol }), batchFrame(1));
    hub.clock.run();
    assert.deepEqual(other.kinds(), [REFUSE]);
    const frame = other.received[0]?.frame as Buffer;
    const { code, message } = decodeJson(frame, 0, frame.length) as { code: string; message: string };
    assert.equal(code, "ERR_STORAGE_PROTOCOL");
    assert.match(message, new RegExp(`protocol 2 and this process ${protocol}`));
    assert.ok(other.isClosed);
    assert.equal(hub.files.get(hub.logPath).length, lengthOf(hub.files.get(hub.logPath), 0), "nothing was appended");
  }
});

test("more strangers than may wait are turned away; members stay", () => {
  const hub = new ManualHub();
  const member = hub.join("a");
  const strangers = Array.from({ length: 64 }, () => hub.connect());
  assert.ok(strangers.every((stranger) => !stranger.isClosed));
  assert.ok(hub.connect().isClosed);
  hub.clock.pass(2000);
  assert.ok(strangers.every((stranger) => stranger.isClosed));
  const late = hub.connect();
  late.say(helloFrame());
  hub.clock.run();
  assert.equal(late.kinds()[0], WELCOME);
  assert.equal(member.isClosed, false);
});

test("a member that breaks the protocol is dropped, and nothing that it sent after the breach is taken", () => {
  const ordered = encodeEntries([], BATCH, { epoch: 1, origin: 1, born: 1, number: 1 });
  const malformed = encodeFrame(BATCH, { origin: 1, born: 1, number: 1 }, Buffer.from([9, 0, 0, 0, 1]));
  const breaches: ReadonlyArray<readonly [string, Buffer]> = [
    ["a second hello", helloFrame()],
    ["a confirm", encodeFrame(CONFIRM, { seq: 1, number: 1 })],
    ["a segment", encodeJson(SEGMENT, { epoch: 9 }, {})],
    ["a welcome", encodeJson(WELCOME, {}, {})],
    ["a batch that says it was ordered", ordered],
    ["malformed entries", malformed],
    ["an unknown kind", encodeFrame(77, {})],
  ];
  for (const [what, breach] of breaches) {
    const hub = new ManualHub();
    const [a, b] = [hub.join("a"), hub.join("b")];
    a.say(breach, batchFrame(2));
    hub.clock.run();
    assert.ok(a.isClosed, what);
    assert.deepEqual(b.of(BATCH), [], what);
    assert.equal(b.isClosed, false, what);
  }
});

test("nothing of a member is taken after a corrupt frame", () => {
  const corrupt = batchFrame(2);
  corrupt[corrupt.length - 2] = (corrupt.at(-2) as number) ^ 1;
  const hub = new ManualHub();
  const [a, b, c] = [hub.join("a"), hub.join("b"), hub.join("c")];
  for (const member of [a, b, c]) member.received.length = 0;
  a.say(batchFrame(1), corrupt);
  a.say(batchFrame(3));
  b.say(batchFrame(1));
  a.say(batchFrame(4));
  hub.clock.run();
  assert.ok(a.isClosed);
  assert.deepEqual(
    c.of(BATCH).map(({ seq, frame }) => [seq, frame.readDoubleLE(48)]),
    [
      [1, 1],
      [2, 1],
    ],
    "batch 1 of a and batch 1 of b: were batch 3 taken, batch 2 sent again would count as taken",
  );
  assert.deepEqual(
    b.of(CONFIRM).map(({ seq, number }) => [seq, number]),
    [[2, 1]],
  );
});

/** A hub over the real sockets and files of this machine. */
async function realHub(t: TestContext): Promise<{ place: Place; seat: SeatContent; reports: HubReport[] }> {
  const place = placeOf(temporaryDirectory(t), "app");
  mkdirSync(place.directory, { mode: 0o700 });
  const options = {
    fsync: "everysec",
    gcInterval: 120_000,
    recover: "strict",
    persist: true,
    maxMemberBacklogBytes: 1024 * 1024,
    stallTimeout: 5000,
    compactAfterBytes: 1024 * 1024,
    levels: spokenLevels(1),
  } as const;
  const reports: HubReport[] = [];
  const request = { place, options, member: "m", epoch: 0, position: null, time: null };
  // A busy machine may read so slowly that the hub reports it.
  const hub = startHub(nodeMachine, request, (report) => report.kind !== "reading" && reports.push(report));
  t.after(() => hub.terminate());
  await until("a hub that serves", () => reports.length > 0);
  assert.deepEqual(reports, [{ kind: "serving", epoch: 1, isDamaged: false }]);
  const seat = newestSeat(nodeMachine, place)?.content as SeatContent;
  return { place, seat, reports };
}

/** Connects, sends bytes, and gives what came back, up to the end or to the first whole frame. */
function answerTo(
  place: Place,
  seat: SeatContent,
  bytes: Buffer,
  isOver: (answer: Buffer) => boolean = () => false,
): Promise<Buffer> {
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    const socket = connect({ path: join(place.directory, seat.socket) }, () => socket.write(bytes));
    socket.on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (isOver(answer)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

test("over real sockets too: strangers get no byte, another version a refusal, a member its welcome", async (t) => {
  const { place, seat, reports } = await realHub(t);
  for (const [what, bytes] of STRANGE) assert.equal((await answerTo(place, seat, bytes)).length, 0, what);
  const refusal = await answerTo(place, seat, helloFrame({ token: seat.token, protocol: 3 }));
  assert.equal(kindOf(refusal, 0), REFUSE);
  assert.equal(lengthOf(refusal, 0), refusal.length, "nothing but the refusal");
  const welcome = await answerTo(place, seat, helloFrame({ token: seat.token }), (answer) => answer.length > 0);
  assert.equal(kindOf(welcome, 0), WELCOME);
  assert.equal(reports.length, 1, "the hub still serves");
});
