import assert from "node:assert/strict";
import { test } from "node:test";
import { BARRIER, BATCH, CONFIRM, encodeFrame, seqOf } from "../../../../dist/core/log/frame.js";
import { batchFrame, helloFrame, ManualHub, type Peer } from "../machine/manual-machine.js";

const barrierFrame = (number: number) => encodeFrame(BARRIER, { number });

/** A hub with three members, of which the first two write in the same turn. */
function writtenByTwo(options: ConstructorParameters<typeof ManualHub>[0] = {}): { hub: ManualHub; peers: Peer[] } {
  const hub = new ManualHub(options);
  const peers = ["a", "b", "c"].map((name) => hub.join(name));
  for (const peer of peers) peer.received.length = 0;
  const [a, b] = peers as [Peer, Peer];
  a.say(batchFrame(1), batchFrame(2));
  b.say(batchFrame(1));
  return { hub, peers };
}

/** Where in the calls the first and the last one are that a pattern matches. */
function places(calls: readonly string[], pattern: RegExp): { first: number; last: number } {
  const matches = calls.map((call) => pattern.test(call));
  assert.ok(matches.includes(true), `expected ${pattern} among ${calls.join(", ")}`);
  return { first: matches.indexOf(true), last: matches.lastIndexOf(true) };
}

test("nothing is written or sent before the turn ends", () => {
  const { hub, peers } = writtenByTwo();
  assert.deepEqual(hub.calls, []);
  for (const peer of peers) assert.deepEqual(peer.received, []);
});

test("a turn is one write, then the seat check, then all broadcasts, then the confirms", () => {
  const { hub } = writtenByTwo();
  hub.clock.run();
  const write = places(hub.calls, /^write .*log\.1\.1$/);
  const check = places(hub.calls, /^lookAt /);
  const broadcast = places(hub.calls, new RegExp(`^send . ${BATCH}$`));
  const confirm = places(hub.calls, new RegExp(`^send . ${CONFIRM}$`));
  assert.equal(write.first, write.last, "one write for all that arrived in a turn");
  assert.ok(write.last < check.first, "append before the seat check");
  assert.ok(check.last < broadcast.first, "seat check before broadcast");
  assert.ok(broadcast.last < confirm.first, "broadcast before confirm");
});

test("the member in the hub's own process is served after the others", () => {
  const hub = new ManualHub();
  const [, b] = ["a", "b", "c"].map((name) => hub.join(name)) as [Peer, Peer, Peer];
  hub.calls.length = 0;
  b.say(batchFrame(1));
  hub.clock.run();
  const sends = hub.calls.filter((call) => call.startsWith("send") && call.endsWith(` ${BATCH}`));
  assert.deepEqual(sends, [`send c ${BATCH}`, `send a ${BATCH}`]);
});

test("with fsync always, the sync lies between the write and the seat check", () => {
  const { hub } = writtenByTwo({ fsync: "always" });
  hub.clock.run();
  const write = places(hub.calls, /^write .*log\.1\.1$/);
  const sync = places(hub.calls, /^sync .*log\.1\.1$/);
  const check = places(hub.calls, /^lookAt /);
  const send = places(hub.calls, new RegExp(`^send . (${BATCH}|${CONFIRM})$`));
  assert.ok(write.last < sync.first && sync.last < check.first && check.last < send.first, hub.calls.join(", "));
});

test("what is broadcast is what the segment holds, byte for byte", () => {
  const { hub, peers } = writtenByTwo();
  hub.clock.run();
  const segment = hub.files.get(hub.logPath);
  const appended = segment.subarray(segment.readUInt32LE(0));
  const sent = (peers[2] as Peer).of(BATCH).map(({ frame }) => frame);
  assert.deepEqual(
    sent.map((frame) => seqOf(frame, 0)),
    [1, 2, 3],
  );
  assert.ok(Buffer.concat(sent).equals(appended));
});

test("each member gets the frames of the others and confirms of its own", () => {
  const { hub, peers } = writtenByTwo();
  hub.clock.run();
  const seen = peers.map((peer) => ({
    batches: peer.of(BATCH).map(({ seq }) => seq),
    confirms: peer.of(CONFIRM).map(({ seq, number }) => [seq, number]),
  }));
  assert.deepEqual(seen, [
    { batches: [3], confirms: [[1, 2]] },
    { batches: [1, 2], confirms: [[3, 1]] },
    { batches: [1, 2, 3], confirms: [] },
  ]);
});

test("when the seat is gone after the append, nothing is sent and the hub steps down", () => {
  const { hub, peers } = writtenByTwo();
  hub.files.unlink(hub.seatPath);
  hub.clock.run();
  assert.ok(
    hub.calls.some((call) => call.startsWith("write ") && call.endsWith("log.1.1")),
    "it was appended",
  );
  assert.deepEqual(hub.happened, ["replaced"]);
  for (const peer of peers) {
    assert.deepEqual(peer.received, [], peer.name);
    assert.ok(peer.isClosed, peer.name);
  }
});

test("a seat of the same name that another process created does not count", () => {
  const { hub, peers } = writtenByTwo();
  const content = hub.files.get(hub.seatPath);
  hub.files.unlink(hub.seatPath);
  hub.files.put(hub.seatPath, content);
  hub.clock.run();
  for (const peer of peers) assert.deepEqual(peer.received, [], peer.name);
  assert.deepEqual(hub.happened, ["replaced"]);
});

test("a barrier is answered after all that was confirmed before, and only while the seat holds", () => {
  const { hub, peers } = writtenByTwo();
  const c = peers[2] as Peer;
  c.say(barrierFrame(7));
  hub.clock.run();
  assert.deepEqual(c.kinds(), [BATCH, BATCH, BATCH, BARRIER]);
  assert.equal(c.of(BARRIER)[0]?.number, 7);
  c.received.length = 0;
  hub.files.unlink(hub.seatPath);
  c.say(barrierFrame(8));
  hub.clock.run();
  assert.deepEqual(c.received, []);
  assert.deepEqual(hub.happened, ["replaced"]);
});

test("a hub without a seat welcomes no member", () => {
  const hub = new ManualHub();
  const peer = hub.connect();
  peer.say(helloFrame());
  hub.files.unlink(hub.seatPath);
  hub.clock.run();
  assert.deepEqual(peer.received, []);
  assert.deepEqual(hub.happened, ["replaced"]);
});

test("after an append that failed half-way, only the whole frames are confirmed; the rest follows once there is space", () => {
  const { hub, peers } = writtenByTwo();
  const [a, b, c] = peers as [Peer, Peer, Peer];
  const whole = batchFrame(1).length;
  let writes = 0;
  hub.files.fault = (call) => {
    if (call !== "write") return undefined;
    return writes++ === 0 ? { takesBytes: whole + 10 } : { code: "ENOSPC" };
  };
  hub.clock.run();
  assert.deepEqual(
    c.of(BATCH).map(({ seq }) => seq),
    [1],
  );
  assert.deepEqual(
    a.of(CONFIRM).map(({ seq, number }) => [seq, number]),
    [[1, 1]],
  );
  assert.deepEqual(b.of(CONFIRM), []);
  hub.files.fault = null;
  hub.clock.pass(100);
  assert.deepEqual(
    c.of(BATCH).map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.deepEqual(
    a.of(CONFIRM).map(({ seq, number }) => [seq, number]),
    [
      [1, 1],
      [2, 1],
    ],
  );
  assert.deepEqual(
    b.of(CONFIRM).map(({ seq, number }) => [seq, number]),
    [[3, 1]],
  );
  const segment = hub.files.get(hub.logPath);
  const sent = Buffer.concat(c.of(BATCH).map(({ frame }) => frame));
  assert.ok(sent.equals(segment.subarray(segment.readUInt32LE(0))), "the segment holds whole frames only");
});

test("with fsync always, a failed sync confirms nothing, and a new segment takes the frames", () => {
  const { hub, peers } = writtenByTwo({ fsync: "always" });
  const c = peers[2] as Peer;
  hub.files.fault = (call, _change, path) =>
    call === "sync" && path.endsWith("log.1.1") ? { code: "EIO" } : undefined;
  hub.clock.run();
  for (const peer of peers) assert.deepEqual([...peer.of(BATCH), ...peer.of(CONFIRM)], [], peer.name);
  assert.deepEqual(
    hub.happened,
    ["mustCompact"],
    "what the segment holds must be written again, its first frame at least",
  );
  hub.files.fault = null;
  hub.clock.pass(100);
  assert.deepEqual(
    c.of(BATCH).map(({ seq }) => seq),
    [1, 2, 3],
  );
  const syncs = hub.calls.filter((call) => call.startsWith("sync ") && call.endsWith("log.1.1"));
  assert.equal(syncs.length, 1, "a failed sync is never tried again on the same file");
  const segment = hub.files.get(hub.logPath.replace(/1$/, "2"));
  const sent = Buffer.concat(c.of(BATCH).map(({ frame }) => frame));
  assert.ok(sent.equals(segment.subarray(segment.readUInt32LE(0))));
});

test("what is left of a segment that could not be created does not hinder the next one", () => {
  const { hub } = writtenByTwo();
  hub.clock.run();
  hub.files.fault = (call, _change, path) =>
    call === "unlink" || (call === "write" && path.endsWith("log.1.2")) ? { code: "EIO" } : undefined;
  assert.equal(hub.rotate(), false);
  hub.files.fault = null;
  hub.clock.pass(1000);
  assert.equal(hub.rotate(), true);
  assert.ok(hub.files.names.has(hub.logPath.replace(/1$/, "3")));
});
