/** Uses of Express, in any version, without a cast. It is compiled, and never run; each line after `@ts-expect-error` must not compile. */

import { Storage, type StorageOptions } from "cluster-storage";
import clusterStorage, {
  type ClusterStorageMiddleware,
  type ClusterStorageOptions,
  clusterStorage as named,
} from "cluster-storage/express";
import express, { type Request, type Response } from "express";

const app = express();
app.use(clusterStorage());
app.use("/api", named({ name: "api", path: "data", fsync: "never", timeout: 500 }));
app.use(express.json(), clusterStorage({ storage: new Storage("app") }));
express.Router().use(clusterStorage({ storage: new Storage("app"), timeout: 1 }));
app.get("/own", clusterStorage(), (req, res) => {
  res.json(req.storage.get("key"));
});

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
