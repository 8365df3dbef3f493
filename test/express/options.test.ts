import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ClusterStorageOptions, clusterStorage } from "../../dist/express/index.js";
import { Home } from "../api/conformance/home.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";

describe("the options of the middleware", () => {
  const wrong: Array<[options: unknown, name: string, message: RegExp]> = [
    [null, "TypeError", /expected options, got null/],
    [{ storage: {} }, "TypeError", /expected storage to be an open Storage, got {}/],
    [{ timeout: "1s" }, "TypeError", /expected timeout to be a number of ms, got '1s'/],
    [{ timeout: 0 }, "RangeError", /expected timeout to be a whole number of ms from 1 to 2147483647, got 0/],
    [{ namespace: "cache" }, "TypeError", /expected one of the options .*, got "namespace"/],
    [{ name: "a/b" }, "TypeError", /expected a name .*, got "a\/b"/],
  ];
  for (const [options, name, message] of wrong) {
    it(`are not ${JSON.stringify(options)}`, () => {
      assert.throws(() => clusterStorage(options as ClusterStorageOptions), { name, message });
    });
  }

  it("are not a storage and options to open one", async (t) => {
    const storage = await new Home(t).open();
    const options = { storage, path: temporaryDirectory(t) } as unknown as ClusterStorageOptions;
    assert.throws(() => clusterStorage(options), { name: "TypeError", message: /got storage and path/ });
  });
});
