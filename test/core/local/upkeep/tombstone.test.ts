import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { highestEpoch, Seat } from "../../../../dist/core/local/election/seat.js";
import { shelterDirectory } from "../../../../dist/core/local/machine/address.js";
import { readTombstone, tombstoneEpoch, writeTombstone } from "../../../../dist/core/local/upkeep/tombstone.js";
import type { StoredHead } from "../../../../dist/core/log/log.js";
import { HISTORY, load, machineOf, place, statesUpTo, writeSegment } from "../disk/stored.js";
import { manualMachine, seatContent } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact, recoverForHub, writeSnapshot } from "./at-once.js";

const STATES = statesUpTo(9);
const END: StoredHead = { seq: 20, time: 2_000_000, level: 1, origins: [[7, 3, 1_999_999]], history: HISTORY };

function endNames(files: MemoryFiles): string[] {
  return files.list(shelterDirectory());
}

/** Files of a storage that ended at seq 20 under the manager of epoch 4, and of which nothing is left. */
function ended(): MemoryFiles {
  const files = new MemoryFiles();
  writeTombstone(manualMachine(files), place, 4, END);
  return files;
}

function recovered(files: MemoryFiles) {
  return recoverForHub(machineOf(files), place, 5, { recover: "strict" }, null);
}

test("the tombstone of a storage is known when it is opened again, and to no other storage", () => {
  const files = ended();
  assert.equal(tombstoneEpoch(manualMachine(files), place), 4);
  assert.deepEqual(readTombstone(manualMachine(files), place), END);
  assert.equal(tombstoneEpoch(manualMachine(files), placeOf("/data", "other")), 0);
  assert.equal(readTombstone(manualMachine(files), placeOf("/data", "other")), null);
  assert.equal(files.openFiles.size, 0);
});

test("only the last end is kept, however late an earlier one is noted", () => {
  const files = ended();
  writeTombstone(manualMachine(files), place, 9, { ...END, seq: 50 });
  assert.equal(endNames(files).length, 1);
  writeTombstone(manualMachine(files), place, 6, { ...END, seq: 30 });
  assert.equal(tombstoneEpoch(manualMachine(files), place), 9);
  assert.equal(readTombstone(manualMachine(files), place)?.seq, 50);
});

test("a tombstone that is not whole counts for its epoch alone, since nothing was removed after it", () => {
  const files = ended();
  writeTombstone(manualMachine(files), place, 9, { ...END, seq: 50 });
  const [name] = endNames(files) as [string];
  files.put(`${shelterDirectory()}/${name}`, files.get(`${shelterDirectory()}/${name}`).subarray(0, -10));
  assert.equal(tombstoneEpoch(manualMachine(files), place), 9);
  assert.equal(readTombstone(manualMachine(files), place), null);
  assert.equal(recovered(files).seq, 0);
});

test("what is in a directory that others can enter is no end", () => {
  const files = ended();
  files.isPrivate = () => false;
  assert.equal(tombstoneEpoch(manualMachine(files), place), 0);
  assert.equal(readTombstone(manualMachine(files), place), null);
  writeTombstone(manualMachine(files), place, 5, END);
  assert.equal(endNames(files).length, 1, "nothing was noted");
});

test("without a directory that can be entered a storage has no end, and opens", () => {
  for (const code of ["EACCES", "ENOTDIR", "ENOENT"]) {
    const files = ended();
    const { list } = files;
    files.list = (directory) => {
      if (directory === shelterDirectory()) throw Object.assign(new Error(code), { code });
      return list.call(files, directory);
    };
    assert.equal(tombstoneEpoch(manualMachine(files), place), 0);
    assert.equal(recovered(files).seq, 0);
    writeTombstone(manualMachine(files), place, 5, END);
  }
});

test("ends of other storages are forgotten after a day, when one is noted", () => {
  const files = ended();
  const machine = manualMachine(files);
  const [first] = endNames(files) as [string];
  const notedAt = machine.clock.now();
  Object.assign(files.names.get(`${shelterDirectory()}/${first}`) ?? {}, { modifiedAt: notedAt });
  writeTombstone(machine, placeOf("/data", "other"), 1, END);
  assert.equal(endNames(files).length, 2);
  machine.clock.now = () => notedAt + 86_400_001;
  writeTombstone(machine, placeOf("/data", "other"), 2, END);
  assert.deepEqual([endNames(files).length, tombstoneEpoch(machine, place)], [1, 0]);
});

test("the next storage goes on after the end, with nothing in it", () => {
  const files = ended();
  const { seq, time, segments } = recovered(files);
  assert.deepEqual([seq, time, segments], [20, 0, []], "the end carries no time");
  assert.deepEqual(load(files, recovered(files)), { seq: 20, text: "[]" });
});

test("where the last snapshot is left, the log goes on after the end all the same", () => {
  const files = ended();
  writeSnapshot(files, snapshotPath(place, 19), { ...END, seq: 19 }, []);
  assert.deepEqual(load(files, recovered(files)), { seq: 20, text: "[]" });
});

test("what is in the directory and was not left by the removal counts, whatever has ended before it", () => {
  for (const isFolded of [false, true]) {
    const files = ended();
    const first = writeSegment(files, 1, 1, [1, 9], null);
    if (isFolded) compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
    assert.deepEqual(load(files, recovered(files)), { seq: 9, text: STATES[9] });
  }
  const files = ended();
  writeSnapshot(files, snapshotPath(place, 19), { ...END, seq: 19, time: END.time + 1 }, []);
  assert.equal(recovered(files).seq, 19);
});

test("files that a process from before the removal creates late are never taken for the log without an error", () => {
  const files = ended();
  writeSegment(files, 3, 2, [8, 9], { epoch: 3, segment: 1, offset: 1 });
  assert.throws(() => recovered(files), { code: "ERR_STORAGE_CORRUPT" });
});

test("a log that goes on after the end stays as it is", () => {
  const files = new MemoryFiles();
  writeTombstone(manualMachine(files), place, 4, { ...END, seq: 5 });
  const first = writeSegment(files, 1, 1, [1, 7], null);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  writeSegment(files, 5, 1, [8, 9], null);
  assert.deepEqual(load(files, recovered(files)), { seq: 9, text: STATES[9] });
  assert.equal(files.names.has(snapshotPath(place, 5)), false);
});

test("a backup that is put in the place of a removed storage is imported, after its end", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 9], null);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  for (const name of files.list(place.directory)) files.unlink(`${place.directory}/${name}`);
  writeTombstone(manualMachine(files), place, 4, END);
  assert.equal(recovered(files).seq, 21);
  assert.deepEqual(load(files, recovered(files)), { seq: 21, text: STATES[9] });
});

test("what a removal has left of the copy is no backup", () => {
  const files = ended();
  writeSnapshot(files, place.filename, { ...END, seq: 19 }, []);
  assert.deepEqual(load(files, recovered(files)), { seq: 20, text: "[]" });
});

test("a seat from before the end is given up, and the next one is above it", () => {
  const files = ended();
  const machine = manualMachine(files);
  assert.equal(highestEpoch(machine, place), 4);
  assert.equal(Seat.claim(machine, place, 4, seatContent()), null);
  assert.deepEqual(files.list(place.directory), []);
  assert.equal(files.openFiles.size, 0);
  assert.equal(Seat.claim(machine, place, 5, seatContent())?.holds(), true);
});
