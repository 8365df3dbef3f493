import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BATCH,
  CONFIRM,
  DISK_TROUBLE,
  decodeJson,
  HEADER_BYTES,
  MEMBER_COUNT,
  PING,
  SEGMENT,
  WELCOME,
} from "../../../../dist/core/log/frame.js";
import { HISTORY } from "../disk/stored.js";
import { START_MS } from "../machine/manual-clock.js";
import { batchFrame, helloFrame, ManualHub, type Peer, type Received } from "../machine/manual-machine.js";

const jsonOf = ({ frame }: Received) => decodeJson(frame, 0, frame.length);

test("a welcome names the end of what is confirmed, and live frames begin exactly there", () => {
  const hub = new ManualHub();
  const a = hub.join("a");
  a.say(batchFrame(1));
  hub.clock.run();
  const b = hub.connect("b");
  b.say(helloFrame({ member: "b" }));
  a.say(batchFrame(2), batchFrame(3));
  hub.clock.run();
  a.say(batchFrame(4));
  hub.clock.run();
  const [welcome] = b.of(WELCOME) as [Received];
  const { segment, offset, bytes } = jsonOf(welcome) as Record<string, number>;
  const frames = [1, 2, 3].map((number) => batchFrame(number).length).reduce((sum, length) => sum + length);
  const head = hub.files.get(hub.logPath).readUInt32LE(0);
  assert.deepEqual([welcome.epoch, welcome.seq, segment, offset, bytes], [1, 3, 1, head + frames, head + frames]);
  assert.deepEqual(
    b.of(BATCH).map(({ seq }) => seq),
    [4],
  );
  assert.equal(b.kinds()[0], WELCOME);
});

test("all live members get the number of live members", () => {
  const hub = new ManualHub();
  const [a, b] = [hub.join("a"), hub.join("b")];
  const c = hub.join("c");
  c.destroy();
  c.events?.closed(null);
  hub.clock.run();
  assert.deepEqual(
    a.of(MEMBER_COUNT).map(({ number }) => number),
    [2, 3, 2],
  );
  assert.equal(b.of(MEMBER_COUNT).at(-1)?.number, 2);
  assert.equal(hub.hub.members.hasOthers, true);
  b.events?.closed(null);
  assert.equal(hub.hub.members.hasOthers, false);
});

test("while the disk refuses, members are notified once and wait; then they are notified once more and go on", () => {
  const hub = new ManualHub();
  const [a, b] = [hub.join("a"), hub.join("b")];
  hub.files.fault = (call) => (call === "write" ? { code: "ENOSPC" } : undefined);
  a.say(batchFrame(1));
  hub.clock.pass(10_000);
  for (const peer of [a, b]) {
    assert.deepEqual(
      peer
        .of(DISK_TROUBLE)
        .map(jsonOf)
        .map((trouble) => (trouble as { code: string }).code),
      ["ENOSPC"],
    );
    assert.equal(peer.isPaused, true);
    assert.deepEqual([...peer.of(BATCH), ...peer.of(CONFIRM)], []);
    assert.equal(peer.isClosed, false);
  }
  const writes = hub.calls.filter((call) => call.startsWith("write")).length;
  assert.ok(writes >= 5 && writes <= 15, `expected tries with a growing pause, got ${writes}`);
  const late = hub.connect("late");
  late.say(helloFrame({ member: "late" }));
  hub.clock.run();
  assert.deepEqual(late.kinds().slice(0, 2), [WELCOME, DISK_TROUBLE]);
  assert.equal(late.isPaused, true);
  hub.files.fault = null;
  hub.clock.pass(2000);
  for (const peer of [a, b, late]) {
    assert.equal(peer.of(DISK_TROUBLE).map(jsonOf).at(-1), null);
    assert.equal(peer.of(DISK_TROUBLE).length, 2);
    assert.equal(peer.isPaused, false);
  }
  assert.deepEqual(
    b.of(BATCH).map(({ seq }) => seq),
    [1],
  );
  assert.deepEqual(
    late.of(BATCH).map(({ seq }) => seq),
    [1],
  );
  assert.equal(a.of(CONFIRM).length, 1);
});

test("members that allow little silence get heartbeats more often", () => {
  const hub = new ManualHub({ stallTimeout: 100 });
  const a = hub.join("a");
  hub.clock.pass(1000);
  assert.equal(a.of(PING).length, 40);
});

test("an idle hub sends heartbeats, and learns from its seat that it was replaced", () => {
  const hub = new ManualHub();
  const a = hub.join("a");
  hub.clock.pass(3500);
  assert.deepEqual(a.kinds(), [MEMBER_COUNT, PING, PING, PING].slice(1));
  hub.files.unlink(hub.seatPath);
  hub.clock.pass(1000);
  assert.deepEqual(hub.happened, ["replaced"]);
  assert.ok(a.isClosed);
  assert.equal(a.of(PING).length, 3);
});

test("log time moves on in an idle storage, and never falls when the wall clock does", () => {
  const hub = new ManualHub({ gcInterval: 1000 });
  const a = hub.join("a");
  hub.clock.pass(3500);
  const times = a.of(BATCH).map(({ time }) => time);
  assert.ok(times.length >= 3, `expected three empty batches, got ${times.length}`);
  const empty = a.of(BATCH)[0]?.frame as Buffer;
  assert.equal(empty.length, HEADER_BYTES + 4);
  hub.clock.time -= 3_600_000;
  a.say(batchFrame(1));
  hub.clock.run();
  assert.equal(a.of(CONFIRM)[0]?.time, times.at(-1));
});

test("a busy storage gets no empty batches", () => {
  const hub = new ManualHub({ gcInterval: 1000 });
  const [a, b] = [hub.join("a"), hub.join("b")];
  for (let number = 1; number <= 10; number++) {
    a.say(batchFrame(number));
    hub.clock.pass(400);
  }
  assert.equal(b.of(BATCH).length, 10);
});

test("every live member learns of a new segment before any frame in it, and none is begun while frames wait for the disk", () => {
  const hub = new ManualHub();
  const [a, b] = [hub.join("a"), hub.join("b")];
  b.received.length = 0;
  a.say(batchFrame(1));
  hub.clock.run();
  assert.equal(hub.rotate(), true);
  a.say(batchFrame(2));
  hub.clock.run();
  assert.deepEqual(b.kinds(), [BATCH, SEGMENT, BATCH]);
  const head = b.of(SEGMENT)[0] as Received;
  const end = hub.files.get(hub.logPath).length;
  const { clock, ...rest } = jsonOf(head) as Record<string, unknown>;
  assert.deepEqual(rest, { format: 2, history: HISTORY, previous: { epoch: 1, segment: 1, end } });
  assert.deepEqual(clock, { time: START_MS, wall: START_MS, monotonic: 0, suspended: 0, domain: "boot" });
  assert.deepEqual([head.seq, head.number], [1, 2]);
  hub.files.fault = (call) => (call === "write" ? { code: "ENOSPC" } : undefined);
  a.say(batchFrame(3));
  hub.clock.run();
  hub.files.fault = null;
  assert.equal(hub.rotate(), false);
});

test("members learn of a segment that was begun after a failed sync before the batches in it", () => {
  const hub = new ManualHub({ fsync: "always" });
  const [a, b] = [hub.join("a"), hub.join("b")];
  b.received.length = 0;
  hub.files.fault = (call) => (call === "sync" ? { code: "EIO" } : undefined);
  a.say(batchFrame(1));
  hub.clock.run();
  hub.files.fault = null;
  hub.clock.pass(1000);
  assert.deepEqual(
    b.kinds().filter((kind) => kind === SEGMENT || kind === BATCH),
    [SEGMENT, BATCH],
  );
  assert.equal(b.of(SEGMENT)[0]?.number, 2);
});

test("closing orders what has arrived, confirms it, and waits until members have taken it", () => {
  const hub = new ManualHub();
  const [a, b] = [hub.join("a"), hub.join("b")];
  a.received.length = 0;
  const lingering = holdOpen(b);
  a.say(batchFrame(1));
  let doneCount = 0;
  hub.hub.close(() => doneCount++);
  assert.deepEqual(a.kinds(), [CONFIRM]);
  assert.deepEqual(
    b.of(BATCH).map(({ seq }) => seq),
    [1],
  );
  assert.ok(a.isClosed);
  assert.equal(doneCount, 0);
  lingering();
  assert.equal(doneCount, 1);
  assert.ok(hub.files.names.has(hub.seatPath), "the seat stays where it is");
  const late = hub.connect();
  assert.ok(late.isClosed);
});

test("closing waits a second for a member that does not take what was sent to it", () => {
  const hub = new ManualHub();
  holdOpen(hub.join("a"));
  let doneCount = 0;
  hub.hub.close(() => doneCount++);
  hub.clock.pass(999);
  assert.equal(doneCount, 0);
  hub.clock.pass(1);
  assert.equal(doneCount, 1);
  hub.clock.pass(60_000);
  assert.equal(doneCount, 1);
});

test("after it was closed or abandoned, no timer is left, and nothing more is taken", () => {
  for (const end of ["close", "abandon"] as const) {
    const hub = new ManualHub();
    const a = hub.join("a");
    if (end === "close") hub.hub.close(() => {});
    else hub.hub.abandon();
    a.events?.closed(null);
    const files = hub.files.get(hub.logPath).length;
    a.say(batchFrame(1));
    hub.clock.run();
    assert.equal(hub.files.get(hub.logPath).length, files, end);
    assert.equal(hub.clock.timerCount, 0, end);
  }
});

/** Delays the close of a peer's connection; returns a function that lets it close. */
function holdOpen(peer: Peer): () => void {
  peer.end = () => {};
  return () => {
    peer.destroy();
    peer.events?.closed(null);
  };
}

for (const isSeen of [true, false]) {
  const title = isSeen ? "" : ", also when the end of its older connection was not seen yet";
  test(`frames of a lost connection that wait for the disk are dropped when their member connects again${title}`, () =>
    comeBack(isSeen));
}

function comeBack(isSeen: boolean): void {
  const hub = new ManualHub();
  const [a, b] = [hub.join("a"), hub.join("b")];
  hub.files.fault = (call) => (call === "write" ? { code: "ENOSPC" } : undefined);
  a.say(batchFrame(1), batchFrame(2));
  b.say(batchFrame(7));
  hub.clock.pass(500);
  if (isSeen) {
    a.destroy();
    a.events?.closed(null);
  }
  const again = hub.connect("a");
  again.say(helloFrame({ member: "a" }));
  hub.clock.run();
  again.say(batchFrame(1), batchFrame(2));
  hub.files.fault = null;
  hub.clock.pass(5000);
  assert.deepEqual(
    b.of(BATCH).map(({ seq }) => seq),
    [2, 3],
    "each of its batches once, after the one that waited",
  );
  assert.deepEqual(
    again.of(BATCH).map(({ seq }) => seq),
    [1],
    "none of its own comes back as a batch of another member",
  );
  assert.equal(
    again.of(CONFIRM).reduce((count, { number }) => count + number, 0),
    2,
  );
}
