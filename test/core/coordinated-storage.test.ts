/** What users see of updates, takes and watches: arguments that are checked, listeners, iterations, and their ends. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Storage, StorageWatchEvent } from "../../dist/core/index.js";
import { WatchIterator } from "../../dist/core/watch-iterator.js";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";

const text = ({ type, key, value }: StorageWatchEvent): string => `${type} ${key} ${JSON.stringify(value)}`;

/** The exceptions that nobody catches from now on until the end of the test. */
function uncaught(t: TestContext): Error[] {
  const errors: Error[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  return errors;
}

test("what is wrong with a call throws at once, and says what was expected", async (t) => {
  const storage = (await new Home(t).open()) as Storage &
    Record<"publish" | "subscribe" | "update" | "watch", (...args: unknown[]) => unknown>;
  for (const fn of [undefined, null, 5, "text", {}])
    assert.throws(() => storage.update("n", fn), /^TypeError: expected a function, got \w+$/);
  for (const options of [null, 5, []])
    assert.throws(() => storage.update("n", () => 1, options), /^TypeError: expected options as an object, got \w+$/);
  assert.throws(
    () => storage.update("n", () => 1, { tll: 5 }),
    /^TypeError: expected one of the options ttl, signal, got "tll"; did you mean ttl\?$/,
  );
  for (const signal of [5, {}, "abort", null])
    assert.throws(() => storage.update("n", () => 1, { signal }), /^TypeError: expected signal to be an AbortSignal/);
  for (const prefix of [undefined, null, 5, ["a"]])
    assert.throws(() => storage.watch(prefix, () => {}), /^TypeError: expected a prefix as a string/);
  for (const listener of [5, "text", null]) assert.throws(() => storage.watch("a", listener), TypeError);
  assert.throws(() => storage.watch("a", {}, {}), /^TypeError: expected a function/);
  assert.throws(() => storage.watch("a", () => {}, { initial: 1 }), /^TypeError: expected initial to be true or false/);
  assert.throws(() => storage.watch("a", () => {}, { maxBuffered: 1 }), /^TypeError: expected one of the options/);
  for (const maxBuffered of ["5", null]) assert.throws(() => storage.watch("a", { maxBuffered }), TypeError);
  for (const maxBuffered of [0, -1, 1.5, Number.NaN])
    assert.throws(() => storage.watch("a", { maxBuffered }), /^RangeError: expected maxBuffered to be a whole number/);
  for (const channel of [undefined, null, 5, ["a"]])
    assert.throws(() => storage.publish(channel, 1), /^TypeError: expected a channel as a string, got \w+$/);
  assert.throws(() => storage.publish("a", undefined), TypeError);
  for (const prefix of [undefined, null, 5]) assert.throws(() => storage.subscribe(prefix, () => {}), TypeError);
  for (const listener of [undefined, {}]) assert.throws(() => storage.subscribe("a", listener), TypeError);
  assert.throws(() => storage.subscribe("a", () => {}, { initial: true }), /^TypeError: expected one of the options/);
  assert.equal(storage.stats().pending, 0);
});

test("an update inside of a batch is refused, and the batch goes on without it", async (t) => {
  const storage = await new Home(t).open();
  storage.batch(() => {
    storage.set("a", 1);
    assert.throws(() => storage.update("a", () => 2), /^TypeError: expected update outside of batch\(fn\)/);
  });
  await storage.flush();
  assert.equal(storage.get("a"), 1);
});

test("take is part of its batch, and a batch that fails takes nothing", async (t) => {
  const storage = await new Home(t).open();
  storage.set("code", 1);
  let taken: Promise<unknown> = Promise.resolve();
  const failing = () =>
    storage.batch(() => {
      taken = storage.take("code");
      throw new Error("no");
    });
  assert.throws(failing, /^Error: no$/);
  await assert.rejects(taken, /^Error: no$/);
  assert.equal(storage.get("code"), 1);
  storage.batch(() => {
    taken = storage.take("code");
  });
  assert.equal(await taken, 1);
});

test("a listener that throws misses nothing, and no other one does; what it threw is uncaught", async (t) => {
  const errors = uncaught(t);
  const storage = await new Home(t).open();
  const [seen, others]: [string[], string[]] = [[], []];
  storage.watch("", (event) => {
    seen.push(text(event));
    throw new Error("mine");
  });
  storage.watch("", (event) => others.push(text(event)));
  storage.set("a", 1);
  storage.set("b", 2);
  await storage.flush();
  await until("both are reported", () => others.length === 2 && errors.length === 2);
  assert.deepEqual(
    [seen, others],
    [
      ["set a 1", "set b 2"],
      ["set a 1", "set b 2"],
    ],
  );
  assert.deepEqual(
    errors.map(({ message }) => message),
    ["mine", "mine"],
  );
});

test("a listener may read, write and end its own watch, and sees all of a batch", async (t) => {
  const storage = await new Home(t).open();
  const seen: unknown[] = [];
  const end = storage.watch("a", () => {
    seen.push(storage.get("a"), storage.get("b"));
    storage.set("a", 3);
    end();
  });
  storage.batch(() => {
    storage.set("a", 1);
    storage.set("b", 2);
  });
  await storage.flush();
  await storage.flush();
  assert.deepEqual(seen, [1, 2]);
});

test("messages: a listener that throws misses none, and its end is what it returned, its signal, or the end of the storage", async (t) => {
  const errors = uncaught(t);
  const home = new Home(t);
  const [storage, other] = [await home.open(), await home.open()];
  const seen: string[] = [];
  const controller = new AbortController();
  storage.subscribe("", ({ data }) => seen.push(`signal ${data}`), { signal: controller.signal });
  storage.subscribe("", ({ data }) => seen.push(`aborted ${data}`), { signal: AbortSignal.abort() });
  const end = storage.subscribe("", ({ data }) => {
    seen.push(`end ${data}`);
    throw new Error("mine");
  });
  storage.subscribe("", ({ data }) => seen.push(`close ${data}`));
  for (const [data, act] of [
    ["a", () => controller.abort()],
    ["b", () => end()],
    ["c", () => storage.close()],
  ] as const) {
    await other.publish("channel", data);
    await act();
  }
  await other.publish("channel", "d");
  assert.deepEqual(seen, ["signal a", "end a", "close a", "end b", "close b", "close c"]);
  await until("what it threw is reported", () => errors.length === 2);
});

test("the end of a watch: by what it returned, by a signal, and by closing the storage", async (t) => {
  const home = new Home(t);
  const [storage, other] = [await home.open(), await home.open()];
  const seen: string[] = [];
  const controller = new AbortController();
  storage.watch("", (event) => seen.push(`signal ${text(event)}`), { signal: controller.signal });
  storage.watch("", (event) => seen.push(`aborted ${text(event)}`), { signal: AbortSignal.abort() });
  const end = storage.watch("", (event) => seen.push(`end ${text(event)}`));
  storage.watch("", (event) => seen.push(`close ${text(event)}`));
  for (const [key, act] of [
    ["a", () => controller.abort()],
    ["b", () => end()],
    ["c", () => storage.close()],
    ["d", () => end()],
  ] as const) {
    other.set(key, 1);
    await other.flush();
    await act();
  }
  await other.flush();
  const a = ["signal set a 1", "end set a 1", "close set a 1"];
  assert.deepEqual(seen, [...a, "end set b 1", "close set b 1", "close set c 1"]);
});

test("changes can be iterated, from what is there on, until the loop leaves", async (t) => {
  const storage = await new Home(t).open();
  storage.set("a", 1);
  await storage.flush();
  const seen: string[] = [];
  const iterating = (async () => {
    for await (const event of storage.watch("", { initial: true })) {
      seen.push(text(event));
      if (event.key === "c") break;
    }
  })();
  storage.set("b", 2);
  await storage.flush();
  storage.delete("a");
  storage.set("c", 3);
  await iterating;
  assert.deepEqual(seen, ["set a 1", "set b 2", "delete a null", "set c 3"]);
});

test("an iteration ends when the storage is closed, and throws the reason when its signal is aborted", async (t) => {
  const home = new Home(t);
  const [storage, other] = [await home.open(), await home.open()];
  const reason = new Error("enough");
  const controller = new AbortController();
  const aborting = storage.watch("", { signal: controller.signal });
  const closing = storage.watch("");
  other.set("a", 1);
  await other.flush();
  controller.abort(reason);
  assert.equal((await aborting.next()).value?.key, "a", "what has come is read first");
  await assert.rejects(aborting.next(), reason);
  assert.deepEqual(await aborting.next(), { value: undefined, done: true });
  await assert.rejects(storage.watch("", { signal: AbortSignal.abort(reason) }).next(), reason);
  assert.equal((await closing.next()).value?.key, "a");
  const waiting = closing.next();
  await storage.close();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  assert.throws(() => storage.watch(""), { code: "ERR_STORAGE_CLOSED" });
});

const version = (seq: number, isReload = false) =>
  ({ type: "set", path: ["k"], key: "k", value: seq, seq, isOwn: false, isReload }) as const;

test("more changes than may wait end an iteration with an error, after those that wait", async () => {
  let endCount = 0;
  const iterator = new WatchIterator(2, () => endCount++);
  for (const seq of [1, 2, 3]) iterator.changed(version(seq), true);
  for (const seq of [4, 5]) iterator.changed(version(seq, true), false);
  for (const seq of [6, 7]) iterator.changed(version(seq), false);
  for (const seq of [1, 2, 3, 4, 5]) assert.equal((await iterator.next()).value?.seq, seq);
  assert.equal((await iterator.next()).value?.seq, 6);
  iterator.changed(version(8), false);
  assert.equal(endCount, 0);
  iterator.changed(version(9), false);
  iterator.changed(version(10), false);
  assert.equal(endCount, 1);
  for (const seq of [7, 8]) assert.equal((await iterator.next()).value?.seq, seq);
  await assert.rejects(iterator.next(), { code: "ERR_STORAGE_PENDING_FULL" });
  assert.equal((await iterator.next()).done, true);
});

test("several readers of one iteration wait in their order, and all are told of its end", async () => {
  const iterator = new WatchIterator(1, () => {});
  const reads = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
  iterator.changed(version(1), false);
  iterator.changed(version(2), false);
  const error = new Error("failed");
  iterator.failed(error);
  iterator.changed(version(3), false);
  const [first, second, third, fourth] = await Promise.allSettled(reads);
  assert.deepEqual(
    [first, second],
    [1, 2].map((seq) => ({ status: "fulfilled", value: { value: version(seq), done: false } })),
  );
  assert.deepEqual(third, { status: "rejected", reason: error });
  assert.deepEqual(fourth, { status: "fulfilled", value: { value: undefined, done: true } });
});

test("a reader that leaves drops what waits", async () => {
  let endCount = 0;
  const iterator = new WatchIterator(5, () => endCount++);
  iterator.changed(version(1), false);
  assert.deepEqual(await iterator.return(), { value: undefined, done: true });
  assert.deepEqual(await iterator.return(), { value: undefined, done: true });
  assert.deepEqual(await iterator.next(), { value: undefined, done: true });
  assert.equal(endCount, 1);
});
