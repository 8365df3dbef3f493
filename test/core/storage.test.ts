import assert from "node:assert/strict";
import { test } from "node:test";
import { type Storage, StorageError, type StoragePath } from "../../dist/core/index.js";
import { Home } from "../api/conformance/home.js";
import { everyUse } from "../api/conformance/life.js";
import { until } from "../proof/cluster/processes.js";

const STATE = { object: { list: [1, 2, { a: "b" }] }, number: 5, text: "abc" };

/** A storage that holds `STATE`, which must be there still when the test is over. */
async function filled(home: Home): Promise<{ storage: Storage; expectUnchanged: () => Promise<void> }> {
  const storage = await home.open({ maxValueBytes: 1000 });
  for (const [key, value] of Object.entries(STATE)) storage.set(key, value);
  await storage.flush();
  const seen = storage.entries();
  return {
    storage,
    async expectUnchanged() {
      assert.deepEqual(Object.fromEntries(storage.entries()), STATE);
      assert.equal(storage.stats().pending, 0, "nothing waits to be written");
      await storage.close();
      const reopened = await home.open({ maxValueBytes: 1000 });
      assert.deepEqual(Object.fromEntries(reopened.entries()), STATE);
      assert.deepEqual(Object.fromEntries(seen), STATE);
    },
  };
}

/** The act throws, at once or by its promise, an error of that type which says what was expected and what came. */
async function expectRefusal(what: string, act: () => unknown, type: new () => Error): Promise<void> {
  await assert.rejects(
    async () => act(),
    (error: Error) => {
      assert.ok(error instanceof type && error.name === type.name, `${what}: ${error.stack}`);
      assert.match(error.message, /expected .+/, what);
      return true;
    },
  );
}

test("what JSON cannot carry is a TypeError", async (t) => {
  const { storage, expectUnchanged } = await filled(new Home(t));
  const cycle: Record<string, unknown> = { a: 1 };
  cycle.self = { cycle };
  const bad: Record<string, unknown> = {
    undefined: undefined,
    function: () => 1,
    symbol: Symbol("s"),
    bigint: 5n,
    "nested bigint": { a: [5n] },
    cycle,
    "toJSON that gives nothing": { toJSON: () => undefined },
    "toJSON that throws": {
      toJSON() {
        throw new Error("not today");
      },
    },
  };
  for (const [what, value] of Object.entries(bad)) {
    for (const path of ["number", "new", "object.list[1]", "object.x.y"]) {
      await expectRefusal(what, () => storage.set(path, value), TypeError);
      await expectRefusal(what, () => storage.add(path, value), TypeError);
      if (value === undefined) continue;
      await expectRefusal(what, () => storage.patch(path, { field: value }), TypeError);
    }
  }
  await expectUnchanged();
});

test("a patch that is none throws at once: TypeError", async (t) => {
  const { storage, expectUnchanged } = await filled(new Home(t));
  class Changes {
    readonly a = 1;
  }
  const field = JSON.parse('{"a":1,"__proto__":{"polluted":true}}') as Record<string, unknown>;
  const noObjects = [undefined, null, 5, "text", [], [1], new Map(), new Date(0), new Changes(), () => ({}), field];
  for (const value of noObjects) {
    const given = value as Record<string, unknown>;
    const what = Object.prototype.toString.call(value);
    assert.throws(() => storage.patch("object", given), TypeError, what);
    await expectRefusal(what, () => storage.patch("object", given), TypeError);
    if (value === undefined) continue;
    await expectRefusal(what, () => storage.patch("object", { a: 1 }, { match: given }), TypeError);
    await expectRefusal(what, () => storage.patch("object", { a: 1 }, given), TypeError);
  }
  for (const match of [{ a: undefined }, { a: () => 1 }, { a: 5n }, { a: { toJSON: () => undefined } }]) {
    await expectRefusal("match", () => storage.patch("object", { a: 1 }, { match }), TypeError);
  }
  const unknown = { ttl: 5, upsert: true };
  assert.throws(() => storage.patch("object", {}, unknown), /expected one of the options ttl, match, got upsert/);
  const [number, text] = [5, "5"] as unknown as Array<{ ttl: number }>;
  assert.throws(
    () => storage.patch("object", {}, number),
    /^TypeError: expected options such as \{ ttl: 5 \}, got a number$/,
  );
  assert.throws(
    () => storage.patch("object", {}, text),
    /^TypeError: expected options such as \{ ttl: 60000 \}, got a string$/,
  );
  await expectUnchanged();
});

test("a value that is too large or too deep is a RangeError, whatever its path", async (t) => {
  const { storage, expectUnchanged } = await filled(new Home(t));
  const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown;
  const atLimit: Array<[StoragePath, unknown]> = [
    ["fits", "x".repeat(998)],
    ["fits", "ä".repeat(499)],
    [["fits"], nested(500)],
    [Array.from({ length: 512 }, () => "k"), 1],
    [Array.from({ length: 500 }, () => "k"), nested(13)],
  ];
  for (const [path, value] of atLimit) {
    storage.set(path, value);
    assert.deepEqual(storage.get(path), value);
    storage.delete(typeof path === "string" ? path : [path[0] as string]);
  }
  await storage.flush();
  const tooMuch: Array<[string, StoragePath, unknown]> = [
    ["999 letters", "number", "x".repeat(999)],
    ["500 letters of two bytes", "number", "ä".repeat(500)],
    ["a list", "object.list", Array.from({ length: 400 }, (_, index) => index)],
    ["a path of 513 keys", Array.from({ length: 513 }, () => "k"), 1],
    ["500 keys and 14 levels", Array.from({ length: 500 }, () => "k"), nested(14)],
    ["a key of 32768 bytes", ["k".repeat(32_768)], 1],
  ];
  for (const [what, path, value] of tooMuch) {
    await expectRefusal(what, () => storage.set(path, value), RangeError);
    await expectRefusal(what, () => storage.add(path, value), RangeError);
    await expectRefusal(what, () => storage.patch(path, { f: value }), RangeError);
    await expectRefusal(what, () => storage.patch(path, {}, { match: { f: value } }), RangeError);
  }
  const large = { a: "x".repeat(500), b: "x".repeat(500) };
  await expectRefusal("a patch of 1000 letters", () => storage.patch("object", large), RangeError);
  await expectRefusal(
    "a field of 1000 letters",
    () => storage.patch("object", { ["x".repeat(1000)]: undefined }),
    RangeError,
  );
  await expectUnchanged();
});

test("513 levels are too deep, and what JSON.stringify itself cannot do is a RangeError too", async (t) => {
  const storage = await new Home(t).open();
  const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown;
  storage.set("deep", nested(512));
  await storage.flush();
  for (const depth of [513, 1000, 100_000]) {
    await expectRefusal(`${depth} levels`, () => storage.set("deep", nested(depth)), RangeError);
    await expectRefusal(`${depth} levels`, () => storage.set(["a", "b"], nested(depth)), RangeError);
  }
  assert.throws(() => storage.patch(["a", "b"], { f: nested(511) }), RangeError);
  assert.equal(await storage.patch(["a", "b"], { f: nested(510) }, { match: { f: nested(510) } }), false);
  assert.deepEqual(storage.get("deep"), nested(512));
  assert.deepEqual(storage.keys(), ["deep"]);
});

test("a ttl that is no number is a TypeError, a negative one or one without end a RangeError", async (t) => {
  const { storage, expectUnchanged } = await filled(new Home(t));
  const writes: Record<string, (ttl: number) => unknown> = {
    set: (ttl) => storage.set("number", 1, ttl),
    "set below": (ttl) => storage.set("object.list[0]", 1, ttl),
    touch: (ttl) => storage.touch("number", ttl),
    increment: (ttl) => storage.increment("number", 1, ttl),
    add: (ttl) => storage.add("new", 1, ttl),
    patch: (ttl) => storage.patch("object", { a: 1 }, { ttl }),
  };
  for (const [what, write] of Object.entries(writes)) {
    for (const ttl of [-1, -0.001, Number.NaN, Infinity, -Infinity]) {
      await expectRefusal(`${what} ${ttl}`, () => write(ttl), RangeError);
    }
    for (const ttl of ["100", {}, true, 5n]) {
      await expectRefusal(`${what} ${ttl}`, () => write(ttl as unknown as number), TypeError);
    }
  }
  await expectUnchanged();
});

test("what is not a path is a TypeError, for every method", async (t) => {
  const { storage, expectUnchanged } = await filled(new Home(t));
  const bad: unknown[] = [
    undefined,
    null,
    5,
    {},
    [],
    [null],
    [Symbol("s")],
    [Number.NaN],
    ["a", "__proto__"],
    () => "a",
  ];
  for (const value of bad) {
    const path = value as string;
    const uses = {
      set: () => storage.set(path, 1),
      get: () => storage.get(path),
      has: () => storage.has(path),
      delete: () => storage.delete(path),
      touch: () => storage.touch(path, 1),
      increment: () => storage.increment(path),
      add: () => storage.add(path, 1),
      patch: () => storage.patch(path, { a: 1 }),
      ttl: () => storage.ttl(path),
    };
    for (const [name, use] of Object.entries(uses)) {
      await expectRefusal(`${name}(${Array.isArray(value) ? "array" : typeof value})`, use, TypeError);
    }
  }
  await expectUnchanged();
});

test("with more pending than maxPendingBytes writes throw ERR_STORAGE_PENDING_FULL; reads go on, and so do writes once there is a manager", async (t) => {
  const home = new Home(t);
  const lonely = home.begin({ candidate: false, maxPendingBytes: 10_000 });
  let written = 0;
  const refusal = {
    name: "StorageError",
    code: "ERR_STORAGE_PENDING_FULL",
    message: /expected at most 10000 bytes .*got \d+/,
  };
  assert.throws(() => {
    for (; ; written++) lonely.set(`key${written}`, "x".repeat(100));
  }, refusal);
  assert.ok(written > 20 && written < 100, `${written} writes of 100 bytes`);
  const expectWritten = () => {
    assert.equal(lonely.size, written);
    assert.equal(lonely.get(`key${written - 1}`), "x".repeat(100));
    assert.equal(lonely.get(`key${written}`), null);
  };
  assert.throws(() => lonely.set(`key${written}`, "x".repeat(100)), refusal);
  assert.throws(() => lonely.batch(() => lonely.set(`key${written}`, "x".repeat(100))), refusal);
  await assert.rejects(async () => lonely.add(`key${written}`, "x".repeat(100)), refusal);
  expectWritten();
  assert.equal(lonely.connected, false);
  assert.equal(lonely.stats().role, "disconnected");
  const manager = await home.member();
  await lonely.flush();
  expectWritten();
  lonely.set("more", 1);
  await lonely.flush();
  await manager.call("sync");
  assert.equal(await manager.call("size"), written + 1);
});

test("after close and destroy every use is ERR_STORAGE_CLOSED, and says so", async (t) => {
  for (const end of ["close", "destroy"] as const) {
    const storage = await new Home(t).open();
    storage.set("key", 1);
    await storage[end]();
    for (const [name, error] of await everyUse({ storage })) {
      assert.ok(error instanceof StorageError, name);
      assert.equal(error.code, "ERR_STORAGE_CLOSED", name);
      assert.match(error.message, /expected an open storage, got app, which is closed/);
    }
  }
});

test("ready comes once, connect and disconnect with every manager, manager names it", async (t) => {
  const home = new Home(t);
  const first = await home.member();
  const storage = home.begin({ candidate: false });
  const told: unknown[] = [];
  storage.on("ready", () => told.push("ready", storage.connected));
  storage.on("connect", () => told.push("connect"));
  storage.on("disconnect", () => told.push("disconnect", storage.connected));
  storage.on("manager", ({ pid, isHere }) => told.push(pid, isHere));
  await storage.sync();
  await until("the first connection", () => told.includes("connect"));
  assert.deepEqual(told.splice(0).sort(), [first.pid, false, "ready", true, "connect"].sort());
  const second = await home.member();
  await first.kill();
  await until("the next connection", () => told.includes("connect"));
  assert.deepEqual(
    told.filter((event) => typeof event === "string"),
    ["disconnect", "connect"],
  );
  assert.ok(told.includes(second.pid));
  assert.deepEqual([storage.managerPid, storage.isManager, storage.connected], [second.pid, false, true]);
});

test("an error in the background is reported to listeners only, and nothing is thrown without one", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  assert.equal(storage.listenerCount("error"), 0);
  let uncaught = 0;
  const count = () => uncaught++;
  process.on("uncaughtException", count);
  t.after(() => process.off("uncaughtException", count));
  await assert.rejects(async () => storage.increment("a.b", 1, -1), RangeError);
  storage.set("text", "abc");
  await assert.rejects(storage.increment("text"), { code: "ERR_STORAGE_NOT_A_NUMBER" });
  assert.equal(uncaught, 0);
});
