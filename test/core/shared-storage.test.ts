import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { encodeEntries } from "../../dist/core/log/codec.js";
import { leftEntry } from "../../dist/core/log/entry.js";
import { BATCH } from "../../dist/core/log/frame.js";
import { spokenLevels } from "../../dist/core/log/levels.js";
import type { Engine, Log, LogSink } from "../../dist/core/log/log.js";
import { type ResolvedOptions, resolveOptions } from "../../dist/core/options.js";
import { SharedStorage } from "../../dist/core/shared-storage.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

test("at ready and connect the manager is known", async (t) => {
  const storage = new Storage("app", { path: temporaryDirectory(t) });
  teardown(t, () => storage.close());
  const seen: unknown[] = [];
  for (const event of ["manager", "ready", "connect"] as const) {
    storage.on(event, () => seen.push([event, storage.managerPid]));
  }
  await storage.sync();
  assert.deepEqual(seen, [
    ["manager", process.pid],
    ["ready", process.pid],
    ["connect", process.pid],
  ]);
  assert.equal(storage.isManager, true);
});

test("a storage of a file that is open in this process gets manager, ready and connect as the first one did", async (t) => {
  const path = temporaryDirectory(t);
  const first = await Storage.open("app", { path });
  teardown(t, () => first.close());
  const second = new Storage("app", { path });
  teardown(t, () => second.close());
  const events: string[] = [];
  for (const event of ["manager", "ready", "connect"] as const) second.on(event, () => events.push(event));
  await once(second, "connect");
  assert.deepEqual(events, ["manager", "ready", "connect"]);
});

/** An engine without files, whose logs the test controls. */
class EngineInHand implements Engine<ResolvedOptions> {
  /** The sinks of the logs that were opened. */
  readonly sinks: LogSink[] = [];
  readonly closed: string[] = [];
  #after: (() => void)[] = [];

  open(name: string) {
    const log: Log = {
      isPushed: false,
      readCount: 0,
      member: "me",
      open: (sink) => this.sinks.push(sink),
      append: () => {},
      barrier: () => {},
      needLevel: () => {},
      levels: spokenLevels(1),
      hold: () => {},
      close: (done) => {
        this.closed.push(name);
        done();
      },
      destroy: (done) => done(new Error("no reason")),
      stats: { epoch: 0, members: 0, bytes: 0, compactions: 0, compactionError: null, healed: 0, clockOffsetMs: 0 },
    };
    const clock = {
      now: () => 1_700_000_000_000,
      microtask: queueMicrotask,
      soon: setImmediate,
      after: (_ms: number, call: () => void) => {
        this.#after.push(call);
        return { cancel: () => (this.#after = this.#after.filter((each) => each !== call)) };
      },
    };
    return {
      key: `in hand: ${name}`,
      filename: null,
      log,
      clock,
      backup: (_file: string, _view: unknown, done: (error: Error | null) => void) => done(null),
      random: () => Buffer.alloc(7),
    };
  }

  get timerCount(): number {
    return this.#after.length;
  }

  /** All delays are over. */
  elapse(): void {
    for (const call of this.#after.splice(0)) call();
  }

  get sink(): LogSink {
    assert.equal(this.sinks.length, 1, "expected one log");
    return this.sinks[0] as LogSink;
  }
}

/** Opens a storage of an engine; its events are recorded. */
function acquire(engine: EngineInHand, options = {}) {
  const events: unknown[] = [];
  const listener = new EventEmitter();
  for (const event of ["ready", "connect", "disconnect"]) listener.on(event, () => events.push(event));
  listener.on("error", (error: NodeJS.ErrnoException) => events.push(error.code));
  return { shared: SharedStorage.acquire("app", resolveOptions(options), listener, engine), listener, events };
}

const announced = () => new Promise<void>((resolve) => setImmediate(resolve));

test("storages of equal keys of an engine share one log, which the last one closes", async () => {
  const engine = new EngineInHand();
  const [first, second] = [acquire(engine), acquire(engine)];
  assert.equal(first.shared, second.shared);
  assert.deepEqual([first.shared.filename, first.shared.isPushed], [null, false]);
  engine.sink.connected();
  await announced();
  await first.shared.release(first.listener, false);
  assert.deepEqual(engine.closed, []);
  await second.shared.release(second.listener, false);
  assert.deepEqual(engine.closed, ["app"]);
  assert.deepEqual(first.events, ["ready", "connect"]);
});

test("without a file the key of the storage is what its errors name", async () => {
  const engine = new EngineInHand();
  const { shared, listener } = acquire(engine);
  const expected = { code: "ERR_STORAGE_OPTIONS", message: /as where in hand: app was opened in this process/ };
  assert.throws(() => acquire(engine, { fsync: "never" }), expected);
  await shared.release(listener, false);
});

test("the status follows the log: opening, open, disconnected, open, failed", async () => {
  const engine = new EngineInHand();
  const { shared, events, listener } = acquire(engine);
  const statuses: string[] = [shared.status];
  const failure = new Error("no reason");
  for (const act of [
    () => engine.sink.connected(),
    () => engine.sink.disconnected(),
    () => engine.sink.connected(),
    () => engine.sink.failed(failure),
  ]) {
    act();
    await announced();
    statuses.push(shared.status);
  }
  assert.deepEqual(statuses, ["opening", "open", "disconnected", "open", "failed"]);
  assert.deepEqual(events, ["ready", "connect", "disconnect", "connect", undefined]);
  assert.equal(shared.failure, failure);
  await shared.release(listener, false);
});

test("each kind of trouble is reported once, whatever random names are in its text, and again when all was well", async () => {
  const engine = new EngineInHand();
  const { shared, events, listener } = acquire(engine);
  let count = 0;
  const full = () => Object.assign(new Error(`ENOSPC: no space left, open 'tmp.${++count}'`), { code: "ENOSPC" });
  const failing = () => Object.assign(new Error("input/output error"), { code: "EIO", syscall: "write" });
  for (const error of [full(), full(), failing(), full(), null, failing(), failing()]) engine.sink.diskTrouble(error);
  await announced();
  assert.deepEqual(events, ["ERR_STORAGE_DISK", "ERR_STORAGE_DISK", "ERR_STORAGE_DISK"]);
  await shared.release(listener, false);
});

test("closing waits for pending writes until the disk refuses them, or a delay is over", async () => {
  const engine = new EngineInHand();
  const { shared, listener } = acquire(engine);
  assert.equal(await shared.flushOrGiveUp(), null, "nothing is pending");
  shared.replica.set("key", 1);
  const late = shared.flushOrGiveUp();
  assert.equal(engine.timerCount, 1);
  engine.elapse();
  assert.match((await late)?.message ?? "", /got none for 1 writes; they are lost/);
  const refused = shared.flushOrGiveUp();
  engine.sink.diskTrouble(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
  assert.equal(((await refused) as NodeJS.ErrnoException).code, "ERR_STORAGE_DISK");
  const refusedBefore = (await shared.flushOrGiveUp()) as NodeJS.ErrnoException;
  assert.equal(refusedBefore.code, "ERR_STORAGE_DISK");
  assert.equal(engine.timerCount, 0);
  engine.sink.failed(new Error("no reason"));
  await announced();
  assert.equal(await shared.flushOrGiveUp(), null, "there is no manager to wait for");
  await assert.rejects(shared.release(listener, true), { code: "ERR_STORAGE_MANAGER" });
});

test("a member that reads in the log that it has left reports that, and one that reads of others does not", async () => {
  const engine = new EngineInHand();
  const { shared, listener, events } = acquire(engine);
  const messages: string[] = [];
  listener.on("error", ({ message }: Error) => messages.push(message));
  engine.sink.connected();
  await announced();
  events.length = 0;
  const noted = (member: string) => encodeEntries([leftEntry(member)], BATCH, { seq: ++seq, time: 1 });
  let seq = 0;
  for (const member of ["other", "me"]) {
    const frame = noted(member);
    engine.sink.batch(frame, 0, frame.length);
  }
  await announced();
  assert.deepEqual(events, ["ERR_STORAGE_UNREACHABLE"]);
  assert.match(messages[0] ?? "", /expected in hand: app to know that this process lives, got its departure/);
  assert.equal(shared.status, "open", "it goes on");
  await shared.release(listener, false);
});
