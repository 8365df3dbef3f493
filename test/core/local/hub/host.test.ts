/** The life of a hub, over files in memory: in which order it takes the seat, and what it does when that is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hubSocketsIn, seatPath, segmentPath, socketPath } from "../../../../dist/core/local/disk/file-names.js";
import { newestSeat } from "../../../../dist/core/local/election/seat.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import type {
  CompactRequest,
  CompactResult,
  HubOptions,
  HubReport,
  HubRequest,
} from "../../../../dist/core/local/machine/machine.js";
import { seqOf } from "../../../../dist/core/log/frame.js";
import { place, writeSegment } from "../disk/stored.js";
import { ManualClock, manualMachine } from "../machine/manual-machine.js";
import { ManualSockets } from "../machine/manual-sockets.js";
import { MemoryFiles } from "../machine/memory-files.js";

const OPTIONS = { persist: true, recover: "strict", fsync: "everysec", gcInterval: 10_000, stallTimeout: 5000 };

function requestBehind(epoch: number): HubRequest {
  const options = { ...OPTIONS, compactAfterBytes: 1e9, maxMemberBacklogBytes: 1e6 } as HubOptions;
  return { place, options, member: "m", epoch, position: null, time: null };
}

function stored(): MemoryFiles {
  const files = new MemoryFiles();
  writeSegment(files, 1, 1, [1, 9], null);
  files.put(seatPath(place, 1), Buffer.from("{}\n"));
  return files;
}

test("the seats below are gone before the first file of the log is opened", () => {
  const files = stored();
  const { open } = files;
  let opened = 0;
  files.open = (path, how) => {
    if (path === segmentPath(place, 1, 1)) {
      opened++;
      assert.equal(files.names.has(seatPath(place, 1)), false, "read before the fence");
    }
    return open.call(files, path, how);
  };
  const clock = new ManualClock();
  const reports: HubReport[] = [];
  startHub(manualMachine(files, clock), requestBehind(1), (report) => reports.push(report));
  clock.run();
  assert.deepEqual([reports.at(-1)?.kind, opened > 0], ["serving", true]);
});

test("a manager that is replaced as it begins to serve cleans nothing up", () => {
  for (const isReplaced of [true, false]) {
    const files = stored();
    const clock = new ManualClock();
    files.put(`${place.directory}/tmp.1.left`, Buffer.alloc(1));
    startHub(manualMachine(files, clock), requestBehind(1), ({ kind }) => {
      if (kind === "serving" && isReplaced) files.unlink(seatPath(place, 2));
    });
    clock.run();
    assert.equal(files.names.has(`${place.directory}/tmp.1.left`), isReplaced);
  }
});

test("a contender that another one was before leaves no socket", () => {
  const files = stored();
  const clock = new ManualClock();
  const reports: HubReport[] = [];
  startHub(manualMachine(files, clock), requestBehind(0), (report) => reports.push(report));
  clock.run();
  assert.deepEqual(reports, [{ kind: "replaced" }]);
  assert.deepEqual(hubSocketsIn(files.list(place.directory)), []);
});

test("a new manager removes the sockets that refuse, and leaves those that answer, or are out of reach, as they are", () => {
  const files = stored();
  const clock = new ManualClock();
  const sockets = new ManualSockets(files, clock);
  const machine = { ...manualMachine(files, clock), sockets };
  const [ended, alive, away] = ["hub.00", "hub.01", "hub.02"] as const;
  for (const name of [ended, alive, away]) sockets.serve(socketPath(place, name));
  sockets.kill(socketPath(place, ended));
  sockets.fault = (path) => (path === socketPath(place, away) ? "EACCES" : undefined);
  const hub = startHub(machine, requestBehind(1), () => {});
  clock.run();
  clock.pass(1000);
  const own = newestSeat(machine, place)?.content?.socket;
  assert.deepEqual(new Set(hubSocketsIn(files.list(place.directory))), new Set([alive, away, own]));
  hub.terminate();
});

test("what a failed sync held is compacted, again and again until that is done", () => {
  const files = stored();
  const clock = new ManualClock();
  const machine = manualMachine(files, clock);
  const ends: ((error: Error | null, result: CompactResult | null) => void)[] = [];
  Object.assign(machine.threads, {
    compact: (_: unknown, done: (typeof ends)[number]) => {
      ends.push(done);
      return () => {};
    },
  });
  const reports: HubReport[] = [];
  const hub = startHub(machine, requestBehind(1), (report) => reports.push(report));
  clock.run();
  const failed = Object.assign(new Error("EIO: fsync"), { code: "EIO" });
  let syncs = 0;
  files.syncLater = (_file, done) => clock.soon(() => done(syncs++ === 0 ? failed : null));
  Object.assign(machine.clock, { now: () => clock.time });
  // An idle hub writes an empty batch now and then, which the next pulse syncs.
  clock.pass(40_000);
  assert.ok(ends.length > 0, "no compaction was begun");
  const begun = ends.length;
  ends.at(-1)?.(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }), null);
  clock.pass(20_000);
  assert.ok(ends.length > begun, "it was not tried again");
  assert.ok(reports.some(({ kind }) => kind === "compactionFailed"));
  hub.terminate();
});

/** A host over files, which has served for a moment; null position: its process has just started. */
function served(files: MemoryFiles, position: HubRequest["position"] = null, epoch = 1) {
  const clock = new ManualClock();
  const reports: HubReport[] = [];
  const compactions: CompactRequest[] = [];
  const machine = manualMachine(files, clock);
  Object.assign(machine.threads, { compact: (request: CompactRequest) => void compactions.push(request) });
  startHub(machine, { ...requestBehind(epoch), position }, (report) => reports.push(report));
  clock.run();
  return { clock, kinds: () => reports.map(({ kind }) => kind), reports, compactions };
}

test("a start brings the copy of a small storage up to date before the hub serves", () => {
  const files = stored();
  const { kinds } = served(files);
  assert.deepEqual(kinds(), ["compacted", "serving"]);
  assert.equal(seqOf(files.get(place.filename), 0), 9);
  const next = served(files.afterCrash(), null, 2);
  assert.deepEqual(next.kinds(), ["serving"], "a copy that has everything is left");
});

test("a manager that is to leave while it folds at its start leaves after that fold: no two folds run side by side", () => {
  const files = stored();
  const clock = new ManualClock();
  const reports: HubReport[] = [];
  const syncs: ((error: Error | null) => void)[] = [];
  files.syncLater = (_file, done) => void syncs.push(done);
  files.syncDirectoryLater = (_path, done) => done(null);
  const hub = startHub(manualMachine(files, clock), requestBehind(1), (report) => reports.push(report), false);
  const isFolding = () => files.names.has(segmentPath(place, 2, 1)) && syncs.length > 0;
  for (clock.run(); !isFolding(); clock.run()) syncs.shift()?.(null);
  assert.deepEqual(reports, []);
  hub.close(false, false);
  clock.run();
  assert.equal(syncs.length, 1);
  for (let end = syncs.shift(); end !== undefined; end = syncs.shift()) {
    end(null);
    clock.run();
  }
  assert.deepEqual(
    reports.map(({ kind }) => kind),
    ["compacted", "serving", "ended"],
  );
  assert.equal(seqOf(files.get(place.filename), 0), 9);
  assert.deepEqual([files.openFiles.size, clock.timerCount], [0, 0]);
});

test("a manager that takes over serves at once, and sees to the copy later", () => {
  const files = stored();
  const offset = files.get(segmentPath(place, 1, 1)).length;
  const { kinds, clock, compactions } = served(files, { epoch: 1, segment: 1, offset, seq: 9, time: 1_000_009 });
  assert.deepEqual(kinds(), ["serving"]);
  clock.pass(4900);
  assert.equal(compactions.length, 0);
  clock.pass(200);
  assert.deepEqual(
    compactions.map(({ copies, segments }) => [copies, segments.length]),
    [[true, 1]],
  );
});

test("a copy that cannot be written at the start stops nothing, and is reported", () => {
  const files = stored();
  // The first temporary file is the seat.
  let count = 0;
  files.fault = (call, _, path) =>
    call === "write" && path.includes("/tmp.2.") && ++count > 1 ? { code: "ENOSPC" } : undefined;
  const { kinds, reports } = served(files);
  assert.deepEqual(kinds(), ["compactionFailed", "serving"]);
  assert.equal((reports[0] as { code?: string }).code, "ENOSPC");
});

test("something else at the place of the copy is reported at the start", () => {
  const files = stored();
  files.put(place.filename, Buffer.from("somebody's"));
  const { kinds, reports } = served(files);
  assert.deepEqual(kinds().slice(0, 2), ["copyFailed", "serving"]);
  assert.equal((reports[0] as { code?: string }).code, "ERR_STORAGE_COPY");
  assert.equal(files.get(place.filename).toString(), "somebody's");
});
