/** The CommonJS build beside the ES modules in one process, as some bundlers and Node.js with old settings load them: one replica. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { VERSION } from "../../dist/core/facts.js";
import { clusterStorage as middleware } from "../../dist/express/index.js";
import { clusterStorage as plugin } from "../../dist/fastify/index.js";
import { ClusterSessionStore, Storage, StorageError } from "../../dist/index.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

const LIMITERS = ["express-rate-limit", "fastify-rate-limit", "nestjs-throttler", "rate-limiter-flexible"];
const require = createRequire(import.meta.url);
const required = (entry: string) => require(`../../dist/cjs/${entry}.cjs`);
const cjs: typeof import("../../dist/index.js") = required("index");
const cjsExpress: typeof import("../../dist/express/index.js") = required("express");
const cjsFastify: typeof import("../../dist/fastify/index.js") = required("fastify");

const root = new URL("../../", import.meta.url);

describe("two builds in one process", () => {
  it("are two, and export the same names", async () => {
    assert.notEqual(cjs.Storage, Storage);
    for (const entry of ["index", "express", "fastify", "session-store", "session-store-tests", ...LIMITERS]) {
      const module = await import(new URL(`dist/${entry === "index" ? "" : `${entry}/`}index.js`, root).href);
      const other = required(entry);
      assert.deepEqual(Object.keys(other).sort(), Object.keys(module).sort(), entry);
      for (const [name, value] of Object.entries(module) as [string, { name?: unknown }][]) {
        assert.equal(other[name].name, value.name, `${entry}: ${name}`);
      }
    }
  });

  it("have one replica, whichever opens first and whichever closes last", async (t) => {
    for (const [First, Second] of [
      [Storage, cjs.Storage],
      [cjs.Storage, Storage],
    ] as const) {
      const path = temporaryDirectory(t);
      const first = await First.open("app", { path });
      teardown(t, () => first.close());
      const second = new Second("app", { path });
      teardown(t, () => second.close());
      const events: unknown[] = [];
      second.on("change", ({ path: changed }) => events.push(changed));
      first.set("a", 1);
      // Another replica would have it after a way to the manager and back.
      assert.equal(second.get("a"), 1);
      assert.equal(second.stats().pending, 1);
      await second.flush();
      assert.deepEqual(events, [["a"]]);
      await first.close();
      assert.deepEqual([second.set("a", 2), second.status, second.isManager], [2, "open", true]);
      await second.destroy();
    }
  });

  it("know each other's errors, and refuse options that differ", async (t) => {
    const path = temporaryDirectory(t);
    const storage = await Storage.open("app", { path });
    teardown(t, () => storage.close());
    let caught: unknown;
    try {
      new cjs.Storage("app", { path, stallTimeout: 777 });
    } catch (error) {
      caught = error;
    }
    assert.ok(caught instanceof StorageError && caught.code === "ERR_STORAGE_OPTIONS");
    assert.ok(caught instanceof cjs.StorageError);
    assert.ok(new cjs.StorageError(caught.code, "") instanceof StorageError);
    assert.equal(new TypeError("no") instanceof StorageError, false);
    assert.equal({ ...caught, code: caught.code, name: caught.name } instanceof StorageError, false);
  });

  it("share it in Express: middleware of one, sessions of the other, storage of either", async (t) => {
    const path = temporaryDirectory(t);
    const app = express();
    const opened = cjsExpress.clusterStorage({ path });
    teardown(t, () => opened.close());
    app.use(opened);
    app.use("/other", middleware({ storage: opened.storage as Storage }));
    const store = new ClusterSessionStore({ path });
    teardown(t, () => store.close());
    app.use(session({ store, secret: "s", resave: false, saveUninitialized: false }));
    app.get(["/", "/other"], (request, response) => {
      (request.session as { name?: string }).name = "ann";
      request.storage.set("asked", request.path);
      response.json(store.storage.get("asked"));
    });
    const server = app.listen(0, "127.0.0.1");
    teardown(t, () => void server.close());
    await new Promise((done) => server.once("listening", done));
    const { port } = server.address() as { port: number };
    for (const asked of ["/", "/other"]) {
      const response = await fetch(`http://127.0.0.1:${port}${asked}`, { headers: { connection: "close" } });
      assert.equal(await response.json(), asked);
    }
    const own = new cjs.ClusterSessionStore({ storage: store.storage });
    assert.equal(await own.length(), 2);
    await until("it is the only member", () => store.storage.stats().members === 1);
  });

  it("share it in Fastify", async (t) => {
    const path = temporaryDirectory(t);
    const app = fastify();
    teardown(t, () => app.close());
    await app.register(cjsFastify.clusterStorage, { path });
    await app.register(plugin, { path, namespace: "same" });
    app.get("/", async () => {
      app.storage.set("a", 1);
      return app.storages.same?.get("a");
    });
    assert.equal((await app.inject("/")).body, "1");
    await until("it is the only member", () => app.storage.stats().members === 1);
  });
});

it("the version that the builds go by is that of the package", () => {
  assert.equal(VERSION, JSON.parse(readFileSync(new URL("package.json", root), "utf8")).version);
});
