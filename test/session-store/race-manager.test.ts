import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../proof/cluster/processes.js";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Framework } from "./frameworks.js";
import type { Counts } from "./worker.js";

const WRITES = 520 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;
/** Writes after which the manager is killed. */
const KILL_EVERY = 170;

for (const framework of ["Express 5", "Fastify 5"] as Framework[]) {
  test(`[3.9.17, 3.9.18] ${framework}: what was answered is there after the manager was killed, ${WRITES} writes`, async (t) => {
    const application = new Application(t, { framework, settings: { maxAge: HOUR_MS } });
    await application.startAll(3);
    const visitors = Array.from({ length: LANES }, () => ({ visitor: new Visitor(), answered: [] as string[] }));
    for (const { visitor } of visitors) await visitor.ask(application.workers[0] as Worker, ["set", "start", true]);
    let broken = 0;
    /** One after the other: on a busy machine a worker starts for longer than the writes between two kills take. */
    let killing = Promise.resolve();
    const killManager = async () => {
      await application.start(); // before, so that there is always somebody to ask
      const manager = await application.manager();
      await manager.kill();
    };
    const idle = [...visitors];
    await rounds(WRITES, LANES, async (round) => {
      const lane = idle.pop() as (typeof visitors)[number];
      const { living } = application;
      const worker = living[round % living.length] as Worker;
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
    const { living } = application;
    for (const worker of living) await worker.call("storage.sync");
    for (const { visitor, answered } of visitors) {
      for (const worker of living) {
        const { session } = await visitor.ask(worker);
        assert.equal(session.start, true);
        assert.deepEqual(
          answered.filter((field) => session[field] !== Number(field.slice(1))),
          [],
        );
      }
    }
    const kills = Math.floor(WRITES / KILL_EVERY);
    assert.equal(application.workers.length - living.length, kills);
    assert.ok(broken <= kills * LANES, `expected at most ${LANES} broken requests a kill, got ${broken}`);
    for (const worker of living) {
      await until("every call of the store was called back", async () => {
        const { calls, callbacks } = await worker.call<Counts>("counts");
        return calls === callbacks;
      });
      assert.equal((await worker.call<Counts>("counts")).doubled, 0);
    }
  });
}
