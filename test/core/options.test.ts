import assert from "node:assert/strict";
import { test } from "node:test";
import { Storage, type StorageOptions } from "../../dist/core/index.js";
import { checkName, resolveOptions } from "../../dist/core/options.js";
import { Home } from "../api/conformance/home.js";

const DEFAULTS = {
  path: process.cwd(),
  gcInterval: 120_000,
  fsync: "everysec",
  candidate: true,
  persist: true,
  recover: "strict",
  maxValueBytes: 16 * 1024 * 1024,
  maxPendingBytes: 64 * 1024 * 1024,
  maxMemberBacklogBytes: 64 * 1024 * 1024,
  stallTimeout: 5000,
  maxLevel: Number.MAX_SAFE_INTEGER,
  timeout: 30_000,
};

/** What came, in the words of the messages. */
const shown = (value: unknown) => (typeof value === "string" ? JSON.stringify(value) : String(value));

function expectError(act: () => unknown, type: new () => Error, parts: readonly string[]): void {
  assert.throws(act, (error: Error) => {
    assert.ok(error instanceof type, `expected ${type.name}, got ${error.name}: ${error.message}`);
    for (const part of ["expected", "got", ...parts])
      assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
    return true;
  });
}

test("names are 1 to 64 characters that are safe in a file name", () => {
  for (const name of ["a", "0", "app", "my-app_2.v1", "A".repeat(64), "a..b", "z."])
    assert.equal(checkName(name), name);
});

test("a bad name is a TypeError that shows it, and no file is created", (t) => {
  const home = new Home(t);
  const bad = ["../x", "..", ".", ".hidden", "-x", "_x", "", "a/b", "a\\b", "a b", "ä", "a\0", "a\n", "A".repeat(65)];
  for (const name of [...bad, undefined, null, 5, {}, ["app"]]) {
    const shownName = typeof name === "object" ? String(name) : shown(name);
    expectError(() => new Storage(name as string, { path: home.directory }), TypeError, [
      "1 to 64 characters",
      shownName,
    ]);
    expectError(() => checkName(name), TypeError, [shownName]);
  }
  assert.deepEqual(home.names(), []);
});

test("options have their documented defaults", () => {
  assert.deepEqual(resolveOptions(), DEFAULTS);
  assert.deepEqual(resolveOptions({}), DEFAULTS);
  const given = {
    path: "x",
    gcInterval: 10,
    fsync: "always",
    candidate: false,
    persist: false,
    recover: "salvage",
  } as const;
  assert.deepEqual(resolveOptions(given), { ...DEFAULTS, ...given });
});

test("undefined is the default, so that options can be handed on", () => {
  const given = Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, undefined]));
  assert.deepEqual(resolveOptions(given as StorageOptions), DEFAULTS);
});

test("an unknown option is a TypeError that names it and all that exist", (t) => {
  const home = new Home(t);
  for (const key of ["gcinterval", "file", "ttl", "constructor", "0"]) {
    const options = { path: home.directory, [key]: 1 } as StorageOptions;
    expectError(() => new Storage("app", options), TypeError, [...Object.keys(DEFAULTS), `"${key}"`]);
  }
  for (const options of [null, 5, "path", true, () => {}]) {
    expectError(() => new Storage("app", options as StorageOptions), TypeError, ["options"]);
  }
  assert.deepEqual(home.names(), []);
});

test("an unknown option that looks like one that exists names that one", () => {
  const cases = [
    ["gcinterval", "gcInterval"],
    ["tiemout", "timeout"],
    ["fsyn", "fsync"],
    ["paths", "path"],
    ["perxist", "persist"],
  ];
  for (const [wrong, meant] of cases as [string, string][]) {
    expectError(() => resolveOptions({ [wrong]: 1 }), TypeError, [`"${wrong}"; did you mean ${meant}?`]);
  }
  for (const other of ["ttl", "", "prefix", "sync"]) {
    const isMeant = other === "sync"; // fsync without its first letter
    assert.throws(
      () => resolveOptions({ [other]: 1 } as StorageOptions),
      (error: Error) => error.message.includes("did you mean") === isMeant,
    );
  }
});

test("a path may be a file URL, of any realm; a text is taken as it is", () => {
  const url = new URL("file:///srv/my%20app");
  assert.equal(resolveOptions({ path: url }).path, "/srv/my app");
  assert.equal(resolveOptions({ path: "file:///srv" }).path, "file:///srv");
  for (const wrong of [new URL("https://example.com/data"), new URL("file:///a%00b"), new URL("file://host/data")]) {
    expectError(() => resolveOptions({ path: wrong }), TypeError, ["path", "directory", wrong.href]);
  }
});

test("a number out of its range is a RangeError, something else a TypeError, each with what was expected and what came", (t) => {
  const home = new Home(t);
  const ranges: Record<string, [least: number, most: number]> = {
    gcInterval: [10, 2 ** 31 - 1],
    maxValueBytes: [1, 64 * 1024 * 1024 - 4096 - 1024 * 1024],
    maxPendingBytes: [1, Number.MAX_SAFE_INTEGER],
    maxMemberBacklogBytes: [64 * 1024, Number.MAX_SAFE_INTEGER],
    stallTimeout: [100, 2 ** 31 - 1],
    maxLevel: [1, Number.MAX_SAFE_INTEGER],
    timeout: [1, 2 ** 31 - 1],
  };
  for (const [key, [least, most]] of Object.entries(ranges)) {
    const open = (value: unknown) => () => new Storage("app", { path: home.directory, [key]: value } as StorageOptions);
    for (const value of [least - 1, most + 1, least + 0.5, Number.NaN, Infinity, -Infinity, -1]) {
      expectError(open(value), RangeError, [key, String(least), String(most), String(value)]);
    }
    for (const value of ["100", true, {}, 100n]) expectError(open(value), TypeError, [key, "a number", shown(value)]);
    for (const value of [least, most])
      assert.equal((resolveOptions({ maxValueBytes: 1, [key]: value }) as Record<string, unknown>)[key], value);
  }
  assert.deepEqual(home.names(), []);
});

test("some of the longest values must fit into the queue of a member, which is longer by default where values may be", (t) => {
  const home = new Home(t);
  const MIB = 1024 * 1024;
  const cases: ReadonlyArray<readonly [maxValueBytes: number, least: number]> = [
    [1, 64 * MIB],
    [16 * MIB, 64 * MIB],
    [16 * MIB + 1, 64 * MIB + 4],
    [62 * MIB, 248 * MIB],
  ];
  for (const [maxValueBytes, least] of cases) {
    assert.equal(resolveOptions({ maxValueBytes }).maxMemberBacklogBytes, least);
    const maxMemberBacklogBytes = 4 * maxValueBytes - 1;
    if (maxMemberBacklogBytes < 64 * 1024) continue;
    const open = () => new Storage("app", { path: home.directory, maxValueBytes, maxMemberBacklogBytes });
    const numbers = [String(maxValueBytes), String(maxMemberBacklogBytes)];
    expectError(open, RangeError, ["maxMemberBacklogBytes", "4 times maxValueBytes", ...numbers]);
  }
  expectError(() => new Storage("app", { path: home.directory, maxMemberBacklogBytes: MIB }), RangeError, [
    "maxValueBytes",
  ]);
  assert.deepEqual(home.names(), []);
});

test("an unknown choice is a TypeError that names all choices", (t) => {
  const home = new Home(t);
  const choices: Record<string, unknown[]> = {
    fsync: ["everysec", "always", "never"],
    candidate: [true, false],
    persist: [true, false],
    recover: ["strict", "salvage"],
  };
  for (const [key, values] of Object.entries(choices)) {
    for (const value of ["sometimes", 1, 0, "true", ""]) {
      const open = () => new Storage("app", { path: home.directory, [key]: value } as StorageOptions);
      expectError(open, TypeError, [key, ...values.map(shown), shown(value)]);
    }
  }
  assert.deepEqual(home.names(), []);
});

test("a path that is no path is a TypeError", () => {
  for (const path of ["", 5, {}, true, "a\0b"]) {
    expectError(() => new Storage("app", { path: path as string }), TypeError, ["path", shown(path)]);
  }
});

test("the directory is created if it is missing, and shown as it is", async (t) => {
  const home = new Home(t);
  const storage = await home.open({ path: `${home.directory}/made/for/it/../it`, gcInterval: 500 });
  assert.equal(storage.path, `${home.directory}/made/for/it`);
  assert.equal(storage.filename, `${home.directory}/made/for/it/app.db`);
  assert.deepEqual([storage.name, storage.gcInterval], ["app", 500]);
});

test("the same storage with other options in one process is ERR_STORAGE_OPTIONS, and the first one goes on", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  storage.set("key", 1);
  const other: StorageOptions = {
    gcInterval: 500,
    fsync: "always",
    candidate: false,
    recover: "salvage",
    maxValueBytes: 5,
    maxPendingBytes: 5,
    maxMemberBacklogBytes: 100_000_000,
    stallTimeout: 1000,
  };
  for (const [key, value] of Object.entries(other)) {
    assert.throws(() => home.begin({ [key]: value }), {
      name: "StorageError",
      code: "ERR_STORAGE_OPTIONS",
      message: new RegExp(`expected ${key} to be .* as where .*app\\.db was opened in this process, got ${value}`),
    });
  }
  await storage.flush();
  assert.equal(storage.get("key"), 1);
  await storage.close();
  const reopened = await home.open({ gcInterval: 500 });
  assert.equal(reopened.get("key"), 1, "once it is closed, other options are fine");
});
