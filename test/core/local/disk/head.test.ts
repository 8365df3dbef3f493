import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptFileError } from "../../../../dist/core/local/disk/file-errors.js";
import { segmentPath, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { historyIn } from "../../../../dist/core/local/disk/head.js";
import { snapshotHead } from "../../../../dist/core/local/disk/snapshot.js";
import type { Files } from "../../../../dist/core/local/machine/machine.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact, recover, recoverForHub, writeSnapshot } from "../upkeep/at-once.js";
import { HISTORY, load, machineOf, makeStorage, place, writeSegment } from "./stored.js";

const OTHER = "f".repeat(32);
const none = () => false;

function historyOf(files: Files, path: string): string | null {
  const file = files.open(path, "read");
  const history = historyIn(files, file, path);
  files.close(file);
  return history;
}

test("every file that follows carries on the history of the first one", () => {
  const { files, request } = makeStorage();
  compact(machineOf(files), request);
  const recovered = recover(files, place, null, none);
  assert.equal(recovered.history, HISTORY);
  assert.deepEqual(
    [15].map((seq) => snapshotHead(files, place, seq).history),
    [HISTORY],
  );
  assert.equal(historyOf(files, segmentPath(place, 2, 2)), HISTORY);
});

test("a storage that begins has a history of its own", () => {
  const histories = [1, 2].map(() => {
    const machine = {
      ...machineOf(new MemoryFiles()),
      random: (bytes: number) => Buffer.alloc(bytes, `${Math.random()}`),
    };
    return recoverForHub(machine, place, 1, { recover: "strict" }, null).history;
  });
  for (const history of histories) assert.match(history, /^[0-9a-f]{32}$/);
  assert.notEqual(histories[0], histories[1]);
});

test("a copy that is imported begins another history, with the same content", () => {
  const { files, last } = makeStorage();
  compact(machineOf(files), { place, epoch: 3, snapshot: 0, segments: [last] });
  const copy = new MemoryFiles();
  copy.put(place.filename, files.get(place.filename));
  const recovered = recoverForHub(machineOf(copy), place, 1, { recover: "strict" }, null);
  assert.match(recovered.history, /^[0-9a-f]{32}$/);
  assert.notEqual(recovered.history, HISTORY);
  assert.equal(recovered.history, snapshotHead(copy, place, 20).history);
  assert.equal(load(copy, recovered).text, load(files, recover(files, place, null, none)).text);
});

test("a segment of another history in the chain is corrupt", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 5], null, place, OTHER);
  writeSegment(files, 1, 2, [6, 10], first);
  assert.throws(() => recover(files, place, null, none), CorruptFileError);
  assert.equal(files.openFiles.size, 0);
});

test("a snapshot of another history under the chain is corrupt, for recovery and for a fold", () => {
  const { files, request } = makeStorage();
  const head = snapshotHead(files, place, 5);
  files.unlink(snapshotPath(place, 5));
  writeSnapshot(files, snapshotPath(place, 5), { ...head, history: OTHER }, []);
  assert.throws(() => recover(files, place, null, none), CorruptFileError);
  assert.throws(() => compact(machineOf(files), request), CorruptFileError);
  assert.equal(files.openFiles.size, 0);
});
