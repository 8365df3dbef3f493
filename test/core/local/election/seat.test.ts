import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { placeOf } from "../../../../dist/core/local/disk/file-names.js";
import { highestEpoch, newestSeat, Seat, standingSeat } from "../../../../dist/core/local/election/seat.js";
import type { Machine, Place } from "../../../../dist/core/local/machine/machine.js";
import { nodeMachine } from "../../../../dist/core/local/machine/node-machine.js";
import { removeStrays } from "../../../../dist/core/local/upkeep/removal.js";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";
import { claimSeat, ManualClock, manualMachine, place, seatContent } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";

const seatName = (epoch: number) => `${place.directory}/seat.${epoch}`;

function memoryMachine(): { machine: Machine; files: MemoryFiles; clock: ManualClock } {
  const files = new MemoryFiles();
  const clock = new ManualClock();
  return { machine: manualMachine(files, clock), files, clock };
}

/** A place on the real disk. */
function diskPlace(t: TestContext): Place {
  const found = placeOf(temporaryDirectory(t), "app");
  mkdirSync(found.directory, { mode: 0o700 });
  return found;
}

test("a claimed seat exists with its whole content, and no other user can read it", (t) => {
  const disk = diskPlace(t);
  const seat = Seat.claim(nodeMachine, disk, 3, seatContent());
  t.after(() => seat?.release());
  assert.equal(seat?.epoch, 3);
  const path = join(disk.directory, "seat.3");
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), seatContent());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(nodeMachine.files.list(disk.directory), ["seat.3"]);
  assert.deepEqual(newestSeat(nodeMachine, disk), { epoch: 3, content: seatContent() });
});

test("a seat that another member has is not claimed", () => {
  const { machine, files } = memoryMachine();
  const first = claimSeat(machine, 1);
  const before = files.get(seatName(1));
  assert.equal(Seat.claim(machine, place, 1, seatContent("elsewhere")), null);
  assert.ok(files.get(seatName(1)).equals(before));
  assert.equal(first.holds(), true);
  assert.deepEqual(files.list(place.directory), ["seat.1"]);
});

test("a contender withdraws when one with a higher seat has removed its temporary file", () => {
  const { machine, files } = memoryMachine();
  const link = files.link.bind(files);
  files.link = (path, name) => {
    files.link = link;
    claimSeat(machine, 2).release();
    removeStrays(files, place, 2, []);
    link(path, name);
  };
  assert.equal(Seat.claim(machine, place, 1, seatContent()), null);
  assert.deepEqual(files.list(place.directory), ["seat.2"]);
  assert.equal(files.openFiles.size, 0);
});

test("a contender that finds a higher seat after its claim withdraws, and leaves nothing", () => {
  const { machine, files } = memoryMachine();
  files.fault = (call, _change, path) => {
    if (call === "link" && path === seatName(1)) files.put(seatName(2), Buffer.from("{}"));
    return undefined;
  };
  assert.equal(Seat.claim(machine, place, 1, seatContent()), null);
  assert.deepEqual(files.list(place.directory), ["seat.2"]);
  assert.equal(files.openFiles.size, 0);
});

test("the fence removes every lower seat and only those, and returns the names of their sockets", () => {
  const { machine, files } = memoryMachine();
  files.put(seatName(2), Buffer.from(JSON.stringify(seatContent("hub.b"))));
  files.put(seatName(9), Buffer.from(JSON.stringify(seatContent("hub.c"))));
  files.put(seatName(8), Buffer.from('{"sock'));
  for (const epoch of [9, 10, 11]) files.put(`${place.directory}/claim.${epoch}`, Buffer.from("42"));
  const old = claimSeat(machine, 10);
  files.put(seatName(11), Buffer.from("{}"));
  const sockets = old.fence();
  assert.deepEqual(sockets.sort(), ["hub.b", "hub.c"]);
  assert.deepEqual(files.list(place.directory).sort(), ["claim.11", "seat.10", "seat.11"]);
});

test("the newest seat is that of the highest number, not of the last name", () => {
  const { machine, files } = memoryMachine();
  assert.equal(newestSeat(machine, place), null);
  for (const name of ["seat.9", "seat.10", "seat.011", "seat.x", "tmp.99.a", "seat.12.old"]) {
    files.put(`${place.directory}/${name}`, Buffer.from(JSON.stringify(seatContent("hub.2"))));
  }
  files.put(seatName(10), Buffer.from(JSON.stringify(seatContent("hub.a"))));
  assert.deepEqual(newestSeat(machine, place), { epoch: 10, content: seatContent("hub.a") });
});

test("a seat that cannot be read has no content", () => {
  const { machine, files } = memoryMachine();
  const { token: _, ...tokenless } = seatContent();
  const texts = ["", "\0\0\0\0", '{"socket":1}', '"seat"', "null", '{"socket":"hub.a"', JSON.stringify(tokenless)];
  for (const text of texts) {
    files.put(seatName(4), Buffer.from(text));
    assert.deepEqual(newestSeat(machine, place), { epoch: 4, content: null }, JSON.stringify(text));
  }
});

test("an epoch that a segment used is never used again", () => {
  const { machine, files } = memoryMachine();
  assert.equal(highestEpoch(machine, place), 0);
  files.put(seatName(3), Buffer.from("{}"));
  assert.equal(highestEpoch(machine, place), 3);
  files.put(`${place.directory}/log.12.1`, Buffer.alloc(0));
  assert.equal(highestEpoch(machine, place), 12);
});

test("a claim that fails at any call leaves no seat and no open file", () => {
  for (const code of ["ENOSPC", "EIO", "EDQUOT"]) {
    for (const failing of ["create", "write", "link"]) {
      const { machine, files } = memoryMachine();
      files.fault = (call) => (call === failing ? { code } : undefined);
      assert.throws(() => Seat.claim(machine, place, 1, seatContent()), { code }, `${failing} ${code}`);
      assert.deepEqual(files.list(place.directory), [], `${failing} ${code}`);
      assert.equal(files.openFiles.size, 0, `${failing} ${code}`);
    }
  }
});

test("a claim whose temporary name stays leaves no seat", () => {
  const { machine, files } = memoryMachine();
  let unlinkCount = 0;
  files.fault = (call) => (call === "unlink" && ++unlinkCount === 1 ? { code: "EIO" } : undefined);
  assert.throws(() => Seat.claim(machine, place, 1, seatContent()), { code: "EIO" });
  assert.deepEqual(files.list(place.directory), []);
  assert.equal(files.openFiles.size, 0);
});

test("a seat that a full disk took half of is none", () => {
  const { machine, files } = memoryMachine();
  files.fault = (call) => (call === "write" ? { takesBytes: 7 } : undefined);
  assert.throws(() => Seat.claim(machine, place, 1, seatContent()), { code: "ENOSPC" });
  assert.deepEqual(files.list(place.directory), []);
});

test("a refreshed seat has the current time", () => {
  const { machine, files } = memoryMachine();
  const seat = claimSeat(machine, 1);
  seat.refresh();
  assert.equal(files.modifiedAt(seatName(1)), machine.clock.now());
});

test("a file system without hard links has no seats, and the error says what to choose instead", () => {
  for (const code of ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]) {
    const { machine, files } = memoryMachine();
    files.fault = (call) => (call === "link" ? { code } : undefined);
    assert.throws(() => Seat.claim(machine, place, 1, seatContent()), {
      code: "ERR_STORAGE_DIRECTORY",
      message: new RegExp(`hard links at ${place.directory}, got ${code}: choose`),
    });
    assert.deepEqual(files.list(place.directory), []);
    assert.equal(files.openFiles.size, 0);
  }
});

test("a seat that names anything but a socket of a hub in its own directory says nothing", () => {
  const { machine, files } = memoryMachine();
  for (const socket of ["/tmp/hub.1", "../hub.1", "hub.", "hub.x", "hub.1/..", "member.1", "", 5, null]) {
    files.put(seatName(4), Buffer.from(JSON.stringify({ ...seatContent(), socket })));
    assert.deepEqual(newestSeat(machine, place), { epoch: 4, content: null }, String(socket));
  }
});

test("a contender that reads for long refreshes its seat now and then, and not with each read", () => {
  const { machine, files, clock } = memoryMachine();
  clock.pass(10_000);
  const seat = claimSeat(machine, 1);
  let touchCount = 0;
  const touch = files.touch.bind(files);
  files.touch = (file, time) => {
    touchCount++;
    touch(file, time);
  };
  seat.refreshIfDue();
  assert.equal(touchCount, 0, "it was just created");
  for (let step = 0; step < 100; step++) {
    clock.pass(20);
    assert.equal(seat.refreshIfDue(), step % 5 === 4);
  }
  assert.equal(touchCount, 20, "every tenth of a second");
  assert.equal(files.modifiedAt(seatName(1)), clock.now());
  seat.refresh();
  seat.refreshIfDue();
  assert.equal(touchCount, 21);
});

test("a refresh that the disk refuses is left out", () => {
  const { machine, files } = memoryMachine();
  const seat = claimSeat(machine, 1);
  files.touch = () => {
    throw Object.assign(new Error("EROFS: read-only file system, futime"), { code: "EROFS" });
  };
  seat.refresh();
  assert.equal(seat.holds(), true);
});

test("the standing seat below the newest one is the newest of those that are not fenced", () => {
  const { machine, files } = memoryMachine();
  assert.equal(standingSeat(machine, place), null);
  const [first, second] = [claimSeat(machine, 1), claimSeat(machine, 2)];
  assert.deepEqual(standingSeat(machine, place), { epoch: 1, content: seatContent() });
  const third = claimSeat(machine, 3);
  assert.equal(standingSeat(machine, place)?.epoch, 2);
  files.put(seatName(2), Buffer.alloc(0)); // emptied, and not yet unlinked
  assert.equal(standingSeat(machine, place)?.epoch, 1);
  third.fence();
  assert.equal(standingSeat(machine, place), null);
  for (const seat of [first, second, third]) seat.release();
});
