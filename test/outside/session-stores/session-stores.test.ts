/**
 * The suite for session stores, from the packed package, on the stores that people use: what the page says of them is so.
 *
 *   CLUSTER_STORAGE_WRITE=1 npm run test:outside -- session-stores     writes the page
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { installWith, linkPackages, pack, root } from "../packaging/packed.js";
import { type Column, columnOf, columnsOnPage, generated, type Outcomes, partOnPage, writePart } from "./page.js";
import { redisVersion, startRedis } from "./redis.js";

const run = promisify(execFile);
const DEADLINE_MS = 240_000;
const OUTSIDE = join(root, "test/outside");
const FRAMEWORKS = ["express", "express-session", "fastify", "@fastify/cookie", "@fastify/session"];
/** The stores of the page, and the packages that are installed for them besides the frameworks. */
const STORES: Readonly<Record<string, readonly string[]>> = {
  MemoryStore: [],
  memorystore: ["memorystore"],
  "connect-redis": ["connect-redis", "redis"],
  "session-file-store": ["session-file-store"],
  ClusterSessionStore: [],
};
/** Cases that a store may pass or not, since its writes race with those of the next request: by how fast the disk is. */
const RACES: Readonly<Record<string, readonly string[]>> = {
  "session-file-store": [
    "set and destroy take effect in the order of their calls",
    "the request that follows a redirect finds what was stored before it",
  ],
};
const REDIS = redisVersion();
const isWriting = process.env.CLUSTER_STORAGE_WRITE === "1";

const versionOf = (name: string, home: string): string =>
  JSON.parse(readFileSync(join(home, "node_modules", name, "package.json"), "utf8")).version;

/** The sentence of the page that names the versions. */
function versions(redis: string): string {
  const names = ["express", "express-session", "fastify", "@fastify/session"];
  const frameworks = names.map((name) => `${name} ${versionOf(name, root)}`);
  const stores = ["memorystore", "connect-redis", "session-file-store"].map(
    (name) => `${name} ${versionOf(name, OUTSIDE)}`,
  );
  return `Measured with ${[...frameworks, ...stores].join(", ")} and a Redis server ${redis}.`;
}

describe("the session stores", () => {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-stores-"));
  const measured: Record<string, Column> = {};

  before(async () => {
    const { filename } = await pack(folder);
    await installWith(folder, join(folder, filename), ["lodash", "fastify-plugin", ...FRAMEWORKS]);
    linkPackages(folder, Object.values(STORES).flat(), OUTSIDE);
    copyFileSync(join(OUTSIDE, "session-stores/program.mjs"), join(folder, "program.mjs"));
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  for (const name of Object.keys(STORES)) {
    const isLacking = name === "connect-redis" && REDIS === undefined;
    const skip = isLacking ? "there is no redis-server" : false;
    it(`pass the cases that the page says: ${name}`, { skip }, async (t) => {
      const directory = join(folder, name);
      mkdirSync(directory);
      const parameters = ["program.mjs", name, directory];
      if (name === "connect-redis") {
        const { server, socket } = await startRedis(directory);
        t.after(() => server.kill("SIGKILL"));
        parameters.push(socket);
      }
      const { stdout } = await run(process.execPath, parameters, { cwd: folder, timeout: DEADLINE_MS });
      const onPage = columnsOnPage()[name] ?? {};
      const column = columnOf(JSON.parse(stdout) as Outcomes);
      if (isWriting) measured[name] = column;
      else {
        const raced = (RACES[name] ?? []).map((tested) => [tested, onPage[tested]]);
        assert.deepEqual({ ...column, ...Object.fromEntries(raced) }, onPage);
      }
    });
  }

  it("are on the page with their versions", () => {
    const redis = REDIS ?? /Redis server ([\d.]+)\.$/m.exec(partOnPage())?.[1] ?? "";
    const onPage = columnsOnPage();
    const columns = Object.fromEntries(Object.keys(STORES).map((name) => [name, measured[name] ?? onPage[name] ?? {}]));
    const part = generated(columns, versions(redis));
    if (isWriting) writePart(part);
    const withoutRedis = (text: string): string => text.replace(/Redis server [\d.]+\./, "Redis server.");
    assert.equal(withoutRedis(partOnPage()), withoutRedis(part));
  });
});
