/** The socket of a hub, and what the hub does when nobody reaches it: over files, sockets and a clock in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hubSocketsIn, seatsIn, socketPath } from "../../../../dist/core/local/disk/file-names.js";
import { newestSeat } from "../../../../dist/core/local/election/seat.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import { HubSocket } from "../../../../dist/core/local/hub/hub-socket.js";
import type { HubOptions, HubReport, HubRequest } from "../../../../dist/core/local/machine/machine.js";
import { manualParts, place } from "../machine/manual-machine.js";

const HEARTBEAT_MS = 1000;
/** Checks of which one connects, while all is well. */
const CONNECTION_LOOKS = 4;
const MOST_MS = 5000;

const codeOf = (error: Error | null | undefined) => (error as NodeJS.ErrnoException | null | undefined)?.code;

function machineOfTest() {
  const { files, clock, sockets, machine } = manualParts();
  return { files, clock, sockets, machine };
}

function scene() {
  const parts = machineOfTest();
  let acceptedCount = 0;
  const socket = new HubSocket(parts.machine, place, place.directory, (accepted) => {
    acceptedCount++;
    accepted.destroy();
    return { data: () => {}, closed: () => {} };
  });
  return {
    ...parts,
    socket,
    path: socketPath(place, socket.name),
    get acceptedCount() {
      return acceptedCount;
    },
    /** Opens; the answer comes later. */
    open(): Error | null {
      const answers: (Error | null)[] = [];
      socket.open((error) => answers.push(error));
      assert.equal(answers.length, 0);
      parts.clock.run();
      assert.equal(answers.length, 1);
      return answers[0] as Error | null;
    },
    /** Checks as at each heartbeat, for so long. */
    check(ms: number) {
      for (let passed = 0; passed < ms; passed += HEARTBEAT_MS) {
        socket.check();
        parts.clock.pass(HEARTBEAT_MS);
      }
    },
    /** What another process meets. */
    answer(): string {
      let answer = "";
      parts.sockets.connect(place.directory, socket.name, {
        data: () => {},
        closed: (error) => (answer = codeOf(error) ?? "reached"),
      });
      parts.clock.run();
      return answer;
    },
  };
}

test("it has reached itself by the path that others use when it is open, under a name of its own", () => {
  const { socket, sockets, path, open, answer } = scene();
  assert.match(socket.name, /^hub\.[0-9a-f]{16}$/);
  assert.equal(open(), null);
  assert.deepEqual([sockets.bound, sockets.asked], [[path], [path]]);
  assert.equal(answer(), "reached");
});

test("a socket that cannot be bound, or that its own process does not reach, is not open, and the error says why", () => {
  const bound = scene();
  bound.sockets.bindFault = () => "EMFILE";
  assert.equal(codeOf(bound.open()), "EMFILE");
  const denied = scene();
  denied.sockets.fault = () => "EACCES";
  const error = denied.open() as Error;
  assert.equal(codeOf(error), "ERR_STORAGE_UNREACHABLE");
  assert.ok(error.message.includes(denied.path) && error.message.includes("EACCES"), error.message);
  assert.equal(codeOf(error.cause as Error), "EACCES");
});

test("an error names the directory as people know it, not as the one that is held", () => {
  const { machine, sockets, clock } = machineOfTest();
  sockets.bindFault = () => "EMFILE";
  let said = "";
  const socket = new HubSocket(machine, place, "/held/7", () => assert.fail("nobody connects"));
  socket.open((error) => {
    said = error?.message ?? "nothing";
  });
  clock.run();
  assert.ok(said.includes(socketPath(place, socket.name)) && !said.includes("/held"), said);
});

test("while it is reached only some checks connect, unless its name is replaced, and it is not bound again", () => {
  const { socket, sockets, files, path, open, check } = scene();
  open();
  const countOf = (looks: number): number => {
    const before = sockets.asked.length;
    check(looks * HEARTBEAT_MS);
    return sockets.asked.length - before;
  };
  assert.deepEqual([countOf(CONNECTION_LOOKS - 1), countOf(1), countOf(10 * CONNECTION_LOOKS)], [0, 1, 10]);
  files.touch(path, 1_700_000_000_000);
  assert.equal(countOf(1), 1);
  assert.deepEqual([socket.failure(0), sockets.bound.length], [null, 1]);
});

test("when its name was removed it listens again within one check, under the same name", () => {
  const { socket, sockets, files, path, open, check, answer } = scene();
  open();
  files.unlink(path);
  assert.equal(answer(), "ENOENT");
  check(HEARTBEAT_MS);
  assert.equal(answer(), "reached");
  assert.deepEqual(sockets.bound, [path, path]);
  check(HEARTBEAT_MS);
  assert.equal(socket.failure(0), null);
  assert.equal(sockets.bound.length, 2);
});

test("a listener that cannot be bound again is tried at each check, and the older one stays as it is", () => {
  const { socket, sockets, files, path, open, check, answer } = scene();
  open();
  const inode = files.names.get(path);
  files.unlink(path);
  sockets.bindFault = () => "EMFILE";
  check(3 * HEARTBEAT_MS);
  assert.equal(answer(), "ENOENT");
  assert.equal(socket.failure(MOST_MS), null);
  if (inode) files.names.set(path, inode); // as from a backup: it is the socket that still listens
  assert.equal(answer(), "reached");
  check(HEARTBEAT_MS);
  assert.equal(socket.failure(0), null);
});

test("what nobody has reached for as long as is allowed is a failure, and not before", () => {
  const { socket, sockets, clock, path, open, check } = scene();
  open();
  sockets.fault = () => "EACCES";
  check(CONNECTION_LOOKS * HEARTBEAT_MS);
  assert.equal(socket.failure(MOST_MS), null);
  check(MOST_MS - HEARTBEAT_MS);
  assert.equal(socket.failure(MOST_MS), null);
  clock.pass(1);
  const error = socket.failure(MOST_MS);
  assert.equal(codeOf(error), "ERR_STORAGE_UNREACHABLE");
  assert.ok(error?.message.includes(path), error?.message);
});

test("a moment in which it was reached ends the time", () => {
  const { socket, sockets, open, check } = scene();
  open();
  for (let round = 0; round < 5; round++) {
    sockets.fault = () => "EACCES";
    check(MOST_MS - HEARTBEAT_MS);
    sockets.fault = null;
    check(HEARTBEAT_MS);
    assert.equal(socket.failure(0), null);
  }
});

test("connections that are made and never accepted are a failure too", () => {
  const { socket, sockets, open, check, clock } = scene();
  open();
  sockets.isAccepting = false;
  check(2 * HEARTBEAT_MS);
  assert.equal(socket.failure(MOST_MS), null);
  check(2 * MOST_MS);
  assert.equal(codeOf(socket.failure(MOST_MS)), "ERR_STORAGE_UNREACHABLE");
  sockets.isAccepting = true;
  check(2 * HEARTBEAT_MS);
  clock.run();
  assert.equal(socket.failure(0), null, "it accepts again");
});

test("a queue of connections that is full is no failure: others wait in it", () => {
  const { socket, sockets, open, check } = scene();
  open();
  sockets.fault = () => "EAGAIN";
  check(10 * MOST_MS);
  assert.equal(socket.failure(0), null);
  assert.equal(sockets.bound.length, 1);
});

test("a socket that is closed refuses, checks nothing, and calls nothing back", () => {
  const { socket, sockets, open, check, answer } = scene();
  open();
  socket.check();
  socket.close(true);
  const asked = sockets.asked.length;
  check(10 * HEARTBEAT_MS);
  assert.equal(sockets.asked.length, asked);
  assert.equal(answer(), "ECONNREFUSED");
  assert.equal(socket.failure(0), null);
});

test("one that is closed before it listens does not listen then", () => {
  const { socket, clock, answer, files, path } = scene();
  let isCalled = false;
  socket.open(() => (isCalled = true));
  socket.close(true);
  clock.pass(HEARTBEAT_MS);
  assert.equal(isCalled, false);
  if (files.names.has(path)) assert.equal(answer(), "ECONNREFUSED");
});

test("one that no seat names takes its name with it, also when it listens only after it was closed", () => {
  for (const isOpen of [true, false]) {
    const { socket, clock, files, path, open } = scene();
    if (isOpen) open();
    else socket.open(() => assert.fail("closed"));
    socket.close(false);
    clock.pass(HEARTBEAT_MS);
    assert.equal(files.names.has(path), false);
  }
});

/** A whole hub with that machine. */
function host(parts: ReturnType<typeof machineOfTest>) {
  const options = { persist: true, recover: "strict", fsync: "never", gcInterval: 1e9, stallTimeout: MOST_MS };
  const limits = { compactAfterBytes: 1e9, maxMemberBacklogBytes: 1e6 };
  const request = {
    place,
    options: { ...options, ...limits } as HubOptions,
    member: "a1",
    epoch: 0,
    position: null,
    time: null,
  };
  const reports: HubReport[] = [];
  const hub = startHub(parts.machine, request as HubRequest, (report) => reports.push(report));
  parts.clock.run();
  return { hub, reports };
}

test("a contender that others could not reach claims no seat", () => {
  const parts = machineOfTest();
  parts.sockets.fault = () => "EACCES";
  const { reports } = host(parts);
  assert.deepEqual(
    reports.map((report) => [report.kind, "code" in report ? report.code : ""]),
    [["failed", "ERR_STORAGE_UNREACHABLE"]],
  );
  assert.deepEqual(hubSocketsIn(parts.files.list(place.directory)), []);
  assert.deepEqual(seatsIn(parts.files.list(place.directory)), []);
  assert.equal(parts.files.openFiles.size, 0);
});

test("a manager whose name was removed is reached again after a heartbeat, by the name in its seat", () => {
  const parts = machineOfTest();
  const { hub, reports } = host(parts);
  const name = newestSeat(parts.machine, place)?.content?.socket as string;
  parts.files.unlink(socketPath(place, name));
  parts.clock.pass(HEARTBEAT_MS + 1);
  let isConnected = false;
  parts.sockets.connect(place.directory, name, {
    connected: () => (isConnected = true),
    data: () => {},
    closed: () => {},
  });
  parts.clock.run();
  assert.equal(isConnected, true);
  assert.deepEqual(reports, [{ kind: "serving", epoch: 1, isDamaged: false }]);
  hub.terminate();
});

test("a manager that nobody reaches gives up its seat once, says why, and leaves it as one that is dead", () => {
  const parts = machineOfTest();
  const { reports } = host(parts);
  parts.sockets.fault = () => "EACCES";
  parts.clock.pass(3 * MOST_MS);
  assert.deepEqual(
    reports.map((report) => [report.kind, "code" in report ? report.code : ""]),
    [
      ["serving", ""],
      ["failed", "ERR_STORAGE_UNREACHABLE"],
    ],
  );
  parts.sockets.fault = null;
  const seat = newestSeat(parts.machine, place);
  assert.equal(seat?.epoch, 1);
  let code: string | undefined = "";
  parts.sockets.connect(place.directory, seat?.content?.socket as string, {
    data: () => {},
    closed: (error) => (code = codeOf(error)),
  });
  parts.clock.run();
  assert.equal(code, "ECONNREFUSED");
  assert.equal(parts.files.openFiles.size, 0);
});
