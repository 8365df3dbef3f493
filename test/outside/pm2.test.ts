/** Members as instances of PM2: started, reloaded, with the example, and under random violence. */
import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { Client, eventually, example, freePort } from "../examples/program.js";
import { runRound } from "../proof/chaos/round.js";
import { settingsOf } from "../proof/chaos/settings.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import { pm2In } from "./pm2.js";

const PACKAGE = new URL("../../dist/core/index.js", import.meta.url).href;
const DEADLINE_MS = 60_000;
/** Instances that the example starts. */
const WORKERS = 4;
/** A seed whose members are instances of PM2. */
const CHAOS_SEED = 3;

test("a watched application is started again when its code changes, and not by its data, if the directory of that is named", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "app.mjs");
  writeFileSync(
    file,
    `import { Storage } from ${JSON.stringify(PACKAGE)};
     const storage = await Storage.open("app", { path: "data" });
     await storage.increment("started");
     setInterval(() => storage.increment("ticks"), 50);`,
  );
  const settings = join(directory, "app.config.cjs");
  const app = { name: "app", script: file, cwd: directory, watch: true, ignore_watch: ["node_modules", "data"] };
  writeFileSync(settings, `module.exports = ${JSON.stringify({ apps: [app] })};`);
  const output = await pm2In(t)("start", settings);
  const storage = await Storage.open("app", { path: join(directory, "data") });
  teardown(t, () => storage.close());
  await until(`it works: ${output}`, () => storage.get("ticks") > 40, DEADLINE_MS);
  assert.equal(storage.get("started"), 1);
  appendFileSync(file, "\n");
  await until("it is started again", () => storage.get("started") > 1, DEADLINE_MS);
});

test("instances in cluster mode are members, also after a reload", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "app.mjs");
  writeFileSync(
    file,
    `import { Storage } from ${JSON.stringify(PACKAGE)};
     const storage = await Storage.open("app", { path: ${JSON.stringify(directory)} });
     await storage.increment("started");
     setInterval(() => {}, 1000);`,
  );
  const pm2 = pm2In(t);
  const output = await pm2("start", file, "-i", "2", "--name", "app");
  const storage = await Storage.open("app", { path: directory });
  teardown(t, () => storage.close());
  await until(`two instances: ${output}`, () => storage.get("started") === 2, DEADLINE_MS);
  await pm2("reload", "app");
  await until("two more after a reload", () => storage.get("started") === 4, DEADLINE_MS);
});

test("the instances of the example count together, also after a reload", async (t) => {
  interface Answer {
    instance: string;
    worker: number;
    visits: number;
  }
  const port = await freePort();
  const pm2 = pm2In(t, { PORT: String(port), DATA_DIR: temporaryDirectory(t) });
  const output = await pm2("start", example("pm2/ecosystem.config.cjs"));
  const client = new Client(`http://127.0.0.1:${port}/`);
  const workers = new Set<number>();
  let visits = 0;
  const everyWorkerAnswers = async (): Promise<true | undefined> => {
    const answer = await client.ask<Answer>("GET", "/");
    assert.equal(answer.visits, ++visits);
    workers.add(answer.worker);
    return workers.size === WORKERS ? true : undefined;
  };
  await eventually(`every instance has answered: ${output}`, everyWorkerAnswers);
  await pm2("reload", "visits");
  const old = new Set(workers);
  workers.clear();
  await eventually("every instance has answered again", everyWorkerAnswers);
  assert.deepEqual(
    [...workers].filter((worker) => old.has(worker)),
    [],
  );
});

test("whatever happens to its instances, nothing confirmed is lost or doubled, and all members show one order", async (t) => {
  const settings = settingsOf(CHAOS_SEED);
  assert.equal(settings.way, "pm2");
  const { problems, directory } = await runRound(t, settings);
  assert.deepEqual(problems, [], `files kept in ${directory}`);
});
