/** For Jest, which runs it in a realm of its own: values, options, errors and sessions are what they are elsewhere. */
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const cookie = require("@fastify/cookie");
const fastifySession = require("@fastify/session");
const { ClusterSessionStore, Storage, StorageError } = require("cluster-storage");
const { clusterStorage } = require("cluster-storage/express");
const plugin = require("cluster-storage/fastify");
const express = require("express");
const session = require("express-session");
const fastify = require("fastify");
const request = require("supertest");

const path = mkdtempSync(join(tmpdir(), "cluster-storage-jest-"));
let storage;
beforeAll(async () => {
  storage = await Storage.open("app", { path: pathToFileURL(path) });
});
afterAll(async () => {
  await storage.close();
  rmSync(path, { recursive: true, force: true });
});

test("this is another realm than that of Node.js", () => {
  let error;
  try {
    require("node:fs").readFileSync(join(path, "nothing"));
  } catch (thrown) {
    error = thrown;
  }
  expect(error instanceof Error).toBe(false);
});

test("values and paths are stored", () => {
  storage.set(["ann", "at"], new Date(0));
  storage.set("list", [1, { deep: null }]);
  expect(storage.get("ann")).toEqual({ at: "1970-01-01T00:00:00.000Z" });
  expect(storage.get("list")).toEqual([1, { deep: null }]);
  for (const value of [new Map(), Promise.resolve(), new Error("no"), /a/]) {
    expect(() => storage.set("no", value)).toThrow(TypeError);
  }
});

test("errors are told, of Node.js and of the application", async () => {
  await expect(storage.increment("list")).rejects.toThrow(StorageError);
  await expect(Storage.open("app", { path: join(path, "app.db.d") })).resolves.toBeInstanceOf(Storage);
  await expect(storage.backup(join(path, "none", "copy"))).rejects.toMatchObject({
    code: "ERR_STORAGE_BACKUP",
    message: expect.stringContaining("ENOENT"),
  });
  expect(() => new Storage("app", { path, stallTimeout: 777 })).toThrow(StorageError);
  const error = new Error("no");
  const batch = () => {
    storage.set("list", []);
    throw error;
  };
  expect(() => storage.batch(batch)).toThrow(error);
  expect(() => storage.batch(async () => {})).toThrow(TypeError);
  expect(storage.get("list")).toHaveLength(2);
});

test("copies of the package in one test file share what is open", () => {
  jest.isolateModules(() => {
    const again = require("cluster-storage");
    expect(again.Storage).not.toBe(Storage);
    const other = new again.Storage("app", { path });
    storage.set("shared", 1);
    expect(other.get("shared")).toBe(1);
    expect(new again.StorageError("ERR_STORAGE_CLOSED", "")).toBeInstanceOf(StorageError);
    return other.close();
  });
});

test("sessions of express-session", async () => {
  const app = express();
  app.use(clusterStorage({ storage }));
  const store = new ClusterSessionStore({ storage });
  app.use(session({ store, secret: "s", resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 } }));
  app.get("/", (req, res) => {
    req.session.count = (req.session.count ?? 0) + 1;
    res.json([req.session.count, req.storage === storage, req.session.cookie.expires instanceof Date]);
  });
  app.get("/login", (req, res) => req.session.regenerate(() => res.json(Object.assign(req.session, { count: 10 }))));
  app.get("/logout", (req, res) => req.session.destroy(() => res.json(null)));
  const agent = request.agent(app);
  const answers = [];
  for (const at of ["/", "/", "/login", "/", "/logout", "/"]) answers.push((await agent.get(at)).body?.[0]);
  expect(answers).toEqual([1, 2, undefined, 11, undefined, 1]);
  expect((await agent.get("/")).body).toEqual([2, true, true]);
});

/** @fastify/cookie calls `import()`, which Jest allows with an option only. */
const withSessions = process.execArgv
  .concat(process.env.NODE_OPTIONS ?? [])
  .join()
  .includes("vm-modules");

test(`Fastify ${withSessions ? "with" : "without"} sessions`, async () => {
  const app = fastify();
  app.register(plugin, { storage });
  if (withSessions) {
    const store = new ClusterSessionStore({ storage, prefix: "fastify" });
    app.register(cookie);
    app.register(fastifySession, { store, secret: "s".repeat(32), cookie: { secure: false, maxAge: 60_000 } });
  }
  app.get("/", async ({ session = {} }) => {
    session.count = (session.count ?? 0) + 1;
    return [session.count, app.storage === storage];
  });
  app.get("/logout", async ({ session }) => {
    await session?.destroy();
    return [null];
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  let own = "";
  const ask = async (at) => {
    const response = await fetch(`http://127.0.0.1:${app.server.address().port}${at}`, { headers: { cookie: own } });
    own = response.headers.get("set-cookie")?.split(";")[0] ?? own;
    return await response.json();
  };
  const answers = [];
  for (const at of ["/", "/", "/logout", "/"]) answers.push((await ask(at))[0]);
  expect(answers).toEqual(withSessions ? [1, 2, null, 1] : [1, 1, null, 1]);
  expect(await ask("/")).toEqual([withSessions ? 2 : 1, true]);
  await app.close();
});

test("a fake clock stops nothing", async () => {
  jest.useFakeTimers();
  const other = await Storage.open("fake", { path, persist: false });
  other.set("a", 1, 60_000);
  await other.flush();
  jest.setSystemTime(Date.now() + 3_600_000);
  jest.advanceTimersByTime(3_600_000);
  expect(other.get("a")).toBe(1);
  await other.close();
  jest.useRealTimers();
});
