import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { installWith, pack } from "./packed.js";

const run = promisify(execFile);
const NEEDED = ["lodash", "fastify-plugin"];
const EXPRESS = ["express", "express-session"];
const FASTIFY = ["fastify", "@fastify/cookie", "@fastify/session"];

const ASK = `
  const ask = async (cookie) => {
    const response = await fetch("http://127.0.0.1:" + port + "/", { headers: { cookie } });
    return [await response.text(), (response.headers.get("set-cookie") ?? cookie).split(";")[0]];
  };
  const [first, cookie] = await ask("");
  const [second] = await ask(cookie);
  console.log(JSON.stringify([first, second]));
`;

const EXPRESS_WORK = `
  const app = express();
  const storage = new Storage("app", { path: process.argv[2] });
  app.use(clusterStorage({ storage }));
  app.use(session({ store: new ClusterSessionStore({ storage }), secret: "s", resave: false, saveUninitialized: false }));
  app.get("/", async (request, response) => {
    request.session.count = (request.session.count ?? 0) + 1;
    response.send(request.session.count + " of " + (await request.storage.increment("total")));
  });
  const server = app.listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  ${ASK}
  server.close();
  server.closeAllConnections();
  await storage.close();
`;

const FASTIFY_WORK = `
  const app = Fastify();
  await app.register(clusterStorage, { path: process.argv[2] });
  await app.register(cookies);
  await app.register(session, { store: new ClusterSessionStore({ storage: app.storage }), secret: "s".repeat(32), cookie: { secure: false } });
  app.get("/", async (request) => {
    request.session.count = (request.session.count ?? 0) + 1;
    return request.session.count + " of " + (await app.storage.increment("total"));
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address();
  ${ASK}
  await app.close();
`;

describe("the packed package's adapters", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-adapters-"));
  let archive = "";
  let runs = 0;

  before(async () => {
    archive = join(folder, (await pack(folder)).filename);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a program in a folder that has the package and these others; returns what it printed. */
  const printed = async (names: readonly string[], program: string, text: string): Promise<unknown> => {
    const home = join(folder, `home${++runs}`);
    mkdirSync(home);
    await installWith(home, archive, [...NEEDED, ...names]);
    writeFileSync(join(home, program), text);
    const { stdout } = await run(process.execPath, [program, join(home, "data")], { cwd: home, timeout: 60_000 });
    return JSON.parse(stdout);
  };

  it("work for Express without Fastify", async () => {
    const imports = `
      import express from "express";
      import session from "express-session";
      import { ClusterSessionStore, Storage } from "cluster-storage";
      import clusterStorage from "cluster-storage/express";
    `;
    assert.deepEqual(await printed(EXPRESS, "app.mjs", imports + EXPRESS_WORK), ["1 of 1", "2 of 2"]);
  });

  it("work for Express in CommonJS", async () => {
    const imports = `
      const express = require("express");
      const session = require("express-session");
      const { ClusterSessionStore, Storage } = require("cluster-storage");
      const { clusterStorage } = require("cluster-storage/express");
    `;
    const text = `${imports}\n(async () => {${EXPRESS_WORK}})();`;
    assert.deepEqual(await printed(EXPRESS, "app.cjs", text), ["1 of 1", "2 of 2"]);
  });

  it("work for Fastify without Express and express-session", async () => {
    const imports = `
      import Fastify from "fastify";
      import cookies from "@fastify/cookie";
      import session from "@fastify/session";
      import { ClusterSessionStore } from "cluster-storage/session-store";
      import clusterStorage from "cluster-storage/fastify";
    `;
    assert.deepEqual(await printed(FASTIFY, "app.mjs", imports + FASTIFY_WORK), ["1 of 1", "2 of 2"]);
  });

  it("work for Fastify in CommonJS", async () => {
    const imports = `
      const Fastify = require("fastify");
      const cookies = require("@fastify/cookie");
      const session = require("@fastify/session");
      const { ClusterSessionStore } = require("cluster-storage");
      const clusterStorage = require("cluster-storage/fastify");
    `;
    const text = `${imports}\n(async () => {${FASTIFY_WORK}})();`;
    assert.deepEqual(await printed(FASTIFY, "app.cjs", text), ["1 of 1", "2 of 2"]);
  });

  it("need no framework for the storage alone", async () => {
    const text = `
      import { Storage } from "cluster-storage";
      const storage = await Storage.open("app", { path: process.argv[2] });
      console.log(storage.set("a", 1));
      await storage.close();
    `;
    assert.equal(await printed([], "app.mjs", text), 1);
  });
});
