import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { placeOf, segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { readSegmentHead, Segment } from "../../../../dist/core/local/disk/segment.js";
import { tornPath } from "../../../../dist/core/local/disk/torn-ends.js";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { recover } from "../upkeep/at-once.js";
import { frameOf, HISTORY, load, place, statesUpTo } from "./stored.js";

const STATES = statesUpTo(20);
const START = { epoch: 1, segment: 1, seq: 0, time: 0 };
const PATH = segmentPath(place, 1, 1);
const none = () => false;

test("a new segment has its whole first frame, and a name of its own", () => {
  const files = new MemoryFiles();
  const start = { epoch: 3, segment: 2, seq: 9, time: 77 };
  const previous = { epoch: 2, segment: 8, offset: 1234 };
  const clock = { time: 1e12, wall: 1e12 - 5, monotonic: 1e7, suspended: null, domain: "boot" };
  const segment = Segment.create(files, place, start, previous, HISTORY, clock);
  const path = segmentPath(place, 3, 2);
  assert.deepEqual(files.get(path), segment.head);
  const head = readSegmentHead(files, files.open(path, "read"), path, { epoch: 3, segment: 2 });
  const frame = { offset: segment.end, bytes: segment.end, crc: segment.head.readUInt32LE(4) };
  assert.deepEqual(head, { start: { ...start, ...frame }, previous, history: HISTORY, clock });
  assert.throws(() => Segment.create(files, place, start, previous, HISTORY), { code: "EEXIST" });
  assert.deepEqual(files.get(path), segment.head);
});

test("a segment that cannot be created leaves nothing", () => {
  for (const fault of [{ code: "ENOSPC" }, { takesBytes: 20 }, { takesBytes: 0 }]) {
    const files = new MemoryFiles();
    let writes = 0;
    files.fault = (call) => {
      if (call !== "write") return undefined;
      return writes++ === 0 ? fault : { code: "ENOSPC" };
    };
    assert.throws(() => Segment.create(files, place, START, null, HISTORY));
    assert.deepEqual([files.list(place.directory), files.openFiles.size], [[], 0]);
  }
});

test("short writes are continued, byte by byte if need be", () => {
  const files = new MemoryFiles();
  const segment = Segment.create(files, place, START, null, HISTORY);
  files.fault = (call) => (call === "write" ? { takesBytes: 1 } : undefined);
  assert.equal(segment.append([frameOf(1, 1), Buffer.alloc(0), frameOf(2, 1)]), null);
  assert.equal(segment.end, files.get(PATH).length);
  assert.deepEqual(load(files, recover(files.afterCrash(), place, null, none)).text, STATES[2]);
});

test("wherever the disk gets full, whole frames stay, the fragment goes, and appending goes on later", (t) => {
  const frames = [1, 2, 3, 4].map((seq) => frameOf(seq, 1));
  const total = frames.reduce((sum, { length }) => sum + length, 0);
  for (const buffers of [frames, [Buffer.concat(frames)], [frames[0] as Buffer, Buffer.concat(frames.slice(1))]]) {
    for (let room = 0; room < total; room++) {
      const files = new MemoryFiles();
      const segment = Segment.create(files, place, START, null, HISTORY);
      const before = segment.end;
      let left = room;
      files.fault = (call) => {
        if (call !== "write") return undefined;
        const takesBytes = left;
        left = 0;
        return takesBytes > 0 ? { takesBytes } : { code: "ENOSPC" };
      };
      assert.equal((segment.append(buffers) as NodeJS.ErrnoException).code, "ENOSPC");
      let whole = 0;
      let bytes = 0;
      while (bytes + (frames[whole] as Buffer).length <= room) bytes += (frames[whole++] as Buffer).length;
      assert.equal(segment.end - before, bytes, `room for ${room}`);
      assert.equal(files.get(PATH).length, segment.end);
      assert.equal(segment.hasTornEnd, false);
      files.fault = null;
      assert.equal(segment.append(frames.slice(whole)), null);
      assert.equal(recover(files, place, null, none).seq, 4);
    }
  }
  t.diagnostic(`${3 * total} places where the disk got full`);
});

test("a fragment that cannot be cut off is a torn end of the segment, and recovery cuts it", () => {
  const files = new MemoryFiles();
  const segment = Segment.create(files, place, START, null, HISTORY);
  assert.equal(segment.append([frameOf(1, 1)]), null);
  let writes = 0;
  files.fault = (call) => (call === "write" && writes++ === 0 ? { takesBytes: 30 } : { code: "EIO" });
  assert.notEqual(segment.append([frameOf(2, 1)]), null);
  assert.equal(segment.hasTornEnd, true);
  files.fault = null;
  assert.match(`${segment.append([frameOf(2, 1)])}`, /torn end/);
  assert.equal(recover(files, place, null, none).seq, 1);
  assert.equal(files.get(tornPath(place, 1, 1)).length, 30);
});

test("a failed fsync is never tried again", async () => {
  const files = new MemoryFiles();
  const segment = Segment.create(files, place, START, null, HISTORY);
  segment.append([frameOf(1, 1)]);
  files.fault = (call) => (call === "sync" ? { code: "EIO" } : undefined);
  const later = () => new Promise<Error | null>((resolve) => segment.syncLater(resolve));
  assert.equal(((await later()) as NodeJS.ErrnoException).code, "EIO");
  assert.equal(segment.hasSyncFailed, true);
  files.fault = null;
  const syncs = files.calls.length;
  assert.throws(() => segment.sync(), { code: "EIO" });
  assert.equal(((await later()) as NodeJS.ErrnoException).code, "EIO");
  assert.equal(files.calls.length, syncs);
});

test("what a failed fsync may have given up is written again, once, for a successor that syncs the segment", async () => {
  for (const how of ["sync", "syncLater"] as const) {
    const files = new MemoryFiles();
    const segment = Segment.create(files, place, START, null, HISTORY);
    files.fault = (call) => (call === "sync" ? { code: "EIO" } : undefined);
    if (how === "sync") assert.throws(() => segment.sync(), { code: "EIO" });
    else assert.ok(await new Promise((resolve) => segment.syncLater(resolve)));
    assert.deepEqual(files.calls.slice(-2), [`sync ${PATH}`, `write ${PATH}`]);
    await new Promise((resolve) => segment.syncLater(resolve));
    assert.equal(files.calls.at(-1), `write ${PATH}`);
  }
});

test("what was synced survives a loss of power, its name included", async () => {
  for (const how of ["sync", "syncLater"] as const) {
    const files = new MemoryFiles();
    const segment = Segment.create(files, place, START, null, HISTORY);
    segment.append([frameOf(1, 1)]);
    if (how === "sync") segment.sync();
    else await new Promise((resolve) => segment.syncLater(resolve));
    segment.append([frameOf(2, 1)]);
    const left = files.afterPowerLoss();
    assert.equal(recover(left, place, null, none).seq, 1);
  }
});

test("closing waits for an fsync that is under way, and can be repeated", async () => {
  const files = new MemoryFiles();
  const segment = Segment.create(files, place, START, null, HISTORY);
  const done = new Promise<Error | null>((resolve) => segment.syncLater(resolve));
  segment.close();
  segment.close();
  assert.equal(files.openFiles.size, 1);
  assert.equal(await done, null);
  assert.equal(files.openFiles.size, 0);
});

/** Appends to a real file until the disk, or the limit of the process, refuses; then cuts, and appends a small frame. */
const FILL = `
  import { diskFiles } from "${new URL("../../../../dist/core/local/machine/files.js", import.meta.url)}";
  import { placeOf } from "${new URL("../../../../dist/core/local/disk/file-names.js", import.meta.url)}";
  import { Segment } from "${new URL("../../../../dist/core/local/disk/segment.js", import.meta.url)}";
  import { frameOf, HISTORY } from "${new URL("./stored.js", import.meta.url)}";
  const place = placeOf(process.argv[1], "app");
  diskFiles.makeDirectory(place.directory);
  const segment = Segment.create(diskFiles, place, { epoch: 1, segment: 1, seq: 0, time: 0 }, null, HISTORY);
  let seq = 0;
  let error = null;
  while (error === null) {
    const frames = [1, 2, 3].map((step) => frameOf(seq + step, 1));
    const before = segment.end;
    error = segment.append(frames);
    let bytes = segment.end - before;
    for (const frame of frames) if (bytes >= frame.length) { bytes -= frame.length; seq++; }
    if (bytes !== 0) throw new Error("not whole frames");
  }
  console.log(JSON.stringify({ code: error.code, seq, end: segment.end, hasTornEnd: segment.hasTornEnd }));
`;

function fill(directory: string, prefix: string): { code: string; seq: number; end: number; hasTornEnd: boolean } {
  const script = `${prefix} exec "${process.execPath}" --input-type=module -e "$FILL" "$0"`;
  const run = spawnSync("bash", ["-c", script, directory], { env: { ...process.env, FILL }, encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

function expectWholeFrames(directory: string, { seq, end, hasTornEnd }: ReturnType<typeof fill>): void {
  const real = placeOf(directory, "app");
  const recovered = recover(diskFiles, real, null, none);
  assert.deepEqual([recovered.seq, hasTornEnd], [seq, false]);
  assert.equal(recovered.segments[0]?.offset, end);
  assert.deepEqual(diskFiles.list(real.directory), ["log.1.1"], "nothing is torn");
}

test("a real file that meets the limit of its process keeps whole frames only", (t) => {
  if (process.platform === "win32") return t.skip("no ulimit");
  const directory = mkdtempSync(join(tmpdir(), "segment-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const result = fill(directory, "ulimit -f 20;");
  assert.equal(result.code, "EFBIG");
  expectWholeFrames(directory, result);
});

test("a real full disk keeps whole frames only", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "segment-"));
  t.after(() => {
    spawnSync("umount", ["-l", directory]);
    rmSync(directory, { recursive: true });
  });
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]);
  if (mount.status !== 0) return t.skip("mounting needs privileges");
  const result = fill(directory, "");
  assert.equal(result.code, "ENOSPC");
  expectWholeFrames(directory, result);
});
