/** Programs as users write them, without a cast; each line behind `@ts-expect-error` must not compile. */

/** Programs for the types of Express, in any version. */
export const EXPRESS = `
import express, { type Request, type Response } from "express";
import { Storage, type StorageOptions } from "cluster-storage";
import clusterStorage, { clusterStorage as named, type ClusterStorageMiddleware, type ClusterStorageOptions } from "cluster-storage/express";

const app = express();
app.use(clusterStorage());
app.use("/api", named({ name: "api", path: "data", fsync: "never", timeout: 500 }));
app.use(express.json(), clusterStorage({ storage: new Storage("app") }));
express.Router().use(clusterStorage({ storage: new Storage("app"), timeout: 1 }));
app.get("/own", clusterStorage(), (req, res) => { res.json(req.storage.get("key")); });

app.get("/", async (req, res) => {
  const visits: number = await req.storage.increment("visits");
  const user: { name: string } = req.storage.get<{ name: string }>("user");
  const same: Storage[] = [req.app.locals.storage, res.locals.storage, app.locals.storage];
  res.json({ visits, user, connected: same.every((storage) => storage.connected) });
  // @ts-expect-error a ttl is a number
  req.storage.set("key", 1, "1s");
  // @ts-expect-error there is no such method
  app.locals.storage.put("key", 1);
});
export function page(req: Request<{ id: string }>, res: Response): void {
  res.json(req.storage.get(["users", req.params.id]));
}

const options: StorageOptions = { path: "data" };
const mine: ClusterStorageOptions = { ...options, name: "mine" };
const middleware: ClusterStorageMiddleware = clusterStorage(mine);
export const closing: Promise<void> = middleware.close();
export const current: Storage = middleware.storage;

// @ts-expect-error either a storage or options to open one
clusterStorage({ storage: new Storage("app"), path: "data" });
const both = { storage: new Storage("app"), path: "data" };
// @ts-expect-error neither when they come in a variable
clusterStorage(both);
// @ts-expect-error either a storage or a name
clusterStorage({ storage: new Storage("app"), name: "app" });
// @ts-expect-error what is given is a storage
clusterStorage({ storage: new Map() });
// @ts-expect-error a timeout is a number of ms
clusterStorage({ timeout: "1s" });
// @ts-expect-error no such option
clusterStorage({ namespace: "cache" });
// @ts-expect-error no name alone
clusterStorage("app");
`;

export const FASTIFY = `
import fastify, { type FastifyInstance, type FastifyPluginAsync } from "fastify";
import { Storage } from "cluster-storage";
import clusterStorage, { clusterStorage as named, type ClusterStorageOptions } from "cluster-storage/fastify";

declare module "cluster-storage/fastify" {
  interface StorageNamespaces {
    cache: Storage;
  }
}

const app = fastify();
app.register(clusterStorage);
app.register(named, {});
app.register(clusterStorage, { name: "rates", path: "data", fsync: "never", namespace: "rates", timeout: 500 });
app.register(clusterStorage, { storage: new Storage("app"), close: true, namespace: "cache" });
app.register(clusterStorage, () => ({ path: "data" }));
app.register(clusterStorage, { prefix: "/x", path: "data" });
app.register(import("cluster-storage/fastify"));
app.register(import("cluster-storage/fastify"), { path: "data" });
fastify({ http2: true }).register(clusterStorage, { path: "data" });
fastify({ logger: true }).register(clusterStorage);

const routes: FastifyPluginAsync = async (context: FastifyInstance) => {
  context.get("/", async (request) => {
    const visits: number = await context.storage.increment("visits");
    const rates: Storage | undefined = context.storages.rates;
    const cache: Storage = context.storages.cache;
    const name: string = request.server.storage.get<string>("user.name");
    return { visits, rates: rates?.size, cache: cache.size, name };
  });
  // @ts-expect-error a ttl is a number
  context.storage.set("key", 1, "1s");
  // @ts-expect-error a storage is no number
  context.storages.rates = 1;
};
app.register(routes);
const options: ClusterStorageOptions = { path: "data", namespace: "x" };
app.register(clusterStorage, options);

// @ts-expect-error either a storage or options to open one
app.register(clusterStorage, { storage: new Storage("app"), path: "data" });
// @ts-expect-error what was opened here is always closed
app.register(clusterStorage, { path: "data", close: true });
// @ts-expect-error what is given is a storage
app.register(clusterStorage, { storage: {} });
// @ts-expect-error a namespace is text
app.register(clusterStorage, { namespace: 7 });
// @ts-expect-error no such option
app.register(clusterStorage, { client: new Storage("app") });
`;

export const EXPRESS_SESSION = `
import express from "express";
import session from "express-session";
import { ClusterSessionStore as fromRoot, Storage } from "cluster-storage";
import ClusterSessionStore, { ClusterSessionStore as named } from "cluster-storage/session-store";
import { clusterStorage } from "cluster-storage/express";

const app = express();
const storage = new Storage("app");
app.use(clusterStorage({ storage }));
app.use(session({ secret: "s", resave: false, saveUninitialized: false, store: new ClusterSessionStore() }));
app.use(session({ secret: "s", store: new named({ storage, prefix: "sid", ttl: 1000, touchAfter: 0, timeout: 1000 }) }));
app.use(session({ secret: "s", store: new fromRoot({ name: "sessions", path: "data", consistency: "strong" }) }));
const store: session.Store = new ClusterSessionStore({ storage });
app.get("/", (req, res) => {
  store.destroy(req.sessionID, () => res.json(req.storage.get("key")));
});

// @ts-expect-error either a storage or options to open one
new ClusterSessionStore({ storage, path: "data" });
// @ts-expect-error no such consistency
new ClusterSessionStore({ consistency: "eventual" });
// @ts-expect-error no such option
new ClusterSessionStore({ client: storage });
`;

export const FASTIFY_SESSION = `
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify from "fastify";
import { clusterStorage } from "cluster-storage/fastify";
import { ClusterSessionStore } from "cluster-storage/session-store";

const app = fastify();
const secret = "a secret of at least thirty-two characters";
app.register(clusterStorage);
app.register(fastifyCookie);
app.register(fastifySession, { secret, store: new ClusterSessionStore() });
app.register(async (context) => {
  context.register(fastifySession, { secret, store: new ClusterSessionStore({ storage: app.storage }) });
  context.get("/", async (request) => ({ id: request.session.sessionId, size: context.storage.size }));
});
`;
