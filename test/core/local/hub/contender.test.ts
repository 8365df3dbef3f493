/** How a contender gives way to a member that holds more of the log than the files do, over files in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatPath, segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { MemberSocket, memberPath, newMember } from "../../../../dist/core/local/election/member-socket.js";
import { startHub } from "../../../../dist/core/local/hub/host.js";
import type { Held } from "../../../../dist/core/local/machine/healing.js";
import type { HubOptions, HubReport, LogPosition } from "../../../../dist/core/local/machine/machine.js";
import { timeOf } from "../../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import { framesIn, HISTORY, machineOf, place, writeSegment } from "../disk/stored.js";
import { manualParts, moveDirectory } from "../machine/manual-machine.js";
import type { MemoryFiles } from "../machine/memory-files.js";
import { compact } from "../upkeep/at-once.js";

const OPTIONS = {
  persist: true,
  recover: "strict",
  fsync: "everysec",
  gcInterval: 10_000,
  stallTimeout: 5000,
  compactAfterBytes: 1e9,
  levels: spokenLevels(1),
  maxMemberBacklogBytes: 1e6,
} as HubOptions;

/** A log of 9 batches, the manager of which has died, and what a contender reports about it. */
function scene(options: Partial<HubOptions> = {}) {
  const { files, clock, sockets, machine } = manualParts();
  const end = writeSegment(files, 1, 1, [1, 9], null);
  files.put(seatPath(place, 1), Buffer.from("{}\n"));
  const path = segmentPath(place, 1, 1);
  return {
    files,
    clock,
    end,
    path,
    sockets,
    machine,
    /** Adds a member that holds this. */
    join(held: Held | null): void {
      new MemberSocket(machine, place, newMember(machine, place), () => held).enter(() => {});
      clock.run();
    },
    /** The reports of a contender whose member has applied the log up to a position, after so many ms. */
    contend(position: LogPosition | null = null, ms = 1000, at = place): HubReport["kind"][] {
      const reports: HubReport["kind"][] = [];
      const request = { place: at, options: { ...OPTIONS, ...options }, member: "m", epoch: 1, position, time: null };
      const hub = startHub(machine, request, ({ kind }) => reports.push(kind));
      for (let passed = 0; passed < ms; passed += 10) clock.pass(10);
      hub.terminate();
      return reports;
    },
  };
}

const HELD: Held = { epoch: 1, seq: 9, history: HISTORY };

/** All that has to do with the log, which a contender that gives way must not change. */
const logOf = (files: MemoryFiles) => files.list(place.directory).filter((name) => /^(log|snapshot)\./.test(name));

test("a contender takes over what the files hold where no member holds more", () => {
  const { join, contend } = scene();
  join(HELD);
  join({ ...HELD, seq: 3 });
  join(null);
  assert.equal(contend().at(-1), "serving");
});

test("a first segment that looks as if it had never begun is left to a member that holds what was in it", () => {
  for (const damage of ["removed", "cut", "zeros"]) {
    const { files, path, join, contend } = scene();
    if (damage === "removed") files.unlink(path);
    else files.put(path, Buffer.alloc(damage === "cut" ? 10 : 300));
    join(HELD);
    const before = logOf(files);
    assert.deepEqual(contend(), ["behind"], damage);
    assert.deepEqual(logOf(files), before, "nothing was begun");
  }
});

test("a log whose end was cut at a frame is left to a member that holds what followed, by a contender that holds less too", () => {
  for (const position of [null, { epoch: 1, segment: 1, offset: 0, seq: 0, time: 0, history: HISTORY }]) {
    const { join, contend } = scene();
    join({ ...HELD, seq: 10 });
    assert.deepEqual(contend(position), ["behind"]);
  }
});

test("where a process that held nothing has begun a log without a batch, one of those that hold the same takes over", () => {
  const contendWith = (position: LogPosition | null) => {
    const { files, path, join, contend } = scene();
    files.unlink(path);
    writeSegment(files, 1, 1, [1, 0], null, place, "f".repeat(32));
    join(HELD);
    return contend(position);
  };
  const position = { epoch: 1, segment: 1, offset: 900, seq: 9, time: 1_000_009, history: HISTORY };
  assert.deepEqual(contendWith(position).slice(0, 2), ["damaged", "heal"], "each would wait for the other one forever");
  assert.deepEqual(contendWith(null), ["behind"]);
});

test("nobody is waited for where nothing is held: a manager may have died before it wrote anything", () => {
  const { files, path, join, contend } = scene();
  files.unlink(path);
  join(null);
  assert.equal(contend(null, 100).at(-1), "serving");
});

test("a directory that was moved away from the members which hold more is opened: they take no seat there", () => {
  const { files, join, contend } = scene();
  join({ ...HELD, seq: 12 });
  const directory = "/data/away";
  moveDirectory(files, place.directory, directory);
  assert.equal(contend(null, 1000, { ...place, directory }).at(-1), "serving");
});

test("a copy is not begun with where a member holds more", () => {
  const { files, end, join, contend } = scene();
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [end] });
  for (const name of logOf(files)) files.unlink(`${place.directory}/${name}`);
  assert(files.names.has(place.filename));
  join({ ...HELD, seq: 12 });
  assert.deepEqual(contend(), ["behind"]);
});

test("corrupt files are neither salvaged nor reported as lost where a member holds what they held", () => {
  for (const recover of ["strict", "salvage"] as const) {
    const { files, path, join, contend } = scene({ recover });
    const bytes = Buffer.from(files.names.get(path)?.content ?? []);
    bytes[200] = (bytes[200] as number) ^ 1;
    files.put(path, bytes);
    join(HELD);
    assert.deepEqual(contend(), ["behind"], recover);
  }
});

test("the first frame of the newest segment is damaged: a member that is in it reads what follows its position, which nobody else may hold", () => {
  /** @param late ms by which the batch before its position was later than it knows. */
  const contend = (hasPosition: boolean, late = 0) => {
    const { files, path, contend } = scene();
    const bytes = Buffer.from(files.get(path));
    const frames = framesIn(bytes).slice(0, 6);
    const last = frames[5] as Buffer;
    const offset = frames.reduce((sum, { length }) => sum + length, 0);
    const place = { epoch: 1, segment: 1, offset, seq: 5, time: timeOf(last, 0) - late, bytes: last.length };
    bytes[20] = (bytes[20] as number) ^ 1;
    files.put(path, bytes);
    return { files, reports: contend(hasPosition ? { ...place, history: HISTORY } : null) };
  };
  assert.deepEqual(contend(false).reports, ["failed"], "one that holds nothing needs it");
  assert.deepEqual(contend(true, 1).reports, ["failed"], "so does one of another history");
  const { files, reports } = contend(true);
  assert.deepEqual(reports.slice(0, 2), ["serving", "damaged"]);
  assert(logOf(files).includes("log.2.1"));
});

test("a frozen process may hold what was in a segment that looks as if it had never begun: it is waited for", () => {
  const { files, path, sockets, machine, contend } = scene();
  files.unlink(path);
  sockets.serve(memberPath(place, newMember(machine, place)), () => ({ data: () => {}, closed: () => {} }));
  const reports = contend(null, 2000);
  assert.deepEqual(new Set(reports), new Set(["reading"]), "and the process of the contender sees that it gets on");
});

test("a contender that cannot look whether the log goes on after what its member holds fails, and does not end its thread", () => {
  const { files, path, contend } = scene();
  files.put(path, Buffer.alloc(300, 1));
  const { list } = files;
  let isMet = false;
  files.open = ((open) => (file: string, how: Parameters<typeof open>[1]) => {
    isMet ||= file === path;
    return open.call(files, file, how);
  })(files.open);
  files.list = (directory) => {
    if (isMet) throw Object.assign(new Error("EIO: list"), { code: "EIO" });
    return list.call(files, directory);
  };
  const position = { epoch: 1, segment: 1, offset: 0, seq: 9, time: 1_000_009, history: HISTORY };
  assert.deepEqual(contend(position), ["failed"]);
});
