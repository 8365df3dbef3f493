import assert from "node:assert/strict";
import { test } from "node:test";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Step } from "./frameworks.js";
import type { Site } from "./worker.js";

/** Each combination of late write, worker and order occurs twice. */
const ROUNDS = 72 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;

/** What a request does after the session that it loaded was destroyed. */
const LATE: readonly (readonly Step[])[] = [
  [["set", "late", true]],
  [["delete", "name"]],
  [["touch"]],
  [["maxAge", 2 * HOUR_MS]],
  [["set", "late", true], ["save"]],
  [["save"], ["set", "late", true], ["save"], ["delete", "late"]],
];

/** The late write of a round: each is used in 6 rounds, so that it meets all workers and orders. */
function lateSteps(round: number): readonly Step[] {
  return LATE[Math.floor(round / 6) % LATE.length] as readonly Step[];
}

/** Destroys a session in one worker while a request in another worker has loaded it, and then writes it. */
async function logOut(workers: readonly Worker[], round: number): Promise<void> {
  const visitor = new Visitor();
  const [inFlight, leaving] = [workers[round % 3] as Worker, workers[(round + 1) % 3] as Worker];
  const { sid } = await visitor.ask(leaving, ["set", "name", round]);
  const { cookie } = visitor;
  const late = new Visitor();
  late.cookie = cookie;
  const gate = `${round}`;
  const answer = late.ask(inFlight, ["gate", gate], ...lateSteps(round));
  await inFlight.call("reached", gate);
  const left = visitor.ask(leaving, ["destroy"]);
  // In every other round the late request goes on at the same moment.
  if (round % 2 === 0) await left;
  await inFlight.call("open", gate);
  await Promise.all([left, answer]);
  const seen = await Promise.all(
    workers.map((worker) => {
      const again = new Visitor();
      again.cookie = cookie;
      return again.ask(worker);
    }),
  );
  for (const { session, sid: given } of seen) {
    assert.notEqual(given, sid, "the id is not used again");
    const { cookie: _, ...fields } = session;
    assert.deepEqual(fields, {}, "logged out");
  }
  for (const worker of workers) assert.equal(await worker.call("store.get", sid), null);
}

/** The same, but a new session with the same id is stored by another worker before the request writes. */
async function takePlace(workers: readonly Worker[], round: number): Promise<void> {
  const visitor = new Visitor();
  const worker = (offset: number) => workers[(round + offset) % 3] as Worker;
  const { sid } = await visitor.ask(worker(0), ["set", "name", round]);
  const late = new Visitor();
  late.cookie = visitor.cookie;
  const gate = `${round}`;
  const answer = late.ask(worker(1), ["gate", gate], ...lateSteps(round));
  await worker(1).call("reached", gate);
  await visitor.ask(worker(0), ["destroy"]);
  const cookie = { path: "/", httpOnly: true, originalMaxAge: HOUR_MS, expires: new Date(Date.now() + HOUR_MS) };
  const placed = { cookie: JSON.parse(JSON.stringify(cookie)), placed: round };
  await worker(round % 2 === 0 ? 2 : 0).call("store.set", sid, placed);
  await worker(1).call("open", gate);
  await answer;
  for (const each of workers) assert.deepEqual(await each.call("store.get", sid), placed);
}

const settings = { maxAge: HOUR_MS };
const SITES: Record<string, Site> = {
  "Express 5": { framework: "Express 5", settings, store: { prefix: "express", touchAfter: 0 } },
  "Fastify 5": { framework: "Fastify 5", settings, store: { prefix: "fastify", touchAfter: 0 } },
};

test("a request that had loaded a session which was then destroyed", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const site of Object.keys(SITES)) {
    const workers = application.at(site);
    await t.test(`${site}: does not bring it back by its writes, ${ROUNDS} times`, async () => {
      await rounds(ROUNDS, LANES, (round) => logOut(workers, round));
      for (const worker of workers) assert.deepEqual(await worker.call("store.ids"), []);
    });
    await t.test(`${site}: does not write into a new session with the same id, ${ROUNDS} times`, async () => {
      await rounds(ROUNDS, LANES, (round) => takePlace(workers, round));
    });
  }
});
