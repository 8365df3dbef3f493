import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import fastify, { type FastifyInstance } from "fastify";
import type { Storage } from "../../dist/core/index.js";
import { type ClusterStorageOptions, clusterStorage } from "../../dist/fastify/index.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

/** The storages that the contexts of an application see. */
type Seen = Record<string, Storage | undefined>;

/** An application, which is closed when the test ends, and options for storages in a directory of its own. */
function appOf(t: TestContext): { app: FastifyInstance; named: (namespace?: string) => ClusterStorageOptions } {
  const app = fastify();
  const path = temporaryDirectory(t);
  teardown(t, () => app.close().catch(() => {}));
  let count = 0;
  return { app, named: (namespace) => ({ path, name: `s${++count}`, ...(namespace && { namespace }) }) };
}

describe("storages by namespace", () => {
  it("do not affect each other or the storage without a namespace", async (t) => {
    const { app, named } = appOf(t);
    for (const namespace of [undefined, "cache", "rates"]) app.register(clusterStorage, named(namespace));
    await app.ready();
    const { storage, storages } = app;
    assert.deepEqual(
      [storage, storages.cache, storages.rates].map((each) => each?.name),
      ["s1", "s2", "s3"],
    );
    assert.deepEqual(Object.keys(storages), ["cache", "rates"]);
  });

  it("may have any name", async (t) => {
    const { app, named } = appOf(t);
    const names = ["__proto__", "constructor", "hasOwnProperty", "toString", " "];
    for (const namespace of names) app.register(clusterStorage, named(namespace));
    await app.ready();
    assert.deepEqual(Object.keys(app.storages), names);
    for (const namespace of names) assert.equal(app.storages[namespace]?.connected, true);
    assert.equal(Object.getPrototypeOf(app.storages), null);
    assert.equal(({} as Record<string, unknown>).connected, undefined);
  });

  for (const [what, namespace, message] of [
    [
      "without a namespace",
      undefined,
      "expected no fastify.storage yet, got a second one; register it with a namespace",
    ],
    ["of one namespace", "cache", 'expected each namespace once, got "cache" a second time'],
  ] as const) {
    it(`are not registered twice ${what}`, async (t) => {
      const { app, named } = appOf(t);
      app.register(clusterStorage, named(namespace));
      app.register(clusterStorage, named(namespace));
      await assert.rejects(async () => app.ready(), { name: "TypeError", message });
    });

    it(`are not registered again in an inner context ${what}`, async (t) => {
      const { app, named } = appOf(t);
      app.register(clusterStorage, named(namespace));
      app.register(async (child) => {
        child.register(clusterStorage, named("other"));
        child.register(clusterStorage, named(namespace));
      });
      await assert.rejects(async () => app.ready(), { name: "TypeError", message });
    });
  }
});

describe("the contexts of Fastify", () => {
  it("see what is registered in enclosing contexts", async (t) => {
    const { app, named } = appOf(t);
    const seen: Seen = {};
    app.register(clusterStorage, named());
    app.register(clusterStorage, named("cache"));
    app.register(async (child) => {
      seen.child = child.storage;
      seen.childCache = child.storages.cache;
      child.register(async (grandchild) => {
        seen.grandchild = grandchild.storage;
      });
    });
    await app.ready();
    assert.deepEqual([seen.child, seen.childCache, seen.grandchild], [app.storage, app.storages.cache, app.storage]);
  });

  it("do not see what is registered in contexts that they do not belong to", async (t) => {
    const { app, named } = appOf(t);
    const seen: Seen = {};
    app.register(clusterStorage, named("around"));
    for (const label of ["left", "right"]) {
      app.register(async (child) => {
        child.register(clusterStorage, named());
        await child.register(clusterStorage, named("cache"));
        seen[label] = child.storage;
        seen[`${label}Cache`] = child.storages.cache;
        seen[`${label}Around`] = child.storages.around;
      });
    }
    await app.ready();
    const { around } = app.storages;
    assert.deepEqual([seen.leftAround, seen.rightAround], [around, around]);
    const own = [seen.left, seen.right, seen.leftCache, seen.rightCache];
    assert.equal(new Set(own).size, 4);
    assert.ok(own.every((storage) => storage?.connected));
    assert.deepEqual([app.hasDecorator("storage"), Object.keys(app.storages)], [false, ["around"]]);
    await app.close();
    assert.ok(
      own.every((storage) => storage?.closed),
      "those of the inner contexts are closed too",
    );
    assert.equal(around?.closed, true);
  });
});
