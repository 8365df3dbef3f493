/** The life of a hub, over files in memory: in which order it takes the seat, and what it does when that is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hubSocketsIn, seatPath, segmentPath, socketPath } from "../../../../dist/core/local/disk/file-names.js";
import { newestSeat } from "../../../../dist/core/local/election/seat.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import type { CompactResult, HubOptions, HubReport, HubRequest } from "../../../../dist/core/local/machine/machine.js";
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
  assert.deepEqual([reports[0]?.kind, opened > 0], ["serving", true]);
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
