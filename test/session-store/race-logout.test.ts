import assert from "node:assert/strict";
import { test } from "node:test";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Framework, Step } from "./frameworks.js";

const ROUNDS = 300 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;

/** What a request may do after the session that it loaded was destroyed. */
const LATE: readonly (readonly Step[])[] = [
  [["set", "late", true]],
  [["delete", "name"]],
  [["touch"]],
  [["maxAge", 2 * HOUR_MS]],
  [["set", "late", true], ["save"]],
  [["save"], ["set", "late", true], ["save"], ["delete", "late"]],
];

/** A session that was destroyed in one worker while a request of another one has it loaded, and then writes. */
async function logOut(workers: readonly Worker[], round: number): Promise<void> {
  const visitor = new Visitor();
  const [inFlight, leaving] = [workers[round % 3] as Worker, workers[(round + 1) % 3] as Worker];
  const { sid } = await visitor.ask(leaving, ["set", "name", round]);
  const { cookie } = visitor;
  const late = new Visitor();
  late.cookie = cookie;
  const gate = `${round}`;
  const answer = late.ask(inFlight, ["gate", gate], ...(LATE[round % LATE.length] ?? []));
  await inFlight.call("reached", gate);
  const left = visitor.ask(leaving, ["destroy"]);
  // Every other time the late request goes on at the same moment.
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

/** The same, but a session of the same id was stored elsewhere before the request writes. */
async function takePlace(workers: readonly Worker[], round: number): Promise<void> {
  const visitor = new Visitor();
  const worker = (offset: number) => workers[(round + offset) % 3] as Worker;
  const { sid } = await visitor.ask(worker(0), ["set", "name", round]);
  const late = new Visitor();
  late.cookie = visitor.cookie;
  const gate = `${round}`;
  const answer = late.ask(worker(1), ["gate", gate], ...(LATE[round % LATE.length] ?? []));
  await worker(1).call("reached", gate);
  await visitor.ask(worker(0), ["destroy"]);
  const cookie = { path: "/", httpOnly: true, originalMaxAge: HOUR_MS, expires: new Date(Date.now() + HOUR_MS) };
  const placed = { cookie: JSON.parse(JSON.stringify(cookie)), placed: round };
  await worker(round % 2 === 0 ? 2 : 0).call("store.set", sid, placed);
  await worker(1).call("open", gate);
  await answer;
  for (const each of workers) assert.deepEqual(await each.call("store.get", sid), placed);
}

for (const framework of ["Express 5", "Fastify 5"] as Framework[]) {
  const settings = { maxAge: HOUR_MS };

  test(`[3.9.6, 3.9.7] ${framework}: a session that was destroyed stays dead, whatever requests that had loaded it write, ${ROUNDS} times`, async (t) => {
    const application = new Application(t, { framework, settings, store: { touchAfter: 0 } });
    const workers = await application.startAll(3);
    await rounds(ROUNDS, LANES, (round) => logOut(workers, round));
    for (const worker of workers) assert.deepEqual(await worker.call("store.ids"), []);
  });

  test(`[3.9.7] ${framework}: such a request does not write into a session that took the id, ${ROUNDS} times`, async (t) => {
    const application = new Application(t, { framework, settings, store: { touchAfter: 0 } });
    const workers = await application.startAll(3);
    await rounds(ROUNDS, LANES, (round) => takePlace(workers, round));
  });
}
