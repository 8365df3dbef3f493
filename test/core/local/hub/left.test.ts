/** What a hub notes in the log when members leave: the real host and hub, over files, sockets and a clock in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath, segmentsIn } from "../../../../dist/core/local/disk/file-names.js";
import { memberPath } from "../../../../dist/core/local/election/member-socket.js";
import { newestSeat } from "../../../../dist/core/local/election/seat.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import type { HubHandle, HubOptions, HubReport, Machine, Socket } from "../../../../dist/core/local/machine/machine.js";
import { decodeEntries } from "../../../../dist/core/log/codec.js";
import { LEFT } from "../../../../dist/core/log/entry.js";
import {
  BATCH,
  CONFIRM,
  encodeFrame,
  kindOf,
  LEAVE,
  lengthOf,
  originOf,
  seqOf,
} from "../../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import { framesIn } from "../disk/stored.js";
import { batchFrame, helloFrame, ManualClock, manualMachine, place } from "../machine/manual-machine.js";
import { ManualSockets } from "../machine/manual-sockets.js";
import { MemoryFiles } from "../machine/memory-files.js";

const OWN = "0f";
const HEARTBEAT_MS = 1000;
const LOG = segmentPath(place, 1, 1);

const OPTIONS: HubOptions = {
  persist: true,
  recover: "strict",
  fsync: "never",
  gcInterval: 1e9,
  stallTimeout: 5000,
  compactAfterBytes: 1e9,
  levels: spokenLevels(1),
  maxMemberBacklogBytes: 1e6,
};

/** A member with a socket of its own, and a connection to the hub. */
interface Member {
  readonly received: Buffer[];
  readonly socket: Socket;
  isClosed: boolean;
}

class Scene {
  readonly files = new MemoryFiles();
  readonly clock = new ManualClock();
  readonly sockets = new ManualSockets(this.files, this.clock);
  readonly machine: Machine = { ...manualMachine(this.files, this.clock), sockets: this.sockets };
  readonly reports: HubReport[] = [];
  readonly hub: HubHandle;

  constructor() {
    this.sockets.serve(memberPath(place, OWN));
    this.hub = this.start(0);
    this.clock.run();
  }

  /** Starts a hub after an epoch. */
  start(epoch: number, member = OWN): HubHandle {
    return startHub(this.machine, { place, options: OPTIONS, member, epoch, position: null, time: null }, (report) =>
      this.reports.push(report),
    );
  }

  /** The next manager, in the same process, serves. */
  startNext(): HubHandle {
    const hub = this.start(1);
    this.clock.run();
    return hub;
  }

  join(name: string): Member {
    this.sockets.serve(memberPath(place, name));
    const seat = newestSeat(this.machine, place)?.content;
    const received: Buffer[] = [];
    const member = { received, isClosed: false, socket: null as unknown as Socket };
    member.socket = this.sockets.connect(place.directory, seat?.socket as string, {
      data(chunk) {
        for (let at = 0; at < chunk.length; at += lengthOf(chunk, at)) {
          received.push(Buffer.from(chunk.subarray(at, at + lengthOf(chunk, at))));
        }
      },
      closed: () => (member.isClosed = true),
    });
    this.clock.run();
    this.say(member, helloFrame({ token: seat?.token, member: name }));
    received.length = 0;
    return member;
  }

  say({ socket }: Member, ...frames: Buffer[]): void {
    socket.write([Buffer.concat(frames)]);
    this.clock.run();
  }

  /** The process of a member ends. */
  kill({ socket }: Member, name: string): void {
    this.sockets.kill(memberPath(place, name));
    socket.destroy();
    this.clock.run();
  }

  hasName(name: string): boolean {
    return this.files.names.has(memberPath(place, name));
  }

  /** The members of which the log notes that they have left, each with the seq of that batch. */
  left(path = LOG): (readonly [member: string, seq: number])[] {
    return framesIn(this.files.get(path)).flatMap((frame) => {
      const entries = kindOf(frame, 0) === BATCH ? decodeEntries(frame, 0, frame.length) : [];
      return entries
        .filter(({ type }) => type === LEFT)
        .map((entry) => [entry.path[0] as string, seqOf(frame, 0)] as const);
    });
  }

  get kinds(): string[] {
    return this.reports.map(({ kind }) => kind);
  }
}

const farewell = (hasWritten: boolean) => encodeFrame(LEAVE, { number: hasWritten ? 1 : 0 });
const kindsOf = ({ received }: Member) => received.map((frame) => kindOf(frame, 0));

test("a member that leaves after it has written is noted after all its batches, and then it is answered", () => {
  const scene = new Scene();
  const [writer, reader] = [scene.join("a1"), scene.join("b2")];
  scene.say(writer, batchFrame(1), batchFrame(2), farewell(true));
  assert.deepEqual(scene.left(), [["a1", 3]]);
  assert.equal(kindsOf(writer).at(-1), LEAVE);
  assert.equal(scene.hasName("a1"), false, "its name is not needed any more");
  assert.equal(scene.hasName("b2"), true);
  const told = reader.received.filter((frame) => kindOf(frame, 0) === BATCH);
  assert.deepEqual(
    told.map((frame) => [seqOf(frame, 0), originOf(frame, 0) === 0]),
    [
      [1, false],
      [2, false],
      [3, true],
    ],
    "the others get it in order, as a batch of no member",
  );
});

test("a member that leaves and has written nothing is answered, and not noted", () => {
  const scene = new Scene();
  const [writer, reader] = [scene.join("a1"), scene.join("b2")];
  scene.say(writer, batchFrame(1));
  scene.say(reader, farewell(false));
  assert.equal(kindsOf(reader).at(-1), LEAVE);
  assert.deepEqual(scene.left(), []);
});

test("in an empty log nobody is noted, since nothing can end with a departure", () => {
  const scene = new Scene();
  const [one, other] = [scene.join("a1"), scene.join("b2")];
  scene.say(one, farewell(true));
  assert.equal(kindsOf(one).at(-1), LEAVE);
  scene.kill(other, "b2");
  scene.clock.pass(3 * HEARTBEAT_MS);
  assert.deepEqual(scene.left(), []);
  assert.deepEqual([scene.hasName("a1"), scene.hasName("b2")], [false, false]);
});

test("a member whose process ends is noted at once, whether or not it has written", () => {
  const scene = new Scene();
  const [writer, other] = [scene.join("a1"), scene.join("b2")];
  scene.say(writer, batchFrame(1));
  scene.kill(other, "b2");
  scene.kill(writer, "a1");
  assert.deepEqual(scene.left(), [
    ["b2", 2],
    ["a1", 3],
  ]);
  scene.clock.pass(3 * HEARTBEAT_MS);
  assert.equal(scene.left().length, 2, "each once");
});

test("a member that is only cut off is not noted, however often it connects again", () => {
  const scene = new Scene();
  let member = scene.join("a1");
  scene.say(member, batchFrame(1));
  for (let round = 0; round < 3; round++) {
    member.socket.destroy();
    scene.clock.pass(3 * HEARTBEAT_MS);
    member = scene.join("a1");
  }
  assert.deepEqual(scene.left(), []);
  assert.equal(scene.hasName("a1"), true);
});

test("a new manager notes those whose processes ended under the managers before", () => {
  const scene = new Scene();
  const [one] = [scene.join("a1"), scene.join("b2")];
  scene.say(one, batchFrame(1));
  scene.hub.terminate();
  scene.sockets.kill(memberPath(place, "a1"));
  scene.startNext();
  scene.clock.pass(HEARTBEAT_MS);
  assert.deepEqual(scene.left(segmentPath(place, 2, 1)), [["a1", 2]]);
  assert.deepEqual([scene.hasName("a1"), scene.hasName("b2")], [false, true]);
});

test("a manager that serves only for a moment notes them too, before it leaves", () => {
  const scene = new Scene();
  const one = scene.join("a1");
  scene.say(one, batchFrame(1));
  scene.hub.terminate();
  scene.sockets.kill(memberPath(place, "a1"));
  const next = scene.startNext();
  next.close(false, false);
  scene.clock.run();
  assert.deepEqual(scene.reports.at(-1), { kind: "ended", isNoted: true });
  assert.equal(scene.hasName("a1"), false);
  assert.deepEqual(segmentsIn(scene.files.list(place.directory)), [], "all is folded");
  const told = scene.files.calls.filter((call) => call === `write ${segmentPath(place, 2, 1)}`);
  assert.equal(told.length, 2, "the first frame of the segment, and the departure");
});

test("a departure that the disk refuses is not answered, and noted once the disk takes it", () => {
  const scene = new Scene();
  const [writer, other] = [scene.join("a1"), scene.join("b2")];
  scene.say(writer, batchFrame(1));
  scene.files.fault = (call) => (call === "write" ? { code: "ENOSPC" } : undefined);
  scene.say(writer, farewell(true));
  assert.equal(kindsOf(writer).includes(LEAVE), false, "it is answered though nothing is noted");
  writer.socket.destroy();
  scene.sockets.kill(memberPath(place, "a1"));
  scene.clock.pass(3 * HEARTBEAT_MS);
  assert.equal(scene.hasName("a1"), true, "a successor must find it");
  scene.files.fault = null;
  scene.clock.pass(3 * HEARTBEAT_MS);
  assert.deepEqual(scene.left(), [["a1", 2]]);
  assert.equal(scene.hasName("a1"), false);
  assert.equal(other.isClosed, false);
});

test("the member of the hub's own process is noted as the hub closes, if it has written", () => {
  for (const hasWritten of [true, false]) {
    const scene = new Scene();
    const other = scene.join("a1");
    scene.say(other, batchFrame(1));
    scene.hub.close(false, hasWritten);
    scene.clock.run();
    assert.deepEqual(scene.reports.at(-1), { kind: "ended", isNoted: true });
    assert.deepEqual(scene.left(), hasWritten ? [[OWN, 2]] : []);
    assert.deepEqual(kindsOf(other).includes(CONFIRM), true);
  }
});

test("a hub whose disk refuses the note of its own member says so when it is closed", () => {
  const scene = new Scene();
  const other = scene.join("a1");
  scene.say(other, batchFrame(1));
  scene.files.fault = (call) => (call === "write" ? { code: "ENOSPC" } : undefined);
  scene.hub.close(false, true);
  scene.clock.pass(2 * HEARTBEAT_MS);
  assert.deepEqual(scene.reports.at(-1), { kind: "ended", isNoted: false });
});

test("a hub that is closed before it serves has noted nothing", () => {
  for (const hasWritten of [true, false]) {
    const scene = new Scene();
    scene.reports.length = 0;
    scene.start(1, "e5").close(false, hasWritten);
    scene.clock.run();
    assert.deepEqual(scene.reports, [{ kind: "ended", isNoted: !hasWritten }]);
  }
});

test("the last member notes nobody when it removes the storage", () => {
  const scene = new Scene();
  const other = scene.join("a1");
  scene.say(other, batchFrame(1), farewell(true));
  other.socket.destroy();
  scene.clock.run();
  scene.hub.close(true, true);
  scene.clock.run();
  assert.deepEqual(scene.reports.at(-1), { kind: "ended", isNoted: true });
  assert.deepEqual(
    scene.files.list(place.directory),
    [`member.${OWN}`].filter(() => scene.hasName(OWN)),
  );
});
