import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError } from "../../../../dist/core/errors.js";
import { copyNotePath, copyNotesIn, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { runToEnd } from "../../../../dist/core/local/disk/steps.js";
import { compactAndCopy } from "../../../../dist/core/local/upkeep/compactor.js";
import { copyState } from "../../../../dist/core/local/upkeep/file-copy.js";
import { removeFiles } from "../../../../dist/core/local/upkeep/removal.js";
import { HISTORY, load, machineOf, makeStorage, place, statesUpTo } from "../disk/stored.js";
import { CrashError, type Fault, MemoryFiles } from "../machine/memory-files.js";
import { compact, recover, recoverForHub, renewCopy, writeSnapshot } from "./at-once.js";

const STATES = statesUpTo(20);
const OTHER = "f".repeat(32);
const isForeign = { code: "ERR_STORAGE_COPY" };

/** A storage that was folded up to 15, with its copy; 16 to 20 follow. */
function folded(): { files: MemoryFiles; rest: Parameters<typeof compact>[1] } {
  const { files, request, last } = makeStorage();
  compact(machineOf(files), request);
  return { files, rest: { place, epoch: 2, snapshot: 15, segments: [last] } };
}

/** Whoever changes the bytes in place, as `cp` and editors do. */
function overwrite(files: MemoryFiles, path: string, content: Buffer): void {
  const inode = files.names.get(path);
  assert(inode);
  inode.content = content;
}

/** What a new process shows that finds the copy alone. */
function restored(content: Buffer): string {
  const files = new MemoryFiles();
  files.put(place.filename, content);
  return load(files, recoverForHub(machineOf(files), place, 1, { recover: "strict" }, null)).text;
}

test("the copy has bytes of its own, with and without a file system that shares blocks", () => {
  for (const clones of [false, true]) {
    const { files, rest } = folded();
    files.clones = clones;
    compact(machineOf(files), rest);
    assert.equal(files.names.get(place.filename)?.links, 1);
    assert.notEqual(files.names.get(place.filename), files.names.get(snapshotPath(place, 20)));
    assert.deepEqual(files.get(place.filename), files.get(snapshotPath(place, 20)));
    assert.equal(files.openFiles.size, 0);
    overwrite(files, place.filename, Buffer.from("nothing"));
    assert.equal(
      load(
        files,
        recover(files, place, null, () => false),
      ).text,
      STATES[20],
    );
  }
});

test("a copy that another file has replaced, or that was changed, stays as it is and is reported", () => {
  const backup = folded().files.get(place.filename);
  const other = new MemoryFiles();
  writeSnapshot(other, "/s", { seq: 15, time: 1, level: 1, origins: [], history: OTHER }, []);
  const contents = {
    "a database": Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8176, 1)]),
    "an empty file": Buffer.alloc(0),
    "a file of version 1": Buffer.from('{"data":{"a":1},"lives":{}}'),
    "a copy of another storage": other.get("/s"),
    "an older backup of this one": writtenSnapshot(7),
    "a backup from after a loss": writtenSnapshot(99),
    "a copy with something added": Buffer.concat([backup, Buffer.from("\n")]),
    "a copy that was cut off": backup.subarray(0, backup.length - 10),
    "a copy with another head": Buffer.concat([Buffer.alloc(4), backup.subarray(4)]),
  };
  for (const [what, content] of Object.entries(contents)) {
    for (const inPlace of [false, true]) {
      const { files, rest } = folded();
      if (inPlace) overwrite(files, place.filename, content);
      else files.put(place.filename, content);
      const result = runToEnd(compactAndCopy(machineOf(files), rest, true));
      assert.equal(result.copyFailure?.code, "ERR_STORAGE_COPY", what);
      assert.equal(result.snapshot, 20, "the storage itself is folded");
      assert.deepEqual(files.get(place.filename), content, what);
      assert.equal(
        load(
          files,
          recover(files, place, null, () => false),
        ).text,
        STATES[20],
        what,
      );
      assert.equal(files.openFiles.size, 0);
      files.unlink(place.filename);
      renewCopy(machineOf(files), place, 2, 20);
      assert.equal(
        restored(files.get(place.filename)),
        STATES[20],
        "once it was moved away, the copy is written again",
      );
    }
  }
});

const refusal = (code: string) => Object.assign(new Error(code), { code });

test("a link, a directory or a file that cannot be read is not replaced", () => {
  for (const error of [new StorageError("ERR_STORAGE_DIRECTORY", "a link"), refusal("EACCES"), refusal("EPERM")]) {
    const { files, rest } = folded();
    const before = files.get(place.filename);
    const open = files.open.bind(files);
    files.open = (path, how) => {
      if (path === place.filename) throw error;
      return open(path, how);
    };
    assert.equal(runToEnd(compactAndCopy(machineOf(files), rest, true)).copyFailure?.code, "ERR_STORAGE_COPY");
    assert.deepEqual(files.get(place.filename), before);
  }
});

test("a file that comes to the place while the copy is written stays", () => {
  for (const isThere of [false, true]) {
    const { files } = folded();
    const foreign = Buffer.from("somebody's");
    if (!isThere) files.unlink(place.filename);
    compactUpTo20(files);
    // Directly before the copy is put into its place, or into a place that is taken meanwhile.
    files.fault = (call, _, path): Fault | undefined => {
      if (call === "create" && path.includes("/copy.20.")) files.put(place.filename, foreign);
      return undefined;
    };
    assert.throws(() => renewCopy(machineOf(files), place, 2, 20), isForeign);
    assert.deepEqual(files.get(place.filename), foreign);
    assert.ok(!files.list(place.directory).some((name) => name.startsWith("tmp.")));
  }
});

test("a free place is taken exclusively", () => {
  const { files } = folded();
  files.unlink(place.filename);
  compactUpTo20(files);
  const foreign = Buffer.from("somebody's");
  files.fault = (call, _, path): Fault | undefined => {
    if (call === "link" && path === place.filename) files.put(place.filename, foreign);
    return undefined;
  };
  assert.throws(() => renewCopy(machineOf(files), place, 2, 20), isForeign);
  assert.deepEqual(files.get(place.filename), foreign);
});

function writtenSnapshot(seq: number): Buffer {
  const files = new MemoryFiles();
  writeSnapshot(files, "/s", { seq, time: 1, level: 1, origins: [], history: HISTORY }, []);
  return files.get("/s");
}

/** Folds what is left, without the copy. */
function compactUpTo20(files: MemoryFiles): void {
  const { segments } = recover(files, place, null, () => false);
  runToEnd(compactAndCopy(machineOf(files), { place, epoch: 2, snapshot: 15, segments: segments.slice(-1) }, false));
}

test("a manager that was replaced does not put an older copy into the place of a newer one", () => {
  const { files } = folded();
  const older = { path: snapshotPath(place, 15), content: files.get(snapshotPath(place, 15)) };
  compactUpTo20(files);
  renewCopy(machineOf(files), place, 2, 20);
  files.put(older.path, older.content);
  renewCopy(machineOf(files), place, 1, 15);
  assert.equal(restored(files.get(place.filename)), STATES[20]);
  renewCopy(machineOf(files), place, 1, 14);
  const newer = files.get(place.filename);
  const { files: late } = folded();
  late.put(snapshotPath(place, 17), writtenSnapshot(17));
  late.fault = (call, _, path): Fault | undefined => {
    if (call === "create" && path.includes("/copy.17.")) {
      late.put(copyNotePath(place, { seq: 20, mark: HISTORY }), Buffer.alloc(0));
      late.put(place.filename, newer);
    }
    return undefined;
  };
  renewCopy(machineOf(late), place, 1, 17);
  assert.deepEqual(late.get(place.filename), newer, "also when that has come meanwhile");
  assert.deepEqual(copyState(files, place, HISTORY), { kind: "own", seq: 20, isNoted: true });
});

test("a crash, or a refusal, at any call leaves a copy that is known and whole, and the next one ends it", () => {
  for (const what of ["crash", "EIO", "ENOSPC"]) {
    for (const clones of [false, true]) {
      for (const isThere of [false, true]) {
        for (let call = 0, isOver = false; !isOver; call++) {
          const { files } = folded();
          if (!isThere) files.unlink(place.filename);
          files.settle();
          compactUpTo20(files);
          files.clones = clones;
          const first = files.changes;
          files.fault = (_, change) => {
            if (change !== first + call) return undefined;
            return what === "crash" ? { crash: true } : { code: what };
          };
          try {
            renewCopy(machineOf(files), place, 2, 20);
            isOver = files.changes <= first + call;
          } catch (error) {
            assert.ok(error instanceof CrashError || (error as StorageError).code === what, `${error}`);
          }
          for (const left of [files.afterCrash(), files.afterPowerLoss(), files.afterPowerLoss(true)]) {
            const state = copyState(left, place, HISTORY);
            const at = `${what} at call ${call} of ${files.calls.at(-1)}`;
            assert.ok(state.kind === "own" || (!isThere && state.kind === "none"), `${at}: ${state.kind}`);
            if (state.kind === "own") assert.equal(restored(left.get(place.filename)), STATES[state.seq], at);
            renewCopy(machineOf(left), place, 3, 20);
            assert.equal(restored(left.get(place.filename)), STATES[20], at);
            assert.deepEqual(copyNotesIn(left.list(place.directory)), [{ seq: 20, mark: HISTORY }], at);
          }
        }
      }
    }
  }
});

test("whatever was refused, the try after it forgets the copy before only when its own is on the disk", () => {
  for (let call = 0, isOver = false; !isOver; call++) {
    const { files } = folded();
    files.settle();
    compactUpTo20(files);
    const first = files.changes;
    files.fault = (_, change) => (change === first + call ? { code: "EIO" } : undefined);
    try {
      renewCopy(machineOf(files), place, 2, 20);
      isOver = files.changes <= first + call;
    } catch {
      renewCopy(machineOf(files), place, 2, 20);
    }
    for (const left of [files.afterCrash(), files.afterPowerLoss(), files.afterPowerLoss(true)])
      assert.equal(copyState(left, place, HISTORY).kind, "own", `EIO at call ${call} of ${files.calls.at(-1)}`);
  }
});

test("what was imported is replaced by the next copy, also when it is of version 1", () => {
  const version1 = Buffer.from('{"data":{"a":1},"lives":{}}');
  for (const content of [version1, folded().files.get(place.filename)]) {
    const files = new MemoryFiles();
    files.put(place.filename, content);
    const { history, snapshot } = recoverForHub(machineOf(files), place, 1, { recover: "strict" }, null);
    assert.equal(copyState(files, place, history).kind, "own");
    writeSnapshot(files, snapshotPath(place, 99), { seq: 99, time: 1, level: 1, origins: [], history }, []);
    renewCopy(machineOf(files), place, 1, 99);
    assert.deepEqual(files.get(place.filename), files.get(snapshotPath(place, 99)));
    assert.deepEqual(copyNotesIn(files.list(place.directory)), [{ seq: 99, mark: history }]);
    assert.notEqual(snapshot, 99);
  }
});

test("where the directory was written anew, a copy of its history is known without a note", () => {
  const { files } = folded();
  const note = { seq: 15, mark: HISTORY };
  files.unlink(copyNotePath(place, note));
  assert.deepEqual(copyState(files, place, HISTORY), { kind: "own", seq: 15, isNoted: false });
  assert.deepEqual(copyState(files, place, OTHER), { kind: "foreign" });
  compactUpTo20(files);
  renewCopy(machineOf(files), place, 2, 20);
  assert.equal(restored(files.get(place.filename)), STATES[20]);
});

test("a removal fails if the copy cannot be read: it does not end with a copy that brings the data back", () => {
  for (let failing = 0, isOver = false; !isOver; failing++) {
    const { files } = folded();
    const read = files.read.bind(files);
    let count = 0;
    files.read = (...call) => {
      if (count++ === failing) throw Object.assign(new Error("the disk fails"), { code: "EIO" });
      return read(...call);
    };
    try {
      removeFiles(files, place, 100, () => true);
      assert.equal(files.names.has(place.filename), false, `read ${failing} failed`);
      isOver = count <= failing;
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EIO");
    }
  }
});

test("removing a storage removes its copy, and no other file", () => {
  for (const foreign of [null, Buffer.from("somebody's")]) {
    const { files } = folded();
    if (foreign) files.put(place.filename, foreign);
    removeFiles(files, place, 100, () => true);
    assert.equal(files.names.has(place.filename), foreign !== null);
    assert.deepEqual(copyNotesIn(files.list(place.directory)), []);
  }
});

test("a removal fails if the copy may not be opened, too", () => {
  for (const code of ["EPERM", "EACCES"]) {
    const { files } = folded();
    files.open = () => assert.fail(Object.assign(new Error(code), { code }));
    assert.throws(() => removeFiles(files, place, 100, () => true), { code });
    assert(files.names.has(place.filename));
  }
});
