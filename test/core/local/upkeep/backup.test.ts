import assert from "node:assert/strict";
import { test } from "node:test";
import { runToEnd } from "../../../../dist/core/local/disk/steps.js";
import { restoreBackup, writeBackup } from "../../../../dist/core/local/upkeep/backup.js";
import { seqOf } from "../../../../dist/core/log/frame.js";
import type { StateView } from "../../../../dist/core/log/log.js";
import { Fold } from "../../../../dist/core/state/fold.js";
import { entriesOf, HISTORY, load, machineOf, makeStorage, place, statesUpTo } from "../disk/stored.js";
import { CrashError, type Fault, MemoryFiles } from "../machine/memory-files.js";
import { compact, recoverForHub } from "./at-once.js";

const FILE = "/backups/app.db";
const STATES = statesUpTo(20);
const FAULTS = ["EIO", "ENOSPC", "crash"];

/** As of a member that has applied so many batches. */
function viewOf(last: number): StateView {
  const fold = new Fold();
  for (let seq = 1; seq <= last; seq++)
    fold.apply({ seq, time: 1_000_000 + seq, origin: 4711, born: 1_000_000, number: seq, entries: entriesOf(seq) });
  return { head: fold.head, entries: () => fold.entries(), close: () => {} };
}

/** What a new process finds in files. */
function shown(files: MemoryFiles): string {
  return load(files, recoverForHub(machineOf(files), place, 9, { recover: "strict" }, null)).text;
}

function shownOf(backup: Buffer): string {
  const files = new MemoryFiles();
  files.put(place.filename, backup);
  return shown(files);
}

/** A directory can be renamed: one call that moves all names. */
class Files extends MemoryFiles {
  override rename(path: string, name: string): void {
    if (this.names.has(path)) {
      super.rename(path, name);
      return;
    }
    super.link(`${path}/${this.list(path)[0]}`, `${name}/moved`);
    this.names.delete(`${name}/moved`);
    for (const [from, inode] of [...this.names]) {
      if (!from.startsWith(`${path}/`)) continue;
      this.names.delete(from);
      this.names.set(name + from.slice(path.length), inode);
    }
  }
}

function closed(): Files {
  const { files: made, request, last } = makeStorage();
  compact(machineOf(made), { ...request, segments: [...request.segments, last] });
  const files = new Files();
  for (const [path, { content }] of made.names) files.put(path, content);
  return files;
}

function faultAt(files: MemoryFiles, what: string, call: number): void {
  const first = files.changes;
  files.fault = (_, change): Fault | undefined => {
    if (change !== first + call) return undefined;
    return what === "crash" ? { crash: true } : { code: what };
  };
}

const isExpected = (error: unknown): boolean =>
  error instanceof CrashError || (error as { code?: string }).code === "ERR_STORAGE_BACKUP";

test("a backup is whole, with a history of its own; a state without a batch is one too", () => {
  for (const seq of [0, 1, 17]) {
    const files = new MemoryFiles();
    runToEnd(writeBackup(machineOf(files), place, FILE, viewOf(seq)));
    assert.equal(shownOf(files.get(FILE)), STATES[seq]);
    assert.ok(seqOf(files.get(FILE), 0) > 0, "a snapshot of seq 0 would count as none");
    assert.ok(!files.get(FILE).includes(HISTORY));
    assert.deepEqual([...files.names.keys()], [FILE]);
  }
});

test("the storage's own files are no place for a backup", () => {
  const files = closed();
  for (const path of [place.filename, place.directory, `${place.directory}/snapshot.20`, "/data/../data/app.db"])
    assert.throws(() => runToEnd(writeBackup(machineOf(files), place, path, viewOf(3))), RangeError);
  assert.equal(shown(files), STATES[20]);
});

test("a failure or a crash at any call of a backup leaves the file as it was, or the new one", () => {
  for (const what of FAULTS) {
    for (const isThere of [false, true]) {
      for (let call = 0, isOver = false; !isOver; call++) {
        const files = new MemoryFiles();
        if (isThere) runToEnd(writeBackup(machineOf(files), place, FILE, viewOf(5)));
        files.settle();
        const last = files.changes + call;
        faultAt(files, what, call);
        try {
          runToEnd(writeBackup(machineOf(files), place, FILE, viewOf(9)));
          isOver = files.changes <= last;
        } catch (error) {
          assert.ok(isExpected(error), `${error}`);
        }
        for (const left of [files.afterCrash(), files.afterPowerLoss(), files.afterPowerLoss(true)]) {
          const may = [STATES[9], ...(isThere ? [STATES[5]] : [])];
          if (!left.names.has(FILE)) assert.equal(isThere, false);
          else assert.ok(may.includes(shownOf(left.get(FILE))), `${what} at call ${call}`);
        }
      }
    }
  }
});

test("a restored storage holds what the backup holds, and nothing of before", () => {
  for (const isCopy of [false, true]) {
    const files = closed();
    runToEnd(writeBackup(machineOf(files), place, FILE, viewOf(7)));
    if (isCopy) files.put(place.filename, files.get(FILE));
    runToEnd(restoreBackup(machineOf(files), place, isCopy ? place.filename : FILE));
    assert.deepEqual([...files.names.keys()].sort(), [FILE, place.filename]);
    assert.equal(shown(files), STATES[7]);
  }
});

test("what is no whole backup is refused, and so is a place of the copy that holds something else", () => {
  const files = closed();
  runToEnd(writeBackup(machineOf(files), place, FILE, viewOf(7)));
  const backup = files.get(FILE);
  files.put("/cut", backup.subarray(0, backup.length - 1));
  files.put("/text", Buffer.from("SQLite format 3"));
  const isRefused = { code: "ERR_STORAGE_BACKUP" };
  for (const path of ["/cut", "/text", "/nothing"])
    assert.throws(() => runToEnd(restoreBackup(machineOf(files), place, path)), isRefused);
  const copy = files.get(place.filename);
  files.put(place.filename, Buffer.from("somebody's"));
  assert.throws(() => runToEnd(restoreBackup(machineOf(files), place, FILE)), isRefused);
  assert.equal(files.get(place.filename).toString(), "somebody's");
  files.put(place.filename, copy);
  assert.equal(shown(files), STATES[20]);
});

test("a failure or a crash at any call of a restore leaves the old data, or the new one", () => {
  for (const what of FAULTS) {
    for (let call = 0, isOver = false; !isOver; call++) {
      const files = closed();
      runToEnd(writeBackup(machineOf(files), place, FILE, viewOf(7)));
      files.settle();
      const last = files.changes + call;
      faultAt(files, what, call);
      let hasFailed = false;
      try {
        runToEnd(restoreBackup(machineOf(files), place, FILE));
        isOver = files.changes <= last;
      } catch (error) {
        hasFailed = true;
        assert.ok(isExpected(error), `${error}`);
      }
      const isMoved = files.list(place.directory).length === 0;
      assert.equal(shown(files.afterCrash()), isMoved ? STATES[7] : STATES[20], `${what} at ${files.calls.at(-1)}`);
      if (!hasFailed) assert.ok(isMoved);
    }
  }
});
