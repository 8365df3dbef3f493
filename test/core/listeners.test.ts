/** What listeners of an application do, and what the others and the storage notice of it: nothing. */
import assert from "node:assert/strict";
import { EventEmitter, errorMonitor } from "node:events";
import { type TestContext, test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { emitEach, Listeners, type StorageListener } from "../../dist/core/listeners.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

/** The exceptions that nobody catches from now on until the end of the test. */
function uncaught(t: TestContext): Error[] {
  const errors: Error[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  return errors;
}

/** An emitter with the `emit` of a storage. */
class Emitter extends EventEmitter {}
Object.defineProperty(Emitter.prototype, "emit", { value: emitEach });

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function mine(): never {
  throw new Error("mine");
}

test("a listener that throws keeps an event from no other listener; what it threw is uncaught, with its own stack", async (t) => {
  const errors = uncaught(t);
  const emitter = new Emitter();
  const heard: unknown[] = [];
  emitter.on("change", (change) => heard.push(change));
  emitter.on("change", mine);
  emitter.once("change", mine);
  emitter.on("change", function (this: unknown) {
    heard.push(this === emitter);
  });
  assert.equal(emitter.emit("change", 1), true);
  assert.deepEqual([heard, errors], [[1, true], []], "the caller goes on first");
  await settled();
  assert.deepEqual(
    errors.splice(0).map(({ message, stack }) => [message, /mine \(/.test(stack as string)]),
    [
      ["mine", true],
      ["mine", true],
    ],
  );
  emitter.emit("change", 2);
  await settled();
  assert.deepEqual([heard, errors.length], [[1, true, 2, true], 1], "once is once, also when it throws");
});

test("listeners that are added while an event is emitted do not get it; those that are removed still do, as Node.js has it", () => {
  const emitter = new Emitter();
  const heard: string[] = [];
  const last = () => heard.push("last");
  emitter.once("ready", () => {
    heard.push("first");
    emitter.off("ready", last);
    emitter.on("ready", () => heard.push("added"));
    emitter.emit("ready");
  });
  emitter.on("ready", last);
  emitter.emit("ready");
  assert.deepEqual(heard, ["first", "added", "last"]);
});

test("an event that is none of a storage, or that nobody listens to, is emitted as Node.js does", () => {
  const emitter = new Emitter();
  emitter.on("own", mine);
  assert.throws(() => emitter.emit("own"), /mine/);
  assert.equal(emitter.emit("ready"), false);
  assert.throws(() => emitter.emit("error", new RangeError("no listener")), RangeError);
});

test("listeners of errors may throw too; those that only watch errors are called first", async (t) => {
  const errors = uncaught(t);
  const emitter = new Emitter();
  const heard: string[] = [];
  emitter.on("error", () => heard.push("listener"));
  emitter.on(errorMonitor, () => heard.push("monitor"));
  emitter.prependListener(errorMonitor, mine);
  emitter.prependListener("error", mine);
  emitter.emit("error", new Error("trouble"));
  await settled();
  assert.deepEqual(
    [heard, errors.map(({ message }) => message)],
    [
      ["monitor", "listener"],
      ["mine", "mine"],
    ],
  );
});

test("what an asynchronous listener rejects with is an event error where the application asks for that", async (t) => {
  const errors = uncaught(t);
  EventEmitter.captureRejections = true;
  t.after(() => {
    EventEmitter.captureRejections = false;
  });
  const emitter = new Emitter();
  emitter.on("change", async () => mine());
  emitter.emit("change", 1);
  await settled();
  assert.equal(errors.splice(0)[0]?.message, "mine", "without a listener of errors it is uncaught");
  emitter.on("error", (error) => {
    errors.push(error);
    throw error;
  });
  emitter.emit("change", 2);
  await settled();
  assert.deepEqual(
    errors.map(({ message }) => message),
    ["mine", "mine"],
  );
  const own: unknown[] = [];
  Object.assign(emitter, {
    [EventEmitter.captureRejectionSymbol]: (error: Error, ...event: unknown[]) => own.push(error.message, ...event),
  });
  emitter.emit("change", 3);
  await settled();
  assert.deepEqual(own, ["mine", "change", 3]);
});

const MANAGER = { pid: 1, isHere: false };

/** Two storages of one file of which the first one's listeners throw, and what the second one hears. */
function pair() {
  const listeners = new Listeners();
  const heard: unknown[] = [];
  const throwing: StorageListener = { emit: mine, listenerCount: () => 1 };
  const hearing: StorageListener = { emit: (event) => heard.push(event) > 0, listenerCount: () => 1 };
  listeners.add(throwing);
  listeners.add(hearing);
  return { listeners, heard, throwing, hearing };
}

test("a storage whose listeners throw keeps no event from the other storages of its file", async (t) => {
  const errors = uncaught(t);
  const { listeners, heard } = pair();
  listeners.managerChanged(MANAGER);
  listeners.connected(MANAGER);
  listeners.emit("change", { type: "clear", path: [] });
  listeners.emit("expire", { path: [] });
  listeners.emit("disconnect");
  listeners.reloaded();
  listeners.connected(MANAGER);
  listeners.report(new Error("trouble"));
  const expected = ["manager", "ready", "connect", "change", "expire", "disconnect", "reload", "connect", "error"];
  assert.deepEqual(heard, expected);
  await settled();
  assert.equal(errors.length, expected.length);
});

test("a storage that comes while an event is emitted is welcomed as others; one that leaves meanwhile hears no more", () => {
  const { listeners, heard, throwing, hearing } = pair();
  listeners.delete(throwing);
  const late: unknown[] = [];
  const comer: StorageListener = { emit: (event) => late.push(event) > 0, listenerCount: () => 1 };
  const opener: StorageListener = {
    emit: (event) => {
      if (event === "ready") listeners.add(comer);
      if (event === "disconnect") listeners.delete(hearing);
      return true;
    },
    listenerCount: () => 0,
  };
  listeners.delete(hearing);
  listeners.add(opener);
  listeners.add(hearing);
  listeners.connected(MANAGER);
  assert.deepEqual([heard, late], [["manager", "ready", "connect"], []]);
  listeners.welcome(comer, MANAGER);
  listeners.welcome(comer, MANAGER);
  assert.deepEqual(late, ["manager", "ready", "connect"], "once");
  listeners.emit("disconnect");
  assert.deepEqual([heard.length, late.length], [3, 4]);
});

test("a storage that comes before the first connection learns the manager that the others knew", () => {
  const { listeners, heard, throwing } = pair();
  listeners.delete(throwing);
  listeners.managerChanged(MANAGER);
  const late: unknown[] = [];
  listeners.add({ emit: (event) => late.push(event) > 0, listenerCount: () => 1 });
  listeners.reloaded();
  listeners.connected(MANAGER);
  assert.deepEqual(
    [heard, late],
    [
      ["manager", "ready", "connect"],
      ["manager", "ready", "connect"],
    ],
  );
});

test("storages whose listeners throw at every event work, and close, with all that was written", async (t) => {
  const errors = uncaught(t);
  const path = temporaryDirectory(t);
  const storages = [new Storage("app", { path }), new Storage("app", { path })];
  for (const storage of storages) teardown(t, () => storage.close());
  const [throwing, hearing] = storages as [Storage, Storage];
  const heard: string[] = [];
  for (const event of ["ready", "connect", "manager", "change", "expire"] as const) {
    throwing.on(event, mine);
    for (const storage of storages) storage.on(event, () => heard.push(event));
  }
  await throwing.sync();
  throwing.set("key", 1);
  hearing.set("key", 2);
  throwing.set("short", 1, 1);
  await Promise.all(storages.map((storage) => storage.flush()));
  await until("the expiry", () => {
    hearing.increment("ticks").catch(() => {}); // log time moves on
    return heard.includes("expire");
  });
  await hearing.flush();
  await until("all changes", () => heard.filter((event) => event === "change").length % 2 === 0);
  assert.deepEqual(heard.slice(0, 8), [
    "manager",
    "manager",
    "ready",
    "connect",
    "ready",
    "connect",
    "change",
    "change",
  ]);
  assert.ok(errors.length >= 8, "one of each event that was emitted");
  assert.ok(errors.every(({ message, stack }) => message === "mine" && /mine \(/.test(stack as string)));
  assert.equal(throwing.get("key"), 2);
  await Promise.all(storages.map((storage) => storage.close()));
  await settled();
});

test("a listener may close its storage: the others of the file go on, and it hears nothing after its end", async (t) => {
  const path = temporaryDirectory(t);
  const [closing, other] = [new Storage("app", { path }), new Storage("app", { path })];
  teardown(t, () => closing.close());
  teardown(t, () => other.close());
  const heard: string[] = [];
  let closed: Promise<void> | undefined;
  closing.on("ready", () => {
    closed = closing.close();
  });
  closing.on("ready", () => heard.push("its ready"));
  other.on("ready", () => heard.push("ready"));
  await other.sync();
  await until("both events", () => heard.length === 2);
  await closed;
  closing.on("change", () => heard.push("its change"));
  other.on("change", () => heard.push("change"));
  other.set("key", 1);
  await other.flush();
  await settled();
  assert.deepEqual(heard, ["its ready", "ready", "change"]);
});
