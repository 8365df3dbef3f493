/** Two versions side by side: this one, and an invented next one that brings a level. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, eventually, freePort } from "../../examples/program.js";
import { temporaryDirectory } from "../../proof/cluster/processes.js";
import { StrangeMember } from "../environment/strange-member.js";
import { pm2In } from "../pm2.js";
import { nextVersion, THIS_VERSION } from "./next-version.js";

const INSTANCES = 3;

/** An application whose instances load the version that `VERSION` names; `/next` uses what only the next one has. */
const APPLICATION = `
  import { createServer } from "node:http";
  const { VERSION, PORT, DATA_DIR, RELEASE } = process.env;
  const { Storage } = await import(VERSION);
  const storage = await Storage.open("app", { path: DATA_DIR });
  const server = createServer(async (request, response) => {
    response.setHeader("connection", "close");
    try {
      const count = await storage.increment(request.url === "/next" ? "next.count" : "count");
      await storage.patch("fields", { [\`field\${count % 50}\`]: count });
      response.end(JSON.stringify({ release: RELEASE, worker: process.pid, count }));
    } catch (error) {
      response.statusCode = 503;
      response.end(JSON.stringify({ code: error.code, message: error.message }));
    }
  });
  storage.set("fields", {});
  server.listen(Number(PORT), "127.0.0.1", () => process.send?.("ready"));
  process.once("SIGINT", () => server.close(async () => {
    await storage.close();
    process.exit(0);
  }));
`;

interface Answer {
  readonly release: string;
  readonly worker: number;
  readonly count: number;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** The application under PM2, and a client that asks it all the time. */
async function deploy(t: TestContext) {
  const directory = temporaryDirectory(t);
  const [application, ecosystem] = [join(directory, "app.mjs"), join(directory, "ecosystem.config.cjs")];
  writeFileSync(application, APPLICATION);
  const port = await freePort();
  const pm2 = pm2In(t);
  const address = `http://127.0.0.1:${port}/`;
  /** Starts the application, or replaces its instances one after the other. */
  const release = async (command: "start" | "reload", name: string, version: string): Promise<string> => {
    const env = { VERSION: version, PORT: String(port), DATA_DIR: directory, RELEASE: name };
    const app = {
      script: application,
      exec_mode: "cluster",
      instances: INSTANCES,
      wait_ready: true,
      kill_timeout: 8000,
    };
    writeFileSync(ecosystem, `module.exports = ${JSON.stringify({ apps: [{ name: "app", ...app, env }] })};`);
    return pm2(command, ecosystem, "--update-env");
  };
  const answers: Answer[] = [];
  const failures: string[] = [];
  let isOver = false;
  let asking: Promise<unknown> = Promise.resolve();
  const ask = async (): Promise<void> => {
    const client = new Client(address);
    while (!isOver) {
      const response = await client.open("GET", "/").catch((error: Error) => error);
      if (response instanceof Error) failures.push(String(response.cause ?? response));
      else if (response.ok) answers.push((await response.json()) as Answer);
      else failures.push(await response.text());
      await sleep(5);
    }
  };
  return {
    directory,
    release,
    /** Begins to ask, once the application answers. */
    async begin(): Promise<void> {
      await eventually("the application answers", async () => {
        return fetch(address, { headers: { connection: "close" } }).then(
          async (response) => answers.push((await response.json()) as Answer),
          () => undefined,
        );
      });
      asking = Promise.all([ask(), ask(), ask()]);
    },
    /** What instances of a release are seen. */
    async expectOnly(name: string): Promise<void> {
      await eventually(`only instances of ${name} answer`, async () => {
        const from = answers.length;
        await sleep(1000);
        const releases = new Set(answers.slice(from).map(({ release }) => release));
        return (releases.size === 1 && releases.has(name)) || undefined;
      });
    },
    next: async () => {
      const response = await fetch(`${address}next`, { headers: { connection: "close" } });
      return (await response.json()) as Answer | Refusal;
    },
    /** Ends the asking; each request was answered, and counted once. */
    async end(): Promise<void> {
      isOver = true;
      await asking;
      assert.deepEqual(failures, [], "no request fails");
      const counts = answers.map(({ count }) => count).sort((a, b) => a - b);
      assert.deepEqual(
        counts,
        [...counts.keys()].map((index) => index + 1),
        "each request is counted once",
      );
      t.diagnostic(`${counts.length} requests, ${new Set(answers.map(({ worker }) => worker)).size} processes`);
    },
  };
}

test("an update, and what only the new version has", async (t) => {
  const next = await nextVersion(t);
  const { release, begin, end, expectOnly, next: askNext, directory } = await deploy(t);
  await release("start", "one", THIS_VERSION);
  await begin();
  await expectOnly("one");
  await release("reload", "two", next);
  await expectOnly("two");
  const first = await eventually("the log is raised", async () => {
    const answer = await askNext();
    return "count" in answer ? answer : undefined;
  });
  assert.equal(first.count, 1);
  assert.equal(((await askNext()) as Answer).count, 2);
  // Now there is no way back, and whoever tries is told.
  const old = new StrangeMember(t, { env: { STORAGE_MODULE: THIS_VERSION } });
  await assert.rejects(old.open({ path: directory }), {
    code: "ERR_STORAGE_PROTOCOL",
    message:
      /\(level 1\), got level 2: run the version of cluster-storage that the other processes run, or a newer one$/,
  });
  await end();
});

test("an update that is taken back before anything needed the new level", async (t) => {
  const next = await nextVersion(t);
  const { release, begin, end, expectOnly } = await deploy(t);
  await release("start", "one", THIS_VERSION);
  await begin();
  await release("reload", "two", next);
  await expectOnly("two");
  await release("reload", "three", THIS_VERSION);
  await expectOnly("three");
  await end();
});

test("what needs the new level waits while an old process has the storage open, and says which", async (t) => {
  const next = await nextVersion(t);
  const path = temporaryDirectory(t);
  const young = new StrangeMember(t, { env: { STORAGE_MODULE: next } });
  await young.open({ path });
  const old = new StrangeMember(t);
  await old.open({ path });
  const refused = await young.ask(({ storage }) =>
    storage.increment("next.count").catch((error: NodeJS.ErrnoException) => `${error.code} ${error.message}`),
  );
  assert.match(
    String(refused),
    new RegExp(
      `^ERR_STORAGE_PROTOCOL expected a log at level 2, .*: process ${old.process.pid} speaks level 1 at most$`,
    ),
  );
  await old.kill();
  const raised = await eventually("the log is raised", () =>
    young.ask(({ storage }) => storage.increment("next.count").catch(() => undefined)),
  );
  assert.equal(raised, 1);
});

test("a raised log keeps its level through failovers, folds, backups and the files, and an old process is told so by all of them", async (t) => {
  const env = { STORAGE_MODULE: await nextVersion(t) };
  const path = temporaryDirectory(t);
  const backup = join(path, "backup.db");
  const young = [new StrangeMember(t, { env }), new StrangeMember(t, { env })] as const;
  for (const member of young) await member.open({ path, stallTimeout: 1000 });
  const count = (member: StrangeMember): Promise<unknown> =>
    member.ask(({ storage }) => storage.increment("next.count").catch((error: NodeJS.ErrnoException) => error.code));
  assert.equal(await eventually("the log is raised", async () => (await count(young[0])) ?? undefined), 1);
  const [manager, other] = (await young[0].facts()).isManager ? young : [young[1], young[0]];
  await manager.kill();
  assert.equal(await count(other), 2, "a successor that read only the end of the log");
  await other.ask(({ storage }, file) => storage.backup(file), backup);
  const refusal = {
    code: "ERR_STORAGE_PROTOCOL",
    message: /\(level 1\), got level 2: run the version of cluster-storage/,
  };
  const old = new StrangeMember(t);
  await assert.rejects(old.open({ path }), refusal, "by the manager");
  await other.kill();
  const later = new StrangeMember(t);
  await assert.rejects(later.open({ path }), refusal, "by the segments");
  const next = new StrangeMember(t, { env });
  await next.open({ path });
  assert.equal(await count(next), 3, "it is read from the segments");
  await next.ask(({ storage }) => storage.close());
  await assert.rejects(new StrangeMember(t).open({ path }), refusal, "by the snapshot");
  const last = new StrangeMember(t, { env });
  await last.open({ path });
  assert.equal(await count(last), 4, "it is read from the snapshot");
  const elsewhere = temporaryDirectory(t);
  const restored = await old.ask(
    ({ Storage }, to, file) =>
      Storage.restore("app", file, { path: to }).catch((error: NodeJS.ErrnoException) => error.message),
    elsewhere,
    backup,
  );
  assert.match(String(restored), /level 1\), got level 2/, "by the backup");
});
