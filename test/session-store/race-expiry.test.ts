import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../proof/cluster/processes.js";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Step } from "./frameworks.js";
import type { Site } from "./worker.js";

const ROUNDS = 36 * RUNS;
const LANES = 6;
const HOUR_MS = 3_600_000;

/** What two requests write after the session that they loaded has expired. */
const WRITES: readonly (readonly Step[])[] = [
  [["set", "a", 1]],
  [["set", "b", 2], ["save"], ["set", "b", 3]],
  [["set", "c", 4]],
];

/** Lets a session expire in the middle of requests in all workers, and, in two of three rounds, destroys it just then. */
async function expire(workers: readonly Worker[], prefix: string, round: number): Promise<void> {
  const visitor = new Visitor();
  const worker = (offset: number) => workers[(round + offset) % 3] as Worker;
  const { sid } = await visitor.ask(worker(0), ["set", "name", round]);
  const answers = WRITES.map((steps, index) => {
    const copy = new Visitor();
    copy.cookie = visitor.cookie;
    return copy.ask(worker(index), ["gate", `${round}.${index}`], ...steps);
  });
  await Promise.all(WRITES.map((_, index) => worker(index).call("reached", `${round}.${index}`)));
  await worker(1).call("storage.touch", [`${prefix}/${sid}`], 1);
  for (const each of workers) {
    await until("nobody loads it any more", async () => (await each.call("store.get", sid)) === null);
  }
  const isDestroyed = round % 3 > 0;
  const opened = WRITES.map((_, index) => worker(index).call("open", `${round}.${index}`));
  const destroyed = isDestroyed ? worker(round % 2).call("store.destroy", sid) : undefined;
  await Promise.all([...opened, destroyed, ...answers]);
  for (const each of workers) {
    await each.call("storage.sync");
    const stored = await each.call<Record<string, unknown> | null>("store.get", sid);
    if (isDestroyed) assert.equal(stored, null, `round ${round}`);
    else {
      const { cookie, ...fields } = stored ?? {};
      assert.deepEqual(fields, { name: round, a: 1, b: 3, c: 4 }, `round ${round}`);
      assert.ok(cookie);
    }
  }
}

const settings = { maxAge: HOUR_MS };
const SITES: Record<string, Site> = {
  "Express 5": { framework: "Express 5", settings, store: { prefix: "express" } },
  "Fastify 5": { framework: "Fastify 5", settings, store: { prefix: "fastify" } },
};

test("a session that expires while requests of three processes use it", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const [site, { store }] of Object.entries(SITES)) {
    const name = "stays with all that they wrote, unless it is destroyed at that moment";
    await t.test(`${site}: ${name}, ${ROUNDS} times`, () => {
      return rounds(ROUNDS, LANES, (round) => expire(application.at(site), store?.prefix as string, round));
    });
  }
});
