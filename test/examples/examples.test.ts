/** Each small example, as a reader would run it; that for PM2 is in `test/outside`. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import { Client, eventually, example, Program } from "./program.js";

const WORKERS = 4;

/** Starts an example; it is stopped when the test ends. */
function start(t: TestContext, name: string): Program {
  const program = new Program(example(name), [], { DATA_DIR: temporaryDirectory(t) });
  teardown(t, () => program.stop());
  return program;
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
