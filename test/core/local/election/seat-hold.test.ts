/** Whether a process that created a seat still has it. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { placeOf } from "../../../../dist/core/local/disk/file-names.js";
import { Seat } from "../../../../dist/core/local/election/seat.js";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Machine, Place } from "../../../../dist/core/local/machine/machine.js";
import { nodeMachine } from "../../../../dist/core/local/machine/node-machine.js";
import { MovedError } from "../../../../dist/core/local/machine/pinned-files.js";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";
import { claimSeat, manualMachine, seatContent } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";

function memoryMachine(): { machine: Machine; files: MemoryFiles } {
  const files = new MemoryFiles();
  return { machine: manualMachine(files), files };
}

/** A place on the real disk. */
function diskPlace(t: TestContext): Place {
  const found = placeOf(temporaryDirectory(t), "app");
  mkdirSync(found.directory, { mode: 0o700 });
  return found;
}

test("a fenced seat does not hold any more, nor does a released one", () => {
  const { machine } = memoryMachine();
  const first = claimSeat(machine, 1);
  const second = claimSeat(machine, 2);
  assert.equal(first.holds(), true, "a claim alone fences no manager");
  second.fence();
  assert.equal(first.holds(), false);
  assert.equal(second.holds(), true);
  second.release();
  second.release();
  assert.equal(second.holds(), false);
});

test("a seat that was removed and created again under the same name is another one", (t) => {
  const disk = diskPlace(t);
  const seat = Seat.claim(nodeMachine, disk, 1, seatContent()) as Seat;
  t.after(() => seat.release());
  const path = join(disk.directory, "seat.1");
  const content = readFileSync(path);
  assert.equal(seat.holds(), true);
  rmSync(path);
  assert.equal(seat.look(), "lost");
  writeFileSync(path, content);
  assert.equal(seat.look(), "lost");
});

test("a seat that a backup has linked under a second name while its manager was frozen does not hold after a fence", (t) => {
  const disk = diskPlace(t);
  const frozen = Seat.claim(nodeMachine, disk, 1, seatContent()) as Seat;
  t.after(() => frozen.release());
  nodeMachine.files.link(join(disk.directory, "seat.1"), join(disk.directory, "copy"));
  const successor = Seat.claim(nodeMachine, disk, 2, seatContent()) as Seat;
  t.after(() => successor.release());
  successor.fence();
  assert.equal(frozen.look(), "lost");
  assert.equal(successor.look(), "held");
});

test("a seat is held, lost to another process, or moved with its directory", (t) => {
  const disk = diskPlace(t);
  const seat = Seat.claim(nodeMachine, disk, 1, seatContent()) as Seat;
  t.after(() => seat.release());
  assert.equal(seat.look(), "held");
  const moved = `${disk.directory}.moved`;
  renameSync(disk.directory, moved);
  assert.equal(seat.look(), "moved");
  assert.equal(seat.holds(), false);
  cpSync(moved, disk.directory, { recursive: true });
  assert.equal(seat.look(), "moved", "a copy of the seat is another one");
  rmSync(disk.directory, { recursive: true });
  renameSync(moved, disk.directory);
  assert.equal(seat.look(), "held");
  const successor = Seat.claim(nodeMachine, disk, 2, seatContent()) as Seat;
  t.after(() => successor.release());
  successor.fence();
  assert.deepEqual([seat.look(), successor.look()], ["lost", "held"]);
  renameSync(disk.directory, moved);
  assert.equal(seat.look(), "lost", "a fence tells more than a move");
  successor.release();
  assert.equal(successor.look(), "lost");
});

test("a contender whose directory has moved claims nothing in the one that came to its path", (t) => {
  for (const moveAt of ["open", "link", "list"] as const) {
    const disk = diskPlace(t);
    const pin = diskFiles.pin(disk.directory);
    t.after(() => pin.close());
    const move = () => renameSync(disk.directory, `${disk.directory}.moved`);
    const call = pin.files[moveAt].bind(pin.files) as (...values: unknown[]) => unknown;
    Object.assign(pin.files, {
      [moveAt]: (...values: unknown[]) => {
        move();
        return call(...values);
      },
    });
    const claim = () => Seat.claim({ ...nodeMachine, files: pin.files }, disk, 1, seatContent());
    // What was created by then is in the directory that has moved, and stays there.
    if (moveAt === "open") assert.throws(claim, MovedError);
    else assert.throws(claim, { code: "ESTALE" });
    assert.deepEqual(nodeMachine.files.list(disk.directory), []);
  }
});

test("a seat that cannot be looked at does not hold, since then nothing may be confirmed", () => {
  const { machine, files } = memoryMachine();
  const seat = claimSeat(machine, 1);
  assert.equal(seat.holds(), true);
  files.lookAt = () => {
    throw Object.assign(new Error("EIO: i/o error, fstat"), { code: "EIO" });
  };
  assert.equal(seat.holds(), false);
});
