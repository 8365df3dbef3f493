import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { machineOf, place, writeSegment } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { recover, recoverForHub } from "./at-once.js";

const STRICT = { recover: "strict" } as const;

test("what a new hub goes on from is on the disk, with its names and that of the directory", () => {
  const files = new MemoryFiles();
  writeSegment(files, 1, 1, [1, 5], null);
  assert.equal(recover(files.afterPowerLoss(), place, null, () => false).seq, 0);
  recoverForHub(machineOf(files), place, 2, STRICT, null);
  assert.equal(recover(files.afterPowerLoss(), place, null, () => false).seq, 5);
  assert.ok(files.calls.includes(`syncDirectory ${dirname(place.directory)}`));
});

test("each segment that a new hub goes on from is synced, not the last one alone", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 5], null);
  writeSegment(files, 1, 2, [6, 9], first);
  recoverForHub(machineOf(files), place, 2, STRICT, null);
  for (const segment of [1, 2]) assert.ok(files.calls.includes(`sync ${segmentPath(place, 1, segment)}`));
  assert.equal(recover(files.afterPowerLoss(), place, null, () => false).seq, 9);
});

test("what a failed sync may have given up is written again before it is synced again", () => {
  const files = new MemoryFiles();
  const path = segmentPath(place, 1, 1);
  writeSegment(files, 1, 1, [1, 5], null);
  files.fault = (call) => (call === "sync" ? { code: "EIO" } : undefined);
  assert.throws(() => recoverForHub(machineOf(files), place, 2, STRICT, null), { code: "EIO" });
  assert.deepEqual(files.calls.slice(-2), [`sync ${path}`, `write ${path}`]);
  assert.equal(files.openFiles.size, 0);
});

test("a closed segment that a compaction from before the fence removes meanwhile need not be synced", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 5], null);
  writeSegment(files, 1, 2, [6, 9], first);
  const { open } = files;
  files.open = (path, how) => {
    if (how === "write") files.unlink(segmentPath(place, 1, 1));
    return open.call(files, path, how);
  };
  assert.equal(recoverForHub(machineOf(files), place, 2, STRICT, null).seq, 9);
  assert.ok(files.calls.includes(`sync ${segmentPath(place, 1, 2)}`));
});
