import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../../../dist/core/local/wire/frame-connection.js";
import { encodeFrame, FrameLengthError, HEADER_BYTES, numberOf, PING } from "../../../../dist/core/log/frame.js";
import { MalformedError } from "../../../../dist/core/log/malformed.js";
import { Peer } from "../machine/manual-machine.js";
import { RecordedConnection } from "./recorded-connection.js";

const ping = (number: number, body = 0) => encodeFrame(PING, { number }, Buffer.alloc(body, 1));

/** A connection over a socket of the test, and what it reported. */
function connected(maxBytes = 1024, act: (number: number) => void = () => {}) {
  const calls: string[] = [];
  const reported: string[] = [];
  const peer = new Peer("peer", calls);
  const connection = new RecordedConnection(peer, maxBytes, {
    receive(frame) {
      reported.push(`frame ${numberOf(frame, 0)} ${frame.length}`);
      act(numberOf(frame, 0));
    },
    disconnected: (reason) => reported.push(`closed ${reason?.name ?? "quietly"}`),
  });
  peer.events = connection;
  return { connection, peer, reported, calls };
}

test("frames come out whole, however the bytes are cut", () => {
  const bytes = Buffer.concat([ping(1), ping(2, 100), ping(3)]);
  for (let size = 1; size <= bytes.length; size++) {
    const { peer, reported } = connected();
    for (let at = 0; at < bytes.length; at += size) peer.say(bytes.subarray(at, at + size));
    assert.deepEqual(reported, [`frame 1 ${HEADER_BYTES}`, `frame 2 ${HEADER_BYTES + 100}`, `frame 3 ${HEADER_BYTES}`]);
  }
});

test("frames are sent in order, and none after the end", () => {
  const { connection, peer } = connected();
  connection.send([ping(1), ping(2)]);
  connection.send([]);
  connection.send([ping(3)]);
  connection.drop(null);
  connection.send([ping(4)]);
  assert.deepEqual(
    peer.received.map(({ number }) => number),
    [1, 2, 3],
  );
});

test("the end is reported exactly once, whichever side closes and however often", () => {
  const { connection, peer, reported } = connected();
  connection.drop(new ProtocolError("first"));
  assert.deepEqual(reported, ["closed ProtocolError"], "before drop returns");
  connection.drop(new Error("second"));
  peer.events?.closed(new Error("third"));
  assert.deepEqual(reported, ["closed ProtocolError"]);
  assert.ok(peer.isClosed && connection.isClosed);
  const other = connected();
  other.peer.events?.closed(null);
  other.connection.drop(new Error("late"));
  assert.deepEqual(other.reported, ["closed quietly"]);
});

test("nothing is delivered after the end, not even what came in the same chunk", () => {
  const { peer, reported, connection } = connected(1024, (number) => number === 2 && connection.drop(null));
  peer.say(ping(1), ping(2), ping(3));
  peer.say(ping(4));
  assert.deepEqual(reported, [`frame 1 ${HEADER_BYTES}`, `frame 2 ${HEADER_BYTES}`, "closed quietly"]);
});

test("an error of the protocol closes the connection; other errors are not swallowed", () => {
  for (const broken of [new ProtocolError("no"), new MalformedError("no")]) {
    const { peer, reported } = connected(1024, () => {
      throw broken;
    });
    peer.say(ping(1), ping(2));
    assert.deepEqual(reported, [`frame 1 ${HEADER_BYTES}`, `closed ${broken.name}`]);
    assert.ok(peer.isClosed);
  }
  const { peer } = connected(1024, () => {
    throw new RangeError("a defect");
  });
  assert.throws(() => peer.say(ping(1)), RangeError);
});

test("a length that no frame has closes the connection before its bytes come", () => {
  for (const length of [0, 1, HEADER_BYTES - 1, 1025, 0x7fffffff, 0xffffffff]) {
    const { peer, reported } = connected();
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length);
    peer.say(head.subarray(0, 3));
    assert.deepEqual(reported, []);
    peer.say(head.subarray(3));
    assert.deepEqual(reported, [`closed ${FrameLengthError.name}`], `${length}`);
  }
});

test("the longest frame that is accepted can be raised", () => {
  const { connection, peer, reported } = connected();
  peer.say(ping(1, 1024 - HEADER_BYTES));
  connection.maxFrameBytes = 4096;
  peer.say(ping(2, 4096 - HEADER_BYTES));
  peer.say(ping(3, 4097 - HEADER_BYTES));
  assert.deepEqual(reported, ["frame 1 1024", "frame 2 4096", "closed FrameLengthError"]);
});

test("it pauses, resumes and ends its socket, and reports what that has queued", () => {
  const { connection, peer, reported } = connected();
  connection.pause();
  assert.equal(peer.isPaused, true);
  connection.resume();
  assert.equal(peer.isPaused, false);
  peer.queuedBytes = 12;
  assert.equal(connection.queuedBytes, 12);
  connection.end();
  assert.deepEqual(reported, ["closed quietly"]);
});
