/** The sessions of one user in three processes: devices are listed and logged out, and a change of password ends all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../proof/cluster/processes.js";
import { Application, Visitor, type Worker } from "./application.js";
import type { Framework } from "./frameworks.js";
import type { Site } from "./worker.js";

const HOUR_MS = 3_600_000;
const FRAMEWORKS: readonly Framework[] = ["Express 5", "Fastify 5"];
const ROUNDS = 6;

const SITES: Record<string, Site> = Object.fromEntries(
  FRAMEWORKS.map((framework) => [
    framework,
    { framework, store: { prefix: framework }, settings: { maxAge: HOUR_MS }, userField: "userId" },
  ]),
);

interface Listed {
  readonly id: string;
  readonly device: number;
}

/** Logs a visitor in on each worker; returns the visitors and the ids of their sessions. */
async function logInOn(workers: readonly Worker[], userId: unknown): Promise<{ visitors: Visitor[]; sids: string[] }> {
  const visitors = workers.map(() => new Visitor());
  const sids: string[] = [];
  for (const [device, worker] of workers.entries()) {
    const visitor = visitors[device] as Visitor;
    await visitor.ask(worker, ["set", "visited", true]);
    const { sid } = await visitor.ask(worker, ["regenerate"], ["set", "userId", userId], ["set", "device", device]);
    sids.push(sid as string);
  }
  return { visitors, sids };
}

const isLoggedIn = async (visitor: Visitor, worker: Worker): Promise<boolean> =>
  (await visitor.ask(worker)).session.userId !== undefined;

test("three devices on three processes are listed, counted and logged out elsewhere, also after a restart", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const framework of FRAMEWORKS) {
    const workers = application.at(framework);
    const { visitors, sids } = await logInOn(workers, 42);
    const others = await logInOn(workers, 43);
    for (const worker of workers) {
      const listed = await worker.call<Listed[]>("store.byUser", "42");
      assert.deepEqual(listed.map(({ device }) => device).sort(), [0, 1, 2]);
      assert.deepEqual(listed.map(({ id }) => id).sort(), [...sids].sort());
      assert.equal(await worker.call("store.countByUser", 42), 3);
    }
    const [first, second] = workers as [Worker, Worker];
    assert.equal(await first.call("store.destroyByUser", 42, { except: sids[1] }), 2);
    for (const worker of workers) {
      const found = await Promise.all(
        visitors.map((visitor) =>
          worker.call("store.get", visitor === visitors[1] ? sids[1] : sids[visitors.indexOf(visitor)]),
        ),
      );
      assert.deepEqual(
        found.map((session) => session !== null),
        [false, true, false],
      );
      assert.equal(await worker.call("store.countByUser", 42), 1);
    }
    assert.equal(await isLoggedIn(visitors[1] as Visitor, first), true);
    assert.equal(await isLoggedIn(visitors[0] as Visitor, second), false);
    assert.equal(await isLoggedIn(others.visitors[0] as Visitor, second), true);
  }
  await Promise.all(application.processes.map((process) => process.kill()));
  await application.startAll(2);
  for (const framework of FRAMEWORKS) {
    for (const worker of application.at(framework)) {
      assert.deepEqual(
        (await worker.call<Listed[]>("store.byUser", 42)).map(({ device }) => device),
        [1],
      );
      assert.equal(await worker.call("store.countByUser", "43"), 3);
    }
  }
});

for (const method of ["store.destroyByUser", "store.revokeUser"]) {
  test(`${method} ends the session of a slow request, whose late write does not bring it back`, async (t) => {
    const application = new Application(t, SITES);
    await application.startAll(3);
    for (const framework of FRAMEWORKS) {
      const workers = application.at(framework);
      for (let round = 0; round < ROUNDS; round++) {
        const { visitors, sids } = await logInOn(workers, round);
        const slow = visitors[round % 3] as Visitor;
        const [worker, changing] = [workers[(round + 1) % 3] as Worker, workers[(round + 2) % 3] as Worker];
        const gate = `${framework} ${method} ${round}`;
        const late = slow.ask(worker, ["gate", gate], ["set", "late", true], ["increment", "visits"]);
        await worker.call("reached", gate);
        const changed = changing.call(method, round);
        // In every other round the late request goes on at the same moment.
        if (round % 2 === 0) await changed;
        await worker.call("open", gate);
        await Promise.all([changed, late]);
        for (const each of workers) {
          for (const sid of sids) assert.equal(await each.call("store.get", sid), null);
          assert.equal(await each.call("store.countByUser", round), 0);
        }
      }
    }
  });
}

test("whoever logs in at the moment of a revocation is logged out or in for all processes alike, and later logins count", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const framework of FRAMEWORKS) {
    const workers = application.at(framework);
    const [first] = workers as [Worker];
    let keptCount = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const user = `u${round}`;
      await logInOn(workers, user);
      const logins = workers
        .flatMap((worker) => [worker, worker])
        .map((worker) => {
          const visitor = new Visitor();
          return visitor.ask(worker, ["set", "userId", user]);
        });
      const [revoked, ...answers] = await Promise.all([first.call("store.revokeUser", user), ...logins]);
      assert.ok((revoked as number) >= 3);
      const seen = await Promise.all(
        workers.map(async (worker) => {
          const found = await Promise.all(answers.map(({ sid }) => worker.call("store.get", sid)));
          return found.map((session) => session !== null);
        }),
      );
      for (const each of seen) assert.deepEqual(each, seen[0], "all processes agree");
      const count = (seen[0] as boolean[]).filter((isKept) => isKept).length;
      for (const worker of workers) assert.equal(await worker.call("store.countByUser", user), count);
      keptCount += count;
      const { visitors } = await logInOn(workers, user);
      for (const [place, visitor] of visitors.entries())
        assert.equal(await isLoggedIn(visitor, workers[(place + 1) % 3] as Worker), true, "a later login counts");
    }
    t.diagnostic(`${framework}: ${keptCount} of ${ROUNDS * 6} logins at the same moment came after the revocation`);
  }
});

test("an anonymous session that was there before a revocation counts once its visitor logs in", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(2);
  for (const framework of FRAMEWORKS) {
    const [first, second] = application.at(framework) as [Worker, Worker];
    const visitor = new Visitor();
    await visitor.ask(first, ["set", "cart", 1]);
    await second.call("store.revokeUser", 7);
    await visitor.ask(first, ["set", "userId", 7]);
    assert.equal(await isLoggedIn(visitor, second), true);
    await second.call("store.revokeUser", 7);
    await until("it is void", async () => !(await isLoggedIn(visitor, first)));
  }
});
