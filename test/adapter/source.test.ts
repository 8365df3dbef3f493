import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { checkMs, sourceFrom, whenReady } from "../../dist/adapter/source.js";
import type { Storage, StorageError } from "../../dist/core/index.js";
import { resolveOptions } from "../../dist/core/options.js";
import { Home } from "../api/conformance/home.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";

const run = promisify(execFile);
const DIST = new URL("../../dist/", import.meta.url).href;

/** A storage, as another copy of the package would have it. */
const GIVEN = { name: "app", closed: false, status: "open", [Symbol.for("cluster-storage.facts")]: {} };

/** How many timers keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

describe("the storage of an adapter", () => {
  it("is the given one", async (t) => {
    const storage = await new Home(t).open();
    assert.deepEqual(sourceFrom({ storage, timeout: 1 }, ["timeout"]), { storage, isOwn: false });
    assert.equal(sourceFrom({ storage, path: undefined }).storage, storage, "an undefined option counts as missing");
  });

  it("is opened by name and options, without the adapter's own options", async (t) => {
    const path = temporaryDirectory(t);
    for (const [name, expected] of [
      [undefined, "app"],
      ["other", "other"],
    ]) {
      const { storage, isOwn } = sourceFrom({ name, path, timeout: 1 }, ["timeout"]);
      assert.deepEqual([storage.name, storage.path, isOwn], [expected, path, true]);
      await storage.close();
    }
  });

  it("is the storage app in the working directory when there are no options", async (t) => {
    const cwd = temporaryDirectory(t);
    const script = `import { sourceFrom } from "${DIST}adapter/source.js"; const { storage } = sourceFrom();
      console.log(storage.name, storage.path === process.cwd()); await storage.close();`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd });
    assert.equal(stdout, "app true\n");
  });

  it("may be a storage of another copy of the package", () => {
    assert.equal(sourceFrom({ storage: GIVEN }).storage, GIVEN as unknown as Storage);
  });

  const wrong: Array<[what: string, options: unknown, error: RegExp]> = [
    ["null", null, /expected options, got null/],
    ["a text", "app", /expected options, got 'app'/],
    ["a storage by itself", GIVEN, /^expected options such as \{ storage \}, got a Storage; write \{ storage \}$/],
    ["an array", [], /expected options, got \[\]/],
    ["a storage that is undefined", { storage: undefined }, /expected storage to be an open Storage, got undefined/],
    [
      "a storage that is undefined, with a name",
      { storage: undefined, name: "x" },
      /expected storage to be an open Storage, got undefined; leave it out to open one by its name/,
    ],
    ["an object that is not a storage", { storage: new Map() }, /expected storage to be an open Storage, got Map\(0\)/],
    ["an unknown option", { timeuot: 1 }, /expected one of the options .*, got "timeuot"/],
    ["a wrong option", { fsync: true }, /expected fsync to be "everysec" or "always" or "never", got true/],
    ["a bad name", { name: "../x" }, /expected a name of 1 to 64 characters .*, got "\.\.\/x"/],
  ];
  for (const [what, options, message] of wrong) {
    it(`is not ${what}`, () => assert.throws(() => sourceFrom(options), { name: "TypeError", message }));
  }

  it("names the adapter's own options too where one is unknown", () => {
    const message =
      /^expected one of the options storage, name, path, .*, prefix, got "prefixx"; did you mean prefix\?$/;
    assert.throws(() => sourceFrom({ prefixx: "a" }, ["prefix"]), { name: "TypeError", message });
  });

  it("is not given and opened at the same time", async (t) => {
    const storage = await new Home(t).open();
    const expected = { name: "TypeError", message: /either a storage or options to open one, got storage and path/ };
    assert.throws(() => sourceFrom({ storage, path: "/elsewhere" }), expected);
    for (const option of ["name", ...Object.keys(resolveOptions())]) {
      assert.throws(() => sourceFrom({ storage, [option]: 1 }), { message: new RegExp(`got storage and ${option}$`) });
    }
    assert.throws(() => sourceFrom({ storage, tiemout: 1 }, ["timeout"]), {
      name: "TypeError",
      message: 'expected one of the options storage, timeout, got "tiemout"; did you mean timeout?',
    });
  });

  it("is not a storage that is closed", async (t) => {
    const storage = await new Home(t).open();
    await storage.close();
    const expected = {
      code: "ERR_STORAGE_CLOSED",
      message: /expected an open storage, got app, which is closed; close it last, after the server$/,
    };
    assert.throws(() => sourceFrom({ storage }), expected);
  });
});

describe("the wait until a storage has joined", () => {
  it("ends with the join for all that wait, and leaves neither listeners nor timers", async (t) => {
    const home = new Home(t);
    const storage = home.begin({ candidate: false });
    const before = timers();
    const waits = Promise.all(Array.from({ length: 50 }, () => whenReady(storage, 600_000)));
    assert.equal(timers(), before + 50, "they keep the process alive");
    assert.deepEqual([storage.listenerCount("ready"), storage.listenerCount("error")], [1, 1]);
    await home.member();
    await waits;
    assert.ok(timers() < before + 50, `expected their timers to be cleared, got ${timers()} timers`);
    assert.deepEqual([storage.listenerCount("ready"), storage.listenerCount("error")], [0, 0]);
    assert.equal(storage.connected, true);
  });

  it("ends with an error after the timeout", async (t) => {
    const storage = new Home(t).begin({ candidate: false });
    await assert.rejects(whenReady(storage, 20), {
      name: "StorageError",
      code: "ERR_STORAGE_NOT_READY",
      message: /^expected the storage app to join within 20 ms, got no manager/,
    });
    assert.equal(storage.listenerCount("ready"), 1, "one, for later waits");
  });

  it("ends with an error that names the trouble meanwhile", async (t) => {
    const storage = new Home(t).begin({ candidate: false });
    const wait = whenReady(storage, 20);
    const trouble = new Error("the disk is full");
    storage.emit("error", trouble);
    await assert.rejects(wait, (error: StorageError) => {
      assert.match(error.message, /within 20 ms, got no manager: the disk is full$/);
      return error.code === "ERR_STORAGE_NOT_READY" && error.cause === trouble;
    });
  });

  it("ends with the failure of the storage", async (t) => {
    const storage = new Home(t).begin({ candidate: false });
    const rejected = assert.rejects(whenReady(storage, 20), { code: "ERR_STORAGE_CLOSED" });
    await storage.close();
    await rejected;
    await assert.rejects(whenReady(storage, 600_000), { code: "ERR_STORAGE_CLOSED" }, "at once");
  });

  it("is over at once for a storage that has joined before", async (t) => {
    const home = new Home(t);
    const member = await home.member();
    const storage = await home.open({ candidate: false });
    await whenReady(storage, 1);
    await member.kill();
    await until("the storage has noticed that its manager has ended", () => !storage.connected);
    const late = home.begin({ candidate: false });
    for (const each of [storage, late]) {
      const before = timers();
      const wait = whenReady(each, 1);
      assert.equal(timers(), before);
      await wait;
    }
  });

  it("keeps the process alive until its end, and not longer", async (t) => {
    const script = `import { sourceFrom, whenReady } from "${DIST}adapter/source.js";
      const { storage } = sourceFrom({ path: process.argv[1], candidate: false });
      await whenReady(storage, 50).catch((error) => console.log(error.code));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script, temporaryDirectory(t)]);
    assert.equal(stdout, "ERR_STORAGE_NOT_READY\n");
  });
});

describe("an option in ms", () => {
  it("is the fallback when the option is missing", () => {
    assert.deepEqual([checkMs("timeout", undefined, 5), checkMs("timeout", 7, 5)], [5, 7]);
    assert.deepEqual(
      [checkMs("touchAfter", 0, 5, 0), checkMs("ttl", 2 ** 40, 5, 1, Number.MAX_SAFE_INTEGER)],
      [0, 2 ** 40],
    );
  });

  it("is a whole number that a timer can wait", () => {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      const message = `expected timeout to be a whole number of ms from 1 to 2147483647, got ${value}`;
      assert.throws(() => checkMs("timeout", value, 5), { name: "RangeError", message });
    }
    for (const [value, shown] of [
      ["1s", "'1s'"],
      [null, "null"],
      [{}, "{}"],
    ]) {
      const message = `expected timeout to be a number of ms, got ${shown}`;
      assert.throws(() => checkMs("timeout", value, 5), { name: "TypeError", message });
    }
  });
});
