/** Every way to run several processes; PM2 is in `test/outside`. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Storage } from "../../../dist/core/index.js";
import { runs } from "../budget.js";
import { convergedContents } from "./history.js";
import { type Member, Processes, temporaryDirectory } from "./processes.js";
import { teardown } from "./teardown.js";

const PACKAGE = new URL("../../../dist/core/index.js", import.meta.url).href;

/** A program that opens the storage, adds its label to the members, and waits until `count` of them are there. */
const joiner = (directory: string, count: number) => `
  import { Storage } from ${JSON.stringify(PACKAGE)};
  const storage = await Storage.open("app", { path: ${JSON.stringify(directory)} });
  await storage.increment("started");
  storage.set(["members", process.env.LABEL ?? String(process.pid)], process.pid);
  while (Object.keys(storage.get("members") ?? {}).length < ${count}) await new Promise((resolve) => setTimeout(resolve, 5));
  console.log("all here", Object.keys(storage.get("members")).length);
  await storage.flush();
`;

/** Runs a program; gives what it printed once it has ended. */
function run(t: TestContext, file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [file], { env: { ...process.env, ...env } });
  teardown(t, () => child.kill("SIGKILL"));
  let output = "";
  child.stdout?.on("data", (chunk) => (output += chunk));
  child.stderr?.on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.on("exit", (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code}: ${output}`))));
  });
}

test("child_process.spawn: processes with nothing in common but the path", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "joiner.mjs");
  writeFileSync(file, `${joiner(directory, 3)} await storage.close();`);
  const outputs = await Promise.all(["a", "b", "c"].map((label) => run(t, file, { LABEL: label })));
  for (const output of outputs) assert.equal(output, "all here 3\n");
});

test("node:cluster: workers and the primary, which opens the storage too", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "cluster.mjs");
  writeFileSync(
    file,
    `import cluster from "node:cluster";
     if (cluster.isPrimary) for (let index = 0; index < 4; index++) cluster.fork({ LABEL: "worker" + index });
     ${joiner(directory, 5)}
     await storage.close();
     if (cluster.isWorker) cluster.worker.disconnect();`,
  );
  const output = await run(t, file, { LABEL: "primary" });
  assert.equal(output, "all here 5\n".repeat(5));
});

test("worker threads", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "thread.mjs");
  writeFileSync(file, `${joiner(directory, 3)} await storage.close();`);
  const threads = ["a", "b", "c"].map(
    (label) => new Worker(file, { env: { ...process.env, LABEL: label }, stdout: true }),
  );
  const codes = await Promise.all(
    threads.map((thread) => new Promise((resolve, reject) => thread.on("exit", resolve).on("error", reject))),
  );
  assert.deepEqual(codes, [0, 0, 0]);
});

test("one plain process ends by itself when it has nothing pending, and what it wrote is in the file", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "plain.mjs");
  writeFileSync(
    file,
    `import { Storage } from ${JSON.stringify(PACKAGE)};
     const storage = new Storage("app", { path: ${JSON.stringify(directory)} });
     storage.set("runs", (process.env.RUN));`,
  );
  for (const run_ of ["1", "2"]) await run(t, file, { RUN: run_ });
  const storage = await Storage.open("app", { path: directory });
  teardown(t, () => storage.close());
  assert.equal(storage.get("runs"), "2");
});

test("16 processes started at the same moment find one manager and one state", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) });
  const members = Array.from({ length: 16 }, () => processes.start());
  await Promise.all(members.map((member) => member.call("increment", "started")));
  const contents = await convergedContents(members);
  assert.deepEqual(contents, [["started", 16]]);
  const managers = await Promise.all(members.map((member) => member.call<boolean>("isManager")));
  assert.equal(managers.filter(Boolean).length, 1);
  const pids = new Set(await Promise.all(members.map((member) => member.call<number>("managerPid"))));
  assert.equal(pids.size, 1);
});

test("two applications with different paths do not see each other", async (t) => {
  const one = new Processes(t, { path: temporaryDirectory(t) });
  const two = new Processes(t, { path: temporaryDirectory(t) });
  const [[here], [there]] = (await Promise.all([one.startJoined(1), two.startJoined(1)])) as [[Member], [Member]];
  await here.call("set", "key", "here");
  await here.call("flush");
  await there.call("sync");
  assert.equal(await there.call("get", "key"), null);
});

test("a member that may not be the manager waits for one that may", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) });
  const bystander = processes.start({ candidate: false });
  await bystander.call("set", "key", 1);
  const candidate = processes.start();
  await candidate.call("sync");
  await bystander.call("flush");
  assert.equal(await bystander.call("isManager"), false);
  await candidate.kill();
  const next = processes.start();
  await next.call("sync");
  assert.equal(await next.call("get", "key"), 1);
});

test("app.db alone is everything after all processes have closed the storage at the same moment", async (t) => {
  for (let round = 0; round < 2 * runs; round++) {
    const directory = temporaryDirectory(t);
    const processes = new Processes(t, { path: directory });
    const members = await processes.startJoined(4);
    for (const [index, member] of members.entries()) await member.call("set", ["key", index], `${round}.${index}`);
    await Promise.all(members.map((member) => member.call("close")));
    rmSync(join(directory, "app.db.d"), { recursive: true });
    const storage = await Storage.open("app", { path: directory });
    assert.deepEqual(
      storage.get("key"),
      [0, 1, 2, 3].map((index) => `${round}.${index}`),
    );
    await storage.close();
  }
});
