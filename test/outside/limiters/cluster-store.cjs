/** In the tests of @fastify/rate-limit, each of its own stores is one of a storage of this package, with counts of its own. */
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { Storage } = require("cluster-storage");
const { rateLimitStore } = require("cluster-storage/fastify-rate-limit");

const LOCAL_STORE = require.resolve(process.env.LOCAL_STORE);
const path = mkdtempSync(join(tmpdir(), "cluster-storage-limits-"));
const storage = new Storage("limits", { path });
process.on("exit", () => rmSync(path, { recursive: true, force: true }));
let storeCount = 0;

/** Called as the plugin creates its own store. */
function LocalStore(continueExceeding, exponentialBackoff) {
  const Store = rateLimitStore({ storage, prefix: `${++storeCount}/`, timeout: 30_000 });
  return new Store({ continueExceeding, exponentialBackoff, ban: 0 });
}
require.cache[LOCAL_STORE] = { id: LOCAL_STORE, filename: LOCAL_STORE, loaded: true, exports: LocalStore };
