/** Values, errors and options of another realm are what they are: test runners load an application into realms of their own. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { createContext, runInContext } from "node:vm";
import { Storage } from "../../dist/core/index.js";
import { named } from "../../dist/core/local/machine/pinned-files.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

const realm = createContext({});
/** What a text stands for in another realm. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what it asks for.
const foreign = (text: string): any => runInContext(`(${text})`, realm);

async function opened(t: TestContext): Promise<Storage> {
  const storage = await Storage.open("app", { path: temporaryDirectory(t), persist: false });
  teardown(t, () => storage.close());
  return storage;
}

describe("of another realm", () => {
  it("values and paths are stored", async (t) => {
    const storage = await opened(t);
    assert.equal(foreign("{}") instanceof Object, false);
    storage.set(foreign(`["user", "ann"]`), foreign(`{ at: new Date(0), tags: ["a"], of: null }`), 60_000);
    assert.deepEqual(storage.get("user"), { ann: { at: "1970-01-01T00:00:00.000Z", tags: ["a"], of: null } });
    assert.equal(await storage.patch(["user", "ann"], foreign("{ of: 1 }"), foreign("{ match: { of: null } }")), true);
    assert.equal(storage.get("user.ann.of"), 1);
    storage.set("list", foreign("[1, [2]]"));
    assert.deepEqual(storage.get("list"), [1, [2]]);
    assert.throws(() => storage.set("map", foreign("new Map()")), TypeError);
  });

  it("options open a storage, and wrong ones do not", async (t) => {
    const path = temporaryDirectory(t);
    const options = Object.assign(foreign("{ persist: false, gcInterval: 1000 }"), { path: pathToFileURL(path) });
    const storage = new Storage("app", options);
    teardown(t, () => storage.close());
    assert.deepEqual([storage.path, storage.gcInterval], [path, 1000]);
    assert.throws(() => new Storage("app", foreign("[]")), TypeError);
    assert.throws(() => new Storage("app", foreign("{ gcintervall: 1 }")), TypeError);
  });

  it("an error that a batch throws takes its writes back, and reaches the caller", async (t) => {
    const storage = await opened(t);
    storage.set("a", 1);
    const error = foreign(`new Error("no")`);
    let caught: unknown;
    try {
      storage.batch(() => {
        storage.set("a", 2);
        throw error;
      });
    } catch (thrown) {
      caught = thrown;
    }
    assert.equal(caught, error);
    assert.throws(() => storage.batch(foreign("async () => {}")), TypeError);
    assert.equal(storage.get("a"), 1);
  });

  it("an error that a listener throws is an uncaught exception, and the other listeners are called", async (t) => {
    const storage = await opened(t);
    const error = foreign(`new TypeError("no")`);
    const calls: string[] = [];
    storage.on("change", () => {
      throw error;
    });
    storage.on("change", () => calls.push("second"));
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
    storage.set("a", 1);
    assert.equal(await uncaught, error);
    for (const listener of before) process.on("uncaughtException", listener);
    await storage.flush();
    assert.deepEqual(calls, ["second"]);
  });

  it("an error that `toJSON` throws is told", async (t) => {
    const storage = await opened(t);
    assert.throws(() => storage.set("a", foreign(`{ toJSON() { throw new Error("not now") } }`)), {
      name: "TypeError",
      message: /got object: not now$/,
    });
    const deep = foreign(`{ toJSON() { const again = () => again(); again() } }`);
    assert.throws(() => storage.set("a", deep), RangeError);
  });

  it("an error of a file names the file as people know it", () => {
    const error = foreign(`new Error("ENOENT: no such file, open '/proc/self/fd/7/app.log'")`);
    assert.match(named<Error>(error, "/proc/self/fd/7", "/data").message, /open '\/data\/app.log'$/);
  });
});
