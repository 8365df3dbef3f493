/** Each small example, as somebody would run it who has just read it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import { Client, eventually, example, Program } from "./program.js";

const PM2 = fileURLToPath(new URL("../../node_modules/pm2/bin/pm2", import.meta.url));
const WORKERS = 4;

/** Starts an example; it is stopped when the test ends. */
function start(t: TestContext, name: string): Program {
  const program = new Program(example(name), [], { DATA_DIR: temporaryDirectory(t) });
  teardown(t, () => program.stop());
  return program;
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Runs PM2 with a home of its own; gives what it printed. */
function pm2In(t: TestContext, env: NodeJS.ProcessEnv): (...args: string[]) => Promise<string> {
  const own = { PM2_HOME: join(temporaryDirectory(t), "pm2"), PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
  const run = async (...args: string[]): Promise<string> => {
    const child = spawn(process.execPath, [PM2, ...args], { env: { ...process.env, ...env, ...own } });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    await once(child, "exit");
    return output;
  };
  teardown(t, () => run("kill"));
  return run;
}

for (const name of ["express.mjs", "fastify.mjs"]) {
  test(`${name}: the workers count all visits together, and those of each visitor`, async (t) => {
    interface Answer {
      worker: number;
      yourVisits: number;
      allVisits: number;
    }
    const program = start(t, name);
    const address = await program.address();
    const [ann, bob] = [new Client(address), new Client(address)];
    const workers = new Set<number>();
    let visits = 0;
    await eventually("every worker has answered", async () => {
      visits++;
      for (const [index, client] of [ann, bob].entries()) {
        const answer = await client.ask<Answer>("GET", "/");
        assert.deepEqual([answer.yourVisits, answer.allVisits], [visits, 2 * visits - 1 + index], program.output);
        workers.add(answer.worker);
      }
      return workers.size === WORKERS ? true : undefined;
    });
  });
}

test("pm2: the instances count together, also after a reload", async (t) => {
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

test("child-process: each job is done once, by a worker, also when workers are killed", async (t) => {
  interface Job {
    input: string;
    worker?: number;
    result?: string;
  }
  const address = await start(t, "child-process/main.mjs").address();
  const client = new Client(address);
  const finished = (id: number): Promise<Job> =>
    eventually(`job ${id} is done`, async () => {
      const job = await client.ask<Job | null>("GET", `/${id}`);
      return job?.result === undefined ? undefined : job;
    });
  const workers = new Set<number>();
  for (let number = 1; number <= 3; number++) {
    const { id } = await client.ask<{ id: number }>("POST", "/", `text ${number}`);
    assert.equal(id, number);
    const job = await finished(id);
    assert.deepEqual([job.input, job.result], [`text ${number}`, `TEXT ${number}`]);
    assert.ok(!workers.has(job.worker as number), "a worker that was killed did a job");
    workers.add(job.worker as number);
    process.kill(job.worker as number, "SIGKILL");
  }
  assert.equal(await client.ask("GET", "/__proto__"), null);
  assert.equal(await client.ask("GET", "/"), null);
});
