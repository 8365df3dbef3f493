/** How a storage is removed, and how a hub begins with files of no living member: the real host over files in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotsIn } from "../../../../dist/core/local/disk/file-names.js";
import { highestEpoch } from "../../../../dist/core/local/election/seat.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import type { HubHandle, HubOptions, HubReport } from "../../../../dist/core/local/machine/machine.js";
import { removeFiles } from "../../../../dist/core/local/upkeep/removal.js";
import { readTombstone } from "../../../../dist/core/local/upkeep/tombstone.js";
import { HISTORY, load, machineOf, makeStorage, place, writeSegment } from "../disk/stored.js";
import { ManualClock, manualMachine } from "../machine/manual-machine.js";
import { CrashError, MemoryFiles } from "../machine/memory-files.js";
import { compact, recover } from "./at-once.js";

/** A time after all that the storages here hold. */
const END = 100;
const none = () => false;

/** A hub that has taken the seat over what the files hold. */
class Host {
  readonly files: MemoryFiles;
  readonly clock = new ManualClock();
  readonly reports: HubReport[] = [];
  readonly hub: HubHandle;
  /** Seqs of all snapshots that were ever named. */
  readonly named = new Set<number>();

  constructor(files: MemoryFiles, persist: boolean) {
    this.files = files;
    const before = files.fault;
    files.fault = (call, change, path) => {
      if (call === "link") for (const seq of snapshotsIn([path.slice(path.lastIndexOf("/") + 1)])) this.named.add(seq);
      return before?.(call, change, path);
    };
    const machine = manualMachine(files, this.clock);
    const options = { persist, recover: "strict", fsync: "never", gcInterval: 1e6, stallTimeout: 5000 };
    const epoch = highestEpoch(machine, place);
    this.clock.time = 2_000_000;
    const request = { place, options: options as HubOptions, member: "m", epoch, position: null, time: null };
    this.hub = startHub(machine, request, (report) => this.reports.push(report));
    this.clock.run();
  }

  close(destroy: boolean): void {
    this.hub.close(destroy, false);
    this.clock.run();
  }

  get kinds(): string[] {
    return this.reports.map(({ kind }) => kind);
  }
}

function stored(): MemoryFiles {
  const files = new MemoryFiles();
  writeSegment(files, 3, 1, [1, 9], null);
  return files;
}

test("a removed storage ends after a clear, at a seq that no snapshot ever had", () => {
  const host = new Host(stored(), true);
  host.close(true);
  assert.deepEqual(host.kinds, ["compacted", "serving", "ended"]);
  assert.deepEqual(host.files.list(place.directory), []);
  const end = readTombstone(manualMachine(host.files), place);
  assert.equal(end?.seq, 11);
  assert.deepEqual(
    end?.origins.map(([, number]) => number),
    [9],
    "what its origins wrote is still known",
  );
  assert.ok(host.named.size > 0 && !host.named.has(11), `snapshots ${[...host.named]}`);
});

test("a storage that cannot be ended stays, and says why", () => {
  const host = new Host(stored(), true);
  const { fault } = host.files;
  host.files.fault = (call, change, path) =>
    call === "write" ? { code: "ENOSPC" } : (fault?.(call, change, path) ?? undefined);
  host.close(true);
  assert.deepEqual(host.reports.at(-1), {
    kind: "failed",
    code: "ERR_STORAGE_DISK",
    message: "expected a disk that takes the end of the log, got one that refuses",
  });
  host.files.fault = null;
  assert.equal(readTombstone(manualMachine(host.files), place), null);
  const next = new Host(host.files, true);
  next.close(false);
  assert.deepEqual(next.kinds, ["compacted", "serving", "ended"]);
});

test("a storage that does not persist and belongs to no living member is cleared before a member is served", () => {
  const files = stored();
  const host = new Host(files, false);
  assert.deepEqual(host.kinds, ["serving"]);
  host.hub.terminate();
  new Host(files, true).close(false);
  const [newest] = snapshotsIn(files.list(place.directory));
  assert.equal(newest, 10);
  const recovered = {
    snapshot: 10,
    snapshotBytes: 0,
    segments: [],
    seq: 10,
    time: 2_000_000_000_000,
    history: HISTORY,
    clock: null,
    clockOffsetMs: 0,
    level: 1,
    isTorn: false,
  };
  assert.equal(load(files, recovered).text, "[]");
});

test("a storage that does not persist and cannot be cleared is served to no member", () => {
  const files = stored();
  files.fault = (call, _change, path) =>
    call === "write" && path.endsWith("log.4.1") ? { code: "ENOSPC" } : undefined;
  let heads = 0;
  const refuse = files.fault;
  // Its first frame fits, the clear does not.
  files.fault = (call, change, path) =>
    path.endsWith("log.4.1") && heads++ < 2 ? undefined : refuse(call, change, path);
  const host = new Host(files, false);
  assert.deepEqual(host.kinds, ["failed"]);
  assert.equal(files.openFiles.size, 0);
});

test("a storage is removed to the last file, in an order that a joining member survives", () => {
  const { files } = makeStorage();
  for (const name of ["seat.1", "seat.2", "tmp.1.a", "claim.3"])
    files.put(`${place.directory}/${name}`, Buffer.alloc(1));
  const before = files.calls.length;
  assert.equal(
    removeFiles(files, place, END, () => true),
    true,
  );
  assert.equal(files.names.size, 0);
  const kinds = files.calls
    .slice(before)
    .map((call) => /app\.db$|log|snapshot|tmp|seat|removeDirectory/.exec(call)?.[0]);
  const order = ["app.db", "log", "snapshot", "tmp", "seat", "removeDirectory"].map((kind) => kinds.lastIndexOf(kind));
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  assert.ok(files.calls.at(-2)?.endsWith("seat.2"));
});

/** The files of a folded storage whose removal has crashed at one change. */
function removedUpTo(crashAt: number): ReturnType<typeof makeStorage>["files"] {
  const { files, request, last } = makeStorage();
  compact(machineOf(files), { ...request, segments: [...request.segments, last] });
  let change = 0;
  files.fault = () => (change++ === crashAt ? { crash: true } : undefined);
  assert.throws(() => {
    removeFiles(files, place, END, () => true);
    throw new CrashError();
  }, CrashError);
  return files;
}

test("a loss of power while a storage is removed never brings back segments without the snapshot that covers them", () => {
  for (const keepsUnlinks of [true, false]) {
    for (let crashAt = 0; crashAt < 20; crashAt++) {
      const files = removedUpTo(crashAt);
      const left = files.afterPowerLoss(keepsUnlinks);
      const { seq } = recover(left, place, null, none);
      assert.ok(seq === 20 || seq === 0, `a crash at change ${crashAt} left seq ${seq}`);
    }
  }
});

test("a loss of power while a storage is removed never brings back the copy without the log, which would be imported", () => {
  for (let crashAt = 0; crashAt < 20; crashAt++) {
    const files = removedUpTo(crashAt);
    const left = files.afterPowerLoss();
    // What was removed in the directory of the log may have reached the disk before anything else.
    for (const name of left.names.keys())
      if (name.startsWith(`${place.directory}/`) && !files.names.has(name)) left.names.delete(name);
    const isLogThere = left.list(place.directory).some((name) => /^(?:log|snapshot)\./.test(name));
    assert.ok(isLogThere || !left.names.has(place.filename), `a crash at change ${crashAt} left the copy alone`);
  }
});

test("nothing is removed any more once the seat is lost", () => {
  const { files } = makeStorage();
  let left = 2;
  assert.equal(
    removeFiles(files, place, END, () => left-- > 0),
    false,
  );
  assert.ok(files.list(place.directory).includes("snapshot.5"));
});

test("the snapshot with which a storage ends stays when another process goes on from it", () => {
  const { files } = makeStorage();
  assert.equal(
    removeFiles(files, place, 5, () => true),
    false,
  );
  assert.deepEqual(files.list(place.directory), ["snapshot.5"]);
});

test("a directory with files that are not the storage's is not removed", () => {
  const { files } = makeStorage();
  files.put(`${place.directory}/README`, Buffer.alloc(1));
  assert.equal(
    removeFiles(files, place, END, () => true),
    false,
  );
  assert.deepEqual(files.list(place.directory), ["README"]);
});
