import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../proof/cluster/processes.js";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Counts, Site } from "./worker.js";

const WRITES = 200 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;
/** Writes after which the manager is killed. */
const KILL_EVERY = 90;

const settings = { maxAge: HOUR_MS };
const SITES: Record<string, Site> = {
  "Express 5": { framework: "Express 5", settings, store: { prefix: "express" } },
  "Fastify 5": { framework: "Fastify 5", settings, store: { prefix: "fastify" } },
};

/** Writes into sessions while managers are killed; checks that each write that was answered is still known. */
async function writeAndKill(application: Application, site: string): Promise<void> {
  const started = application.processes.length;
  const visitors = Array.from({ length: LANES }, () => ({ visitor: new Visitor(), answered: [] as string[] }));
  for (const { visitor } of visitors) await visitor.ask(application.at(site)[0] as Worker, ["set", "start", true]);
  let broken = 0;
  /** One kill after the other: on a busy machine a worker takes longer to start than the writes between two kills. */
  let killing = Promise.resolve();
  const killManager = async () => {
    await application.start(); // first, so that a worker is left to answer
    const manager = await application.manager();
    await manager.kill();
  };
  const idle = [...visitors];
  await rounds(WRITES, LANES, async (round) => {
    const lane = idle.pop() as (typeof visitors)[number];
    const workers = application.at(site);
    const worker = workers[round % workers.length] as Worker;
    if (round % KILL_EVERY === KILL_EVERY - 1) {
      killing = killing.then(killManager);
      await killing;
    } else {
      await lane.visitor.ask(worker, ["set", `n${round}`, round]).then(
        () => lane.answered.push(`n${round}`),
        (error: NodeJS.ErrnoException) => {
          // A request that the killed worker had taken breaks.
          assert.match(error.code ?? "", /^(ECONNRESET|ECONNREFUSED|EPIPE)$/, error.stack);
          broken++;
        },
      );
    }
    idle.push(lane);
  });
  const workers = application.at(site);
  for (const worker of workers) await worker.call("storage.sync");
  for (const { visitor, answered } of visitors) {
    for (const worker of workers) {
      const { session } = await visitor.ask(worker);
      assert.equal(session.start, true);
      const lost = answered.filter((field) => session[field] !== Number(field.slice(1)));
      assert.deepEqual(lost, []);
    }
  }
  const kills = Math.floor(WRITES / KILL_EVERY);
  assert.equal(application.processes.length - started, kills);
  assert.ok(broken <= kills * LANES, `expected at most ${LANES} broken requests a kill, got ${broken}`);
}

test("what was answered is known after the manager was killed", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const site of Object.keys(SITES)) {
    await t.test(`${site}: ${WRITES} writes`, () => writeAndKill(application, site));
  }
  for (const worker of application.at("Express 5")) {
    await until("every call of a store was called back", async () => {
      const { calls, callbacks } = await worker.call<Counts>("counts");
      return calls === callbacks;
    });
    assert.equal((await worker.call<Counts>("counts")).doubled, 0);
  }
});
