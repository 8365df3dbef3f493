import assert from "node:assert/strict";
import { test } from "node:test";
import { CompactedFileError, CorruptFileError } from "../../../../dist/core/local/disk/file-errors.js";
import { snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { Segment } from "../../../../dist/core/local/disk/segment.js";
import { runToEnd } from "../../../../dist/core/local/disk/steps.js";
import type { Files, Position } from "../../../../dist/core/local/machine/machine.js";
import { compactAndCopy } from "../../../../dist/core/local/upkeep/compactor.js";
import { removeCovered } from "../../../../dist/core/local/upkeep/removal.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { setEntry } from "../../../../dist/core/log/entry.js";
import { BATCH, encodeFrame } from "../../../../dist/core/log/frame.js";
import { MAX_DEPTH } from "../../../../dist/core/log/limits.js";
import { framesIn, HISTORY, load, machineOf, makeStorage, place, statesUpTo, writeSegment } from "../disk/stored.js";
import { CrashError, MemoryFiles } from "../machine/memory-files.js";
import { compact, recover, recoverForHub, writeSnapshot } from "./at-once.js";

const STATES = statesUpTo(40);
const none = () => false;

test("a compaction leaves the snapshot, what follows it, and a copy", () => {
  const { files, request } = makeStorage();
  const result = compact(machineOf(files), request);
  assert.deepEqual(files.list(place.directory).sort(), [`copy.15.${HISTORY}`, "log.2.2", "snapshot.15"]);
  assert.equal(result.snapshot, 15);
  assert.equal(result.bytes, files.get(snapshotPath(place, 15)).length);
  assert.deepEqual(files.get(place.filename), files.get(snapshotPath(place, 15)));
  const recovered = recover(files, place, null, none);
  assert.deepEqual(load(files, recovered), { seq: 20, text: STATES[20] });
  assert.equal(recovered.snapshotBytes, result.bytes);
  assert.equal(files.openFiles.size, 0);
});

/** Runs `act` with a fault at its n-th change, for every n; `inspect` looks at what is left. Returns how many there were. */
function atEveryCall(
  fault: "crash" | "EIO" | "ENOSPC",
  act: (files: Files) => void,
  inspect: (left: MemoryFiles, at: string) => void,
): number {
  for (let call = 0; ; call++) {
    const { files } = makeStorage();
    files.fault = (_, change) => {
      if (change !== call) return undefined;
      return fault === "crash" ? { crash: true } : { code: fault };
    };
    let isOver = false;
    try {
      act(files);
      isOver = files.changes <= call;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      assert.ok(error instanceof CrashError || code === fault, `${error}`);
    }
    const at = `${fault} at call ${call}: ${files.calls.at(-1)}`;
    inspect(files.afterCrash(), at);
    inspect(files.afterPowerLoss(), `${at}, then a loss of power`);
    inspect(files.afterPowerLoss(true), `${at}, then a loss of power that keeps removals`);
    if (isOver) return call;
  }
}

for (const fault of ["crash", "EIO", "ENOSPC"] as const) {
  test(`${fault} at any call of a compaction: the state is whole, and a later compaction ends it`, (t) => {
    const { request } = makeStorage();
    const count = atEveryCall(
      fault,
      (files) => compact(machineOf(files), request),
      (left, at) => {
        const recovered = recover(left, place, null, none);
        assert.deepEqual(load(left, recovered), { seq: 20, text: STATES[20] }, at);
        const { snapshot, segments } = recovered;
        const last = segments.at(-1) as Position;
        assert.deepEqual([last.epoch, last.segment], [2, 2], at);
        compact(machineOf(left), { place, epoch: 3, snapshot, segments });
        assert.deepEqual(load(left, recover(left, place, null, none)), { seq: 20, text: STATES[20] }, at);
      },
    );
    t.diagnostic(`${count} calls, each with and without two kinds of a loss of power`);
    assert.ok(count > 10);
  });

  test(`${fault} at any call of folding everything: the state is whole, and app.db is a whole snapshot`, () => {
    const { request, last } = makeStorage();
    const everything = { ...request, segments: [...request.segments, last] };
    atEveryCall(
      fault,
      (files) => compact(machineOf(files), everything),
      (left, at) => {
        assert.deepEqual(load(left, recover(left, place, null, none)), { seq: 20, text: STATES[20] }, at);
        const copy = new MemoryFiles();
        copy.put(place.filename, left.get(place.filename));
        const adopted = recoverForHub(machineOf(copy), place, 1, { recover: "strict" }, null);
        assert.ok([5, 20].includes(adopted.seq), at);
        assert.equal(load(copy, adopted).text, STATES[adopted.seq]);
      },
    );
  });
}

test("folding everything leaves one file that is everything, and costs nothing when nothing follows it", () => {
  const { files, request, last } = makeStorage();
  compact(machineOf(files), { ...request, segments: [...request.segments, last] });
  assert.deepEqual(files.list(place.directory).sort(), [`copy.20.${HISTORY}`, "snapshot.20"]);
  const recovered = recover(files, place, null, none);
  assert.deepEqual([recovered.seq, recovered.segments], [20, []]);
  const next = { epoch: 3, segment: 1, seq: 20, time: recovered.time };
  const { end } = Segment.create(files, place, next, null, HISTORY);
  const before = files.calls.length;
  compact(machineOf(files), { place, epoch: 3, snapshot: 20, segments: [{ epoch: 3, segment: 1, offset: end }] });
  assert.ok(!files.calls.slice(before).some((call) => call.startsWith("write")));
  assert.deepEqual(files.list(place.directory).sort(), [`copy.20.${HISTORY}`, "snapshot.20"]);
});

test("a compaction of a log without a batch publishes and removes nothing", () => {
  const files = new MemoryFiles();
  const empty = writeSegment(files, 1, 1, [1, 0], null);
  assert.equal(compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [empty] }).snapshot, 0);
  assert.deepEqual(files.list(place.directory), ["log.1.1"]);
});

test("two compactions of the same segments end in the same snapshot, or the later one finds its segments compacted", () => {
  const { files, request } = makeStorage();
  const other = files.afterCrash();
  compact(machineOf(files), request);
  for (const path of other.names.keys()) if (!files.names.has(path)) files.put(path, other.get(path));
  assert.equal(compact(machineOf(files), request).snapshot, 15);
  assert.deepEqual(load(files, recover(files, place, null, none)), { seq: 20, text: STATES[20] });
  assert.ok(!files.calls.some((call) => /^(unlink|rename|write) .*snapshot\.15$/.test(call)));
  assert.throws(() => compact(machineOf(files), request), CompactedFileError);
});

test("a compaction that meets a corrupt file removes nothing", () => {
  for (const name of ["snapshot.5", "log.1.2", "log.2.1"]) {
    const { files, request } = makeStorage();
    const path = `${place.directory}/${name}`;
    const content = Buffer.from(files.get(path));
    content[content.length - 70] = (content[content.length - 70] as number) ^ 1;
    files.put(path, content);
    const before = files.list(place.directory).sort();
    assert.throws(() => compact(machineOf(files), request), CorruptFileError);
    assert.deepEqual(files.list(place.directory).sort(), before);
    assert.equal(files.openFiles.size, 0);
  }
});

test("a snapshot that is not what was written is not published, and nothing is removed", () => {
  const { files, request } = makeStorage();
  const before = files.list(place.directory).sort();
  const sync = files.sync.bind(files);
  files.sync = (file) => {
    const { path, inode } = files.openFiles.get(file) as { path: string; inode: { content: Buffer } };
    if (path.includes("tmp.")) inode.content[300] = (inode.content[300] as number) ^ 1;
    sync(file);
  };
  assert.throws(() => compact(machineOf(files), request), CorruptFileError);
  assert.deepEqual(files.list(place.directory).sort(), before);
});

test("to a compaction entries that cannot be read are corrupt", () => {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 5], null);
  const path = `${place.directory}/log.1.1`;
  const stamp = { epoch: 1, seq: 6, time: 2_000_000, origin: 1, born: 1, number: 1 };
  const malformed = encodeFrame(BATCH, stamp, Buffer.from([9, 0, 0, 0, 1]));
  files.put(path, Buffer.concat([files.get(path), malformed]));
  const segments = [{ ...first, offset: first.offset + malformed.length }];
  assert.throws(() => compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments }), CorruptFileError);
  assert.deepEqual(files.list(place.directory), ["log.1.1"]);
});

test("what the newest segment alone holds is folded by the last member", () => {
  const { files, request } = makeStorage();
  compact(machineOf(files), request);
  const segments = recover(files, place, null, none).segments.slice(-1);
  compact(machineOf(files), { place, epoch: 2, snapshot: 15, segments });
  assert.deepEqual(files.list(place.directory).sort(), [`copy.20.${HISTORY}`, "snapshot.20"]);
});

test("the last member does not take a corrupt snapshot for the whole state", () => {
  const { files, request, last } = makeStorage();
  compact(machineOf(files), { ...request, segments: [...request.segments, last] });
  const { end } = Segment.create(files, place, { epoch: 3, segment: 1, seq: 20, time: 2_000_000 }, null, HISTORY);
  const content = Buffer.from(files.get(snapshotPath(place, 20)));
  content[300] = (content[300] as number) ^ 1;
  files.put(snapshotPath(place, 20), content);
  const segments = [{ epoch: 3, segment: 1, offset: end }];
  assert.throws(() => compact(machineOf(files), { place, epoch: 3, snapshot: 20, segments }), CorruptFileError);
  assert.deepEqual(files.list(place.directory).sort(), [`copy.20.${HISTORY}`, "log.3.1", "snapshot.20"]);
});

test("what a snapshot covers does not include newer snapshots", () => {
  const { files, request } = makeStorage();
  compact(machineOf(files), request);
  files.put(snapshotPath(place, 99), Buffer.alloc(1));
  removeCovered(files, place, 15, []);
  assert.deepEqual(files.list(place.directory).sort(), [`copy.15.${HISTORY}`, "log.2.2", "snapshot.15", "snapshot.99"]);
});

test("a snapshot is cut into frames of bounded size, and a long value into one of its own", () => {
  const files = new MemoryFiles();
  const entries = Array.from({ length: 3000 }, (_, index) => setEntry([`k${index}`], JSON.stringify("x".repeat(300))));
  entries.push(setEntry(["long"], JSON.stringify("y".repeat(2_000_000))));
  const bytes = writeSnapshot(files, "/data/s", { seq: 1, time: 1, level: 1, origins: [], history: HISTORY }, entries);
  const content = files.get("/data/s");
  assert.equal(content.length, bytes);
  const lengths = framesIn(content).map((frame) => frame.length);
  assert.ok(lengths.slice(0, -2).every((length) => length < 300 * 1024));
  assert.equal(lengths.at(-1), 56);
  assert.ok((lengths.at(-2) as number) > 2_000_000);
});

test("a value nested too deep, which decoding would not notice, stops a compaction, even if it is overwritten", () => {
  const files = new MemoryFiles();
  const deep = setEntry(["k"], `${"[".repeat(MAX_DEPTH + 1)}${"]".repeat(MAX_DEPTH + 1)}`);
  const frames = [deep, setEntry(["k"], "1")].map((entry, index) => {
    const stamp = { epoch: 1, seq: index + 1, time: 1_000_001, origin: 7, born: 1_000_000, number: index + 1 };
    return encodeEntries([entry], BATCH, stamp);
  });
  const segment = Segment.create(files, place, { epoch: 1, segment: 1, seq: 0, time: 0 }, null, HISTORY);
  assert.equal(segment.append(frames), null);
  segment.close();
  const segments = [{ epoch: 1, segment: 1, offset: segment.end }];
  assert.throws(() => compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments }), CorruptFileError);
  assert.deepEqual(files.list(place.directory), ["log.1.1"]);
});

test("where there is no room for the next snapshot, the copy makes room, and is written again", () => {
  const { files, last } = makeStorage();
  const rest = { place, epoch: 2, snapshot: 15, segments: [last] };
  compact(machineOf(files), { ...rest, snapshot: 5, segments: recover(files, place, null, none).segments.slice(0, 2) });
  let isFull = true;
  files.room = () => (isFull && files.names.has(place.filename) ? 10 : 1_000_000);
  const { snapshot, copyFailure } = runToEnd(compactAndCopy(machineOf(files), rest, true));
  assert.deepEqual([snapshot, copyFailure], [20, null]);
  assert.deepEqual(files.get(place.filename), files.get(snapshotPath(place, 20)));
  isFull = false;
});

test("without room for a snapshot nothing is begun; for the copy alone, the snapshot stays and the old copy too", () => {
  const { files, last } = makeStorage();
  const chain = recover(files, place, null, none).segments;
  compact(machineOf(files), { place, epoch: 2, snapshot: 5, segments: chain.slice(0, 2) });
  const rest = { place, epoch: 2, snapshot: 15, segments: [last] };
  const foreign = Buffer.from("somebody's, which makes no room");
  const own = files.get(place.filename);
  files.put(place.filename, foreign);
  files.room = () => 10;
  const before = files.calls.length;
  assert.throws(() => runToEnd(compactAndCopy(machineOf(files), rest, true)), { code: "ENOSPC" });
  assert.ok(!files.calls.slice(before).some((call) => call.startsWith("write")));
  assert.deepEqual(files.get(place.filename), foreign);
  files.put(place.filename, own);
  files.room = () => (files.names.has(snapshotPath(place, 20)) ? 10 : 1_000_000);
  assert.equal(runToEnd(compactAndCopy(machineOf(files), rest, true)).copyFailure?.code, "ENOSPC");
  assert.deepEqual(files.get(place.filename), own);
  assert.deepEqual(load(files, recover(files, place, null, none)), { seq: 20, text: STATES[20] });
});
