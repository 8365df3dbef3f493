import assert from "node:assert/strict";
import { test } from "node:test";
import { Application, type Response, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Step } from "./frameworks.js";
import type { Site } from "./worker.js";

/** Each combination of worker, order and kind of request occurs 6 times. */
const ROUNDS = 72 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;

/** All orders of three. */
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** Runs three requests of one session, each in another worker, which have all loaded it before the first of them writes. */
async function race(workers: readonly Worker[], round: number): Promise<void> {
  const visitor = new Visitor();
  const first = workers[round % 3] as Worker;
  await visitor.ask(first, ["set", "kept", round], ["set", "gone", { deep: [1] }], ["set", "same", "first"]);
  const gates = workers.map((_, index) => `${round}.${index}`);
  const isCookieChanged = round % 4 === 0;
  const steps: Step[][] = [
    [["set", "list", [round, { deep: round }]]],
    isCookieChanged ? [["maxAge", 2 * HOUR_MS]] : [["set", "text", `${round}`]],
    [["delete", "gone"]],
  ];
  const answers = workers.map((worker, index) =>
    visitor.ask(worker, ["gate", gates[index] as string], ...(steps[index] ?? []), ["set", "same", index]),
  );
  await Promise.all(workers.map((worker, index) => worker.call("reached", gates[index])));
  const order = ORDERS[round % ORDERS.length] as number[];
  const isOneByOne = round % 2 === 0;
  for (const index of order) {
    const opened = (workers[index] as Worker).call("open", gates[index]);
    if (isOneByOne) await Promise.all([opened, answers[index]]);
  }
  await Promise.all(answers);
  const seen = await Promise.all(workers.map((worker) => visitor.ask(worker)));
  const { cookie, same, ...fields } = (seen[0] as Response).session;
  assert.deepEqual(fields, {
    kept: round,
    list: [round, { deep: round }],
    ...(isCookieChanged ? {} : { text: `${round}` }),
  });
  for (const { session: other } of seen) assert.equal(other.same, same, "all workers agree");
  if (isOneByOne) assert.equal(same, order[2], "the later one wins");
  const { originalMaxAge, path, httpOnly, expires } = cookie;
  assert.deepEqual({ path, httpOnly }, { path: "/", httpOnly: true }, "the cookie is whole");
  // express-session computes it as the difference of two readings of the clock, between which any time may pass.
  assert.equal(Math.round(originalMaxAge / HOUR_MS), isCookieChanged ? 2 : 1, `got ${originalMaxAge} ms`);
  assert.ok(Date.parse(expires) > Date.now());
}

const settings = { maxAge: HOUR_MS };
const SITES: Record<string, Site> = {
  "Express 5": { framework: "Express 5", settings, store: { prefix: "express" } },
  "Fastify 5": { framework: "Fastify 5", settings, store: { prefix: "fastify" } },
};

test("requests of one session that run at the same time do not undo each other's changes", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const site of Object.keys(SITES)) {
    await t.test(`${site}: ${ROUNDS} times`, () => {
      return rounds(ROUNDS, LANES, (round) => race(application.at(site), round));
    });
  }
  assert.equal(application.living.length, 3);
});
