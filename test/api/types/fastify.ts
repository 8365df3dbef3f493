/** Uses of Fastify, without a cast. It is compiled, and never run; each line after `@ts-expect-error` must not compile. */

import { Storage } from "cluster-storage";
import clusterStorage, { type ClusterStorageOptions, clusterStorage as named } from "cluster-storage/fastify";
import fastify, { type FastifyInstance, type FastifyPluginAsync } from "fastify";

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
