/** The promises of the middleware, as tests for a version of Express. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import type express from "express";
import type { NextFunction, Request, Response } from "express";
import { Storage, type StorageError, type StorageOptions } from "../../dist/core/index.js";
import defaultExport, {
  type ClusterStorageMiddleware,
  type ClusterStorageOptions,
  clusterStorage,
} from "../../dist/express/index.js";
import { ask, listen } from "../adapter/ask.js";
import { Home } from "../api/conformance/home.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

/** So long that a test that waits for it fails by the deadline of `until`. */
const FOREVER_MS = 600_000;

/** Creates a middleware whose storage is closed when the test ends. */
function middlewareIn(t: TestContext, options: ClusterStorageOptions): ClusterStorageMiddleware {
  const middleware = clusterStorage(options);
  teardown(t, () => middleware.close().catch(() => {}));
  return middleware;
}

export function middlewareSuite(version: string, createApp: typeof express): void {
  /** An application that answers with the value at `key`, and increments a number on `/count`. */
  const appWith = (middleware: ClusterStorageMiddleware): express.Express => {
    const app = createApp();
    app.set("env", "test");
    app.use(middleware);
    app.get("/", (req, res) => res.json({ value: req.storage.get("key") }));
    app.get("/count", (req, res, next) => {
      req.storage.increment("count").then((count) => res.json({ count }), next);
    });
    return app;
  };

  /** Collects the errors that reach the application, and leaves the answer to Express. */
  const errorsOf = (app: express.Express): StorageError[] => {
    const errors: StorageError[] = [];
    app.use((error: StorageError, _req: Request, _res: Response, next: NextFunction) => {
      errors.push(error);
      next(error);
    });
    return errors;
  };

  describe(`the middleware in ${version}`, () => {
    it("gives the same storage to request, response and application", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t) });
      const app = createApp();
      app.use(middleware);
      app.get("/", (req, res) => {
        const places = [req.storage, res.locals.storage, req.app.locals.storage, app.locals.storage];
        res.json(places.map((storage) => storage === middleware.storage && storage.connected));
      });
      const { url } = await listen(t, app);
      assert.deepEqual((await ask(url)).body, [true, true, true, true]);
      assert.equal(defaultExport, clusterStorage);
      assert.deepEqual([middleware.storage.name, middleware.length], ["app", 3]);
    });

    it("shares the data with others that open the same storage in the process", async (t) => {
      const path = temporaryDirectory(t);
      const [first, second] = [middlewareIn(t, { path }), middlewareIn(t, { name: "app", path })];
      first.storage.set("key", 1);
      assert.equal(second.storage.get("key"), 1);
    });

    it("makes a request before the first join wait, and then shows it what other processes have", async (t) => {
      const home = new Home(t);
      const member = await home.member();
      await member.call("set", "key", "theirs");
      await member.call("flush");
      const middleware = middlewareIn(t, { path: home.directory });
      const { url } = await listen(t, appWith(middleware));
      assert.equal(middleware.storage.get("key"), null, "it has not joined yet");
      assert.deepEqual((await ask(url)).body, { value: "theirs" });
    });

    it("answers waiting requests as soon as there is a manager", async (t) => {
      const home = new Home(t);
      const middleware = middlewareIn(t, { path: home.directory, candidate: false, timeout: FOREVER_MS });
      const app = createApp();
      let arrived = 0;
      app.use((_req, _res, next) => {
        arrived++;
        next();
      });
      app.use(appWith(middleware));
      const { url } = await listen(t, app);
      const answers = Promise.all(Array.from({ length: 20 }, () => ask(url)));
      await until("all requests have arrived", () => arrived === 20);
      await home.member();
      for (const { status, body } of await answers) assert.deepEqual([status, body], [200, { value: null }]);
      assert.deepEqual([middleware.storage.listenerCount("ready"), middleware.storage.listenerCount("error")], [0, 0]);
    });

    it("answers 503 when there is no manager within the timeout, and passes the error to the application", async (t) => {
      const app = appWith(middlewareIn(t, { path: temporaryDirectory(t), candidate: false, timeout: 30 }));
      const errors = errorsOf(app);
      const { url } = await listen(t, app);
      const { status, text } = await ask(url);
      assert.equal(status, 503);
      const message = /expected the storage app to join within 30 ms, got no manager/;
      assert.match(text, message);
      const [error] = errors as [StorageError & { status: number; statusCode: number }];
      assert.deepEqual([error.name, error.code], ["StorageError", "ERR_STORAGE_NOT_READY"]);
      assert.deepEqual([error.status, error.statusCode, errors.length], [503, 503, 1]);
      assert.match(error.message, message);
    });

    it("answers 503 at once when the storage cannot be opened, with the reason as cause", async (t) => {
      const path = temporaryDirectory(t);
      writeFileSync(`${path}/app.db`, "neither JSON nor a snapshot");
      const app = appWith(middlewareIn(t, { path, timeout: FOREVER_MS }));
      const errors = errorsOf(app);
      const { url } = await listen(t, app);
      assert.equal((await ask(url)).status, 503, "the request waits for the failure");
      assert.equal((await ask(url)).status, 503, "the failure is known");
      for (const { code, message, cause } of errors) {
        assert.equal(code, "ERR_STORAGE_NOT_READY");
        assert.equal((cause as StorageError).code, "ERR_STORAGE_FORMAT");
        assert.ok(message.includes((cause as StorageError).message), message);
      }
      assert.equal(errors.length, 2);
    });

    for (const way of ["opened", "given"]) {
      it(`answers requests while there is no manager, with a storage that was ${way}`, async (t) => {
        const home = new Home(t);
        const member = await home.member();
        const options: StorageOptions = { path: home.directory, candidate: false };
        const storage = new Storage("app", options);
        teardown(t, () => storage.close().catch(() => {}));
        await storage.sync();
        storage.set("key", "mine");
        await storage.flush();
        const lose = async () => {
          await member.kill();
          await until("the storage has noticed that its manager has ended", () => !storage.connected);
        };
        if (way === "given") await lose(); // so the middleware has never seen it connected
        const middleware = middlewareIn(t, { ...(way === "given" ? { storage } : options), timeout: 30 });
        const { url } = await listen(t, appWith(middleware));
        if (way === "opened") await lose();
        assert.deepEqual((await ask(url)).body, { value: "mine" });
      });
    }

    it("gives the same open storage to requests of one server after the other, as test tools start them", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t), persist: version === "Express 5" });
      const { storage } = middleware;
      const app = appWith(middleware);
      for (let count = 1; count <= 5; count++) {
        const { url, close } = await listen(t, app);
        assert.deepEqual((await ask(`${url}/count`)).body, { count });
        await close();
        assert.deepEqual([middleware.storage === storage, app.locals.storage === storage], [true, true]);
        assert.deepEqual([storage.closed, storage.get("count")], [false, count]);
      }
    });

    it("goes on with a server that listens again, and beside a second one", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t) });
      const { storage } = middleware;
      const app = appWith(middleware);
      const [first, second] = [await listen(t, app), await listen(t, app)];
      assert.deepEqual((await ask(`${first.url}/count`)).body, { count: 1 });
      await first.close();
      assert.deepEqual((await ask(`${second.url}/count`)).body, { count: 2 });
      await second.close();
      await new Promise<void>((resolve) => first.server.listen(0, resolve));
      const { port } = first.server.address() as AddressInfo;
      assert.deepEqual((await ask(`http://127.0.0.1:${port}/count`)).body, { count: 3 });
      assert.deepEqual([storage.closed, middleware.storage === storage], [false, true]);
    });

    it("opens the storage again, in the same directory, for a request after it was closed", async (t) => {
      const [path, elsewhere] = [temporaryDirectory(t), temporaryDirectory(t)];
      const before = process.cwd();
      teardown(t, () => process.chdir(before));
      process.chdir(path);
      const middleware = middlewareIn(t, {});
      process.chdir(elsewhere);
      const { url } = await listen(t, appWith(middleware));
      for (let count = 1; count <= 3; count++) {
        assert.deepEqual((await ask(`${url}/count`)).body, { count });
        await middleware.close();
        assert.equal(middleware.storage.closed, true);
      }
      assert.deepEqual(readdirSync(elsewhere), []);
    });

    it("uses the options as they were when it opens the storage again", async (t) => {
      const path = temporaryDirectory(t);
      const options = { name: "mine", path };
      const middleware = middlewareIn(t, options);
      await middleware.close();
      options.name = "other";
      const { url } = await listen(t, appWith(middleware));
      assert.deepEqual((await ask(`${url}/count`)).body, { count: 1 });
      assert.equal(middleware.storage.name, "mine");
    });

    it("never closes a given storage", async (t) => {
      const storage = await new Home(t).open();
      const middleware = clusterStorage({ storage });
      const { url, close, server } = await listen(t, appWith(middleware));
      assert.deepEqual((await ask(`${url}/count`)).body, { count: 1 });
      await close();
      await middleware.close();
      assert.equal(server.listening, false);
      assert.deepEqual([storage.closed, middleware.storage === storage], [false, true]);
      assert.equal(storage.get("count"), 1);
    });

    it("accepts requests without a server, which a test may create", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t) });
      const req = { socket: {} } as IncomingMessage & { storage?: Storage };
      await new Promise((resolve) => middleware(req, {} as never, resolve));
      assert.equal(req.storage, middleware.storage);
    });

    it("passes errors of the application on", async (t) => {
      const app = createApp();
      app.set("env", "test");
      app.use(middlewareIn(t, { path: temporaryDirectory(t) }));
      app.get("/", () => {
        throw Object.assign(new Error("not today"), { status: 418 });
      });
      const { url } = await listen(t, app);
      const { status, text } = await ask(url);
      assert.equal(status, 418);
      assert.match(text, /not today/);
    });
  });
}
