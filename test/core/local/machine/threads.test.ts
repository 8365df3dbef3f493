/** Compactions in real threads, of real files. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import workerThreadsModule from "node:worker_threads";
import { Storage } from "../../../../dist/core/index.js";
import { placeOf } from "../../../../dist/core/local/disk/file-names.js";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { CompactRequest, CompactResult } from "../../../../dist/core/local/machine/machine.js";
import { CompactorThreads, NoThreadError } from "../../../../dist/core/local/machine/threads.js";
import { temporaryDirectory, until } from "../../../proof/cluster/processes.js";
import { writeSegment } from "../disk/stored.js";
import { ManualClock } from "./manual-machine.js";

/** Longer than a thread is kept, in ms. */
const LONG_MS = 60_000;
/** What a thread takes, in ms, from the end of its work until its report is there, at most. */
const REPORT_MS = 50;

/** Threads whose clock moves only when a test moves it. */
function makeThreads(t: TestContext, keptBytes?: number) {
  const clock = new ManualClock();
  const threads = new CompactorThreads(clock, keptBytes);
  // A thread keeps no process alive.
  const alive = setInterval(() => {}, LONG_MS);
  t.after(async () => {
    clock.pass(LONG_MS);
    await until("all threads have ended", () => threadCount() === 0);
    clearInterval(alive);
  });
  return { clock, threads };
}

/** A storage of one closed segment, in a directory of its own. */
function closedStorage(t: TestContext): CompactRequest {
  const place = placeOf(temporaryDirectory(t), "app");
  mkdirSync(place.directory);
  const segments = [writeSegment(diskFiles, 1, 1, [1, 20], null, place)];
  const pin = diskFiles.pin(place.directory);
  pin.close();
  return { place, epoch: 1, snapshot: 0, segments, directoryId: pin.id, copies: true };
}

/** Begins a compaction; `stop` stops it. */
function begin(threads: CompactorThreads, request: CompactRequest) {
  let stop = () => {};
  const result = new Promise<CompactResult>((resolve, reject) => {
    stop = threads.compact(request, (error, result) => (result ? resolve(result) : reject(error)));
  });
  return { stop, result };
}

/** How many threads this process has besides its main one. */
const threadCount = () => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;

test("a thread does one compaction after the other, and ends when there was none for a while", async (t) => {
  const { clock, threads } = makeThreads(t);
  for (let round = 0; round < 3; round++) {
    assert.equal((await begin(threads, closedStorage(t)).result).snapshot, 20);
    assert.equal(threadCount(), 1);
    clock.pass(4000);
  }
  clock.pass(1000);
  assert.equal((await begin(threads, closedStorage(t)).result).snapshot, 20);
  clock.pass(LONG_MS);
  await until("the threads have ended", () => threadCount() === 0);
});

test("a thread is not let go amid the next compaction, however long that one takes", async (t) => {
  const { clock, threads } = makeThreads(t);
  await begin(threads, closedStorage(t)).result;
  const { result } = begin(threads, closedStorage(t));
  clock.pass(LONG_MS);
  assert.equal((await result).snapshot, 20);
});

test("two at once have a thread each, of which one is kept; one that fails says why", async (t) => {
  const { threads } = makeThreads(t);
  const [first, second, missing] = [closedStorage(t), closedStorage(t), closedStorage(t)];
  const both = [first, second].map((request) => begin(threads, request).result);
  for (const { snapshot } of await Promise.all(both)) assert.equal(snapshot, 20);
  await until("one of them has ended", () => threadCount() === 1);
  diskFiles.unlink(`${missing.place.directory}/log.1.1`);
  await assert.rejects(begin(threads, missing).result, /log\.1\.1/);
  await until("its thread has ended", () => threadCount() === 0);
  assert.equal((await begin(threads, closedStorage(t)).result).snapshot, 20);
});

test("a thread whose heap has become large is not kept", async (t) => {
  const { threads } = makeThreads(t, 10);
  const { bytes } = await begin(threads, closedStorage(t)).result;
  assert(bytes > 10);
  await until("the thread has ended", () => threadCount() === 0);
});

test("a compaction that is stopped reports nothing, even if it was over", async (t) => {
  const { threads } = makeThreads(t);
  const request = closedStorage(t);
  let isHeard = false;
  const stop = threads.compact(request, () => {
    isHeard = true;
  });
  while (existsSync(`${request.place.directory}/log.1.1`)); // what it removes last; the report comes, and is not read
  for (const end = Date.now() + REPORT_MS; Date.now() < end; );
  stop();
  await nextTurn();
  assert.equal((await begin(threads, closedStorage(t)).result).snapshot, 20);
  assert.equal(isHeard, false);
});

test("to stop one that is over does nothing to the next one in its thread", async (t) => {
  const { threads } = makeThreads(t);
  const first = begin(threads, closedStorage(t));
  await first.result;
  const second = begin(threads, closedStorage(t));
  first.stop();
  assert.equal((await second.result).snapshot, 20);
});

test("a thread runs no code that the environment preloads", async (t) => {
  const { threads } = makeThreads(t);
  const before = process.env.NODE_OPTIONS;
  t.after(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  });
  const preload = join(temporaryDirectory(t), "preload.cjs");
  writeFileSync(preload, "throw new Error('preloaded')");
  process.env.NODE_OPTIONS = `--require ${preload}`;
  assert.equal((await begin(threads, closedStorage(t)).result).snapshot, 20);
});

/** Lets no thread start in this process. */
function withoutThreads(t: TestContext): void {
  const { Worker } = workerThreadsModule;
  const refusing = class {
    constructor() {
      throw Object.assign(new Error("no more threads"), { code: "EAGAIN" });
    }
  };
  workerThreadsModule.Worker = refusing as unknown as typeof Worker;
  syncBuiltinESMExports();
  t.after(() => {
    workerThreadsModule.Worker = Worker;
    syncBuiltinESMExports();
  });
}

test("where no thread starts, a storage is managed in the event loop of the process, and one warning says so", async (t) => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => void warnings.push(warning);
  process.on("warning", listen);
  t.after(() => process.off("warning", listen));
  withoutThreads(t);
  for (const fsync of ["everysec", "always"] as const) {
    const path = temporaryDirectory(t);
    const storage = await Storage.open("app", { path, fsync });
    storage.set("key", fsync);
    await storage.flush();
    assert.equal(storage.isManager, true);
    await storage.close();
    const again = await Storage.open("app", { path, fsync });
    assert.equal(again.get("key"), fsync);
    await again.destroy();
    assert.equal(existsSync(`${path}/app.db.d`), false);
  }
  await nextTurn();
  const codes = warnings.map((warning) => (warning as NodeJS.ErrnoException).code);
  assert.deepEqual(codes, ["CLUSTER_STORAGE_NO_THREADS"]);
  assert.match(warnings[0]?.message ?? "", /no more threads/);
});

test("a compaction for which no thread starts reports that, so that the hub does it itself", async (t) => {
  withoutThreads(t);
  const clock = new ManualClock();
  const { result } = begin(new CompactorThreads(clock), closedStorage(t));
  clock.run();
  await assert.rejects(result, NoThreadError);
});
