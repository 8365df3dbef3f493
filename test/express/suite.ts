/** The promises of the middleware, as tests for a version of Express. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
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

    it("closes a storage that it opened with the last of the servers", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t) });
      const app = appWith(middleware);
      const [first, second, third] = [await listen(t, app), await listen(t, app), await listen(t, app)];
      for (const { url } of [first, second, first]) assert.equal((await ask(`${url}/count`)).status, 200);
      await first.close();
      await third.close();
      assert.equal(middleware.storage.closed, false, "the second server still listens");
      assert.deepEqual((await ask(`${second.url}/count`)).body, { count: 4 });
      await second.close();
      assert.equal(middleware.storage.closed, true);
      await middleware.close();
    });

    it("opens the storage again for a later request", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t) });
      const app = appWith(middleware);
      const storages = new Set<Storage>();
      for (let count = 1; count <= 5; count++) {
        const { url, close } = await listen(t, app);
        assert.deepEqual((await ask(`${url}/count`)).body, { count });
        assert.equal(app.locals.storage, middleware.storage);
        storages.add(middleware.storage);
        if (count % 2 === 0) await middleware.close();
        await close();
        assert.equal(middleware.storage.closed, true);
      }
      assert.equal(storages.size, 5);
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

    it("emits an error of the storage when it cannot be closed with the server", async (t) => {
      const middleware = middlewareIn(t, { path: temporaryDirectory(t) });
      const { storage } = middleware;
      const { url, close } = await listen(t, appWith(middleware));
      await ask(url);
      const release = storage.close.bind(storage);
      storage.close = () => release().then(() => Promise.reject(new Error("the disk refuses")));
      const emitted = new Promise<Error>((resolve) => storage.once("error", resolve));
      await close();
      assert.equal((await emitted).message, "the disk refuses");
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
