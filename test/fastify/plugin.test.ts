import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import fastify, { type FastifyInstance } from "fastify";
import type { StorageError } from "../../dist/core/index.js";
import defaultExport, { type ClusterStorageOptions, clusterStorage } from "../../dist/fastify/index.js";
import { ask } from "../adapter/ask.js";
import { Home } from "../api/conformance/home.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

const MODULE = "../../dist/fastify/index.js";

/** An application that is closed when the test ends. */
function appOf(t: TestContext): FastifyInstance {
  const app = fastify();
  teardown(t, () => app.close().catch(() => {}));
  return app;
}

describe("the Fastify plugin", () => {
  const required = createRequire(import.meta.url)(MODULE);
  const ways: Array<[how: string, register: (app: FastifyInstance, path: string) => unknown]> = [
    ["the default export", (app, path) => app.register(defaultExport, { path })],
    ["the named export", (app, path) => app.register(clusterStorage, { path })],
    ["import() itself", (app, path) => app.register(import("../../dist/fastify/index.js"), { path })],
    ["the result of require()", (app, path) => app.register(required, { path })],
    ["options from a function", (app, path) => app.register(clusterStorage, () => ({ path }))],
    ["options of Fastify", (app, path) => app.register(clusterStorage, { path, prefix: "/x", logLevel: "warn" })],
  ];
  for (const [how, register] of ways) {
    it(`is registered with ${how}`, async (t) => {
      const app = appOf(t);
      register(app, temporaryDirectory(t));
      await app.ready();
      assert.equal(app.storage.connected, true);
      assert.equal(await app.storage.increment("count"), 1);
    });
  }

  it("has everything before the application is ready", async (t) => {
    const home = new Home(t);
    const member = await home.member();
    await member.call("set", "key", "theirs");
    await member.call("flush");
    const app = appOf(t);
    const seen: unknown[] = [];
    await app.register(clusterStorage, { path: home.directory });
    seen.push(app.storage.get("key"));
    app.addHook("onReady", async () => void seen.push(app.storage.get("key")));
    app.get("/", async ({ server }) => ({ value: server.storage.get("key") }));
    assert.deepEqual((await app.inject("/")).json(), { value: "theirs" });
    assert.deepEqual(seen, ["theirs", "theirs"]);
  });

  it("serves over real HTTP, and closes after the last request", async (t) => {
    const home = new Home(t);
    const app = appOf(t);
    app.register(clusterStorage, { path: home.directory });
    let finish: () => void = () => {};
    let isThere = false;
    app.get("/", async () => {
      isThere = true;
      await new Promise<void>((resolve) => (finish = resolve));
      return { count: await app.storage.increment("count") };
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const answer = ask(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`);
    await until("the request has arrived", () => isThere);
    const closed = app.close();
    await until("the server accepts no more requests", () => !app.server.listening);
    finish();
    assert.deepEqual((await answer).body, { count: 1 });
    await closed;
    assert.equal(app.storage.closed, true);
    assert.equal((await home.open()).get("count"), 1);
  });

  it("keeps the storage open for close hooks that run before its own", async (t) => {
    const home = new Home(t);
    const app = appOf(t);
    app.register(clusterStorage, { path: home.directory });
    app.register(async (child) => {
      child.addHook("onClose", async () => void child.storage.set("last", "words"));
    });
    await app.ready();
    await app.close();
    assert.equal((await home.open()).get("last"), "words");
  });

  it("rejects ready() when there is no manager within the timeout", async (t) => {
    const app = appOf(t);
    app.register(clusterStorage, { path: temporaryDirectory(t), candidate: false, timeout: 30 });
    await assert.rejects(async () => app.ready(), {
      name: "StorageError",
      code: "ERR_STORAGE_NOT_READY",
      message: /^expected the storage app to join within 30 ms, got no manager/,
    });
    await app.close();
    assert.equal(app.storage.closed, true);
  });

  it("rejects ready() at once with the failure of the storage", async (t) => {
    const path = temporaryDirectory(t);
    writeFileSync(`${path}/app.db`, "neither JSON nor a snapshot");
    const app = appOf(t);
    app.register(clusterStorage, { path });
    await assert.rejects(async () => app.ready(), { code: "ERR_STORAGE_FORMAT" });
  });
});

describe("closing the Fastify application", () => {
  const cases: Array<[what: string, options: { close?: boolean }, isClosed: boolean]> = [
    ["does not close a given storage", {}, false],
    ["does not close it with close: false", { close: false }, false],
    ["closes it with close: true", { close: true }, true],
  ];
  for (const [what, options, isClosed] of cases) {
    for (const namespace of [undefined, "cache"]) {
      it(`${what}, ${namespace ? "with a namespace" : "without a namespace"}`, async (t) => {
        const storage = await new Home(t).open();
        const app = appOf(t);
        app.register(clusterStorage, { storage, ...options, ...(namespace && { namespace }) });
        await app.ready();
        assert.equal(namespace ? app.storages[namespace] : app.storage, storage);
        await app.close();
        assert.equal(storage.closed, isClosed);
      });
    }
  }

  it("closes the storages that the plugin opened, after all writes", async (t) => {
    const path = temporaryDirectory(t);
    const app = appOf(t);
    app.register(clusterStorage, { path });
    app.register(clusterStorage, { path, name: "cache", namespace: "cache" });
    await app.ready();
    const { storage, storages } = app;
    for (const each of [storage, storages.cache]) each?.set("key", "kept");
    await app.close();
    assert.deepEqual([storage.closed, storages.cache?.closed], [true, true]);
    const again = appOf(t);
    again.register(clusterStorage, { path });
    again.register(clusterStorage, { path, name: "cache", namespace: "cache" });
    await again.ready();
    assert.deepEqual([again.storage.get("key"), again.storages.cache?.get("key")], ["kept", "kept"]);
  });

  it("rejects when the storage cannot write", async (t) => {
    const app = appOf(t);
    app.register(clusterStorage, { path: temporaryDirectory(t) });
    await app.ready();
    const release = app.storage.close.bind(app.storage);
    app.storage.close = () => release().then(() => Promise.reject(new Error("the disk refuses")));
    await assert.rejects(async () => app.close(), /the disk refuses/);
  });
});

describe("the options of the Fastify plugin", () => {
  const wrong: Array<[options: object, name: string, message: RegExp]> = [
    [{ storage: {} }, "TypeError", /expected storage to be an open Storage, got {}/],
    [{ timeout: "1s" }, "TypeError", /expected timeout to be a number of ms, got '1s'/],
    [{ timeout: -1 }, "RangeError", /expected timeout to be a whole number of ms from 1 to 2147483647, got -1/],
    [{ namespace: "" }, "TypeError", /expected namespace to be a string that is not empty, got ""/],
    [{ namespace: 7 }, "TypeError", /expected namespace to be a string that is not empty, got 7/],
    [{ close: true }, "TypeError", /expected close along with a given storage, got it without/],
    [{ close: "yes" }, "TypeError", /expected close to be true or false, got yes/],
    [{ client: 1 }, "TypeError", /expected one of the options .*, got "client"/],
    [{ name: "" }, "TypeError", /expected a name .*, got ""/],
  ];
  for (const [options, name, message] of wrong) {
    it(`are not ${JSON.stringify(options)}`, async (t) => {
      const app = appOf(t);
      app.register(clusterStorage, options as ClusterStorageOptions);
      await assert.rejects(
        async () => app.ready(),
        (error: StorageError) => error.name === name && message.test(error.message),
      );
    });
  }
});
