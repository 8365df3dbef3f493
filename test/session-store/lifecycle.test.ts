/** What both frameworks do with a session from its first to its last request, over HTTP, in workers of their own. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { Application, Visitor, type Worker } from "./application.js";
import { FRAMEWORKS, type Framework, type SessionSettings } from "./frameworks.js";
import type { WorkerOptions } from "./worker.js";

const HOUR_MS = 3_600_000;

type Started = [application: Application, first: Worker, second: Worker];

async function started(
  t: TestContext,
  framework: Framework,
  settings: SessionSettings = { maxAge: HOUR_MS },
  store: WorkerOptions["store"] = {},
): Promise<Started> {
  const application = new Application(t, { framework, settings, store });
  const [first, second] = (await application.startAll(2)) as [Worker, Worker];
  return [application, first, second];
}

/** The fields of an answer, without the cookie. */
function fieldsOf({ session }: { session: Record<string, unknown> }): Record<string, unknown> {
  const { cookie, ...fields } = session;
  assert.ok(cookie);
  return fields;
}

for (const framework of FRAMEWORKS) {
  const isFastify = framework === "Fastify 5";
  /** Tests that share the workers of one application. */
  const shared: [name: string, run: (first: Worker, second: Worker) => Promise<void>][] = [];

  shared.push([
    `${framework}: an anonymous visitor leaves nothing; a changed session is kept, read and changed in other workers`,
    async (first, second) => {
      const visitor = new Visitor();
      await visitor.ask(first);
      assert.equal(visitor.cookie, "");
      assert.equal(await first.call("store.length"), 0);
      const { sid } = await visitor.ask(first, ["set", "name", "Ada"], ["set", "cart", [{ n: 1 }]]);
      assert.deepEqual(await second.call("store.ids"), [sid]);
      assert.deepEqual(fieldsOf(await visitor.ask(second)), { name: "Ada", cart: [{ n: 1 }] });
      await visitor.ask(second, ["delete", "cart"], ["increment", "visits"]);
      assert.deepEqual(fieldsOf(await visitor.ask(first)), { name: "Ada", visits: 1 });
    },
  ]);

  shared.push([
    `${framework}: regenerate gives a new id and leaves nothing of the old session`,
    async (first, second) => {
      const visitor = new Visitor();
      const { sid: old } = await visitor.ask(first, ["set", "name", "Ada"]);
      const before = new Visitor();
      before.cookie = visitor.cookie;
      const { sid } = await visitor.ask(second, ["set", "lost", true], ["regenerate"], ["set", "user", 7]);
      assert.notEqual(sid, old);
      assert.deepEqual(fieldsOf(await visitor.ask(first)), { user: 7 });
      assert.deepEqual(fieldsOf(await before.ask(first)), {}, "the old id is worth nothing");
      assert.deepEqual(await second.call("store.ids"), [sid]);
    },
  ]);

  test(`[3.9.7] ${framework}: regenerate under the same id leaves nothing of the old session either`, async (t) => {
    const [, first, second] = await started(t, framework, { maxAge: HOUR_MS, sid: "the-only-one" });
    const visitor = new Visitor();
    await visitor.ask(first, ["set", "name", "Ada"]);
    const { sid } = await visitor.ask(second, ["regenerate"], ["set", "user", 7]);
    assert.equal(sid, "the-only-one");
    assert.deepEqual(fieldsOf(await visitor.ask(first)), { user: 7 });
    const { session } = await visitor.ask(first, ["destroy"]);
    assert.equal(session, null);
    assert.equal(await second.call("store.get", "the-only-one"), null);
  });

  shared.push([
    `${framework}: save and reload in the middle of a request`,
    async (first, second) => {
      const visitor = new Visitor();
      await visitor.ask(first, ["set", "name", "Ada"]);
      const late = visitor.ask(first, ["set", "unsaved", 1], ["gate", "g"], ["reload"], ["set", "after", 1]);
      await first.call("reached", "g");
      await visitor.ask(second, ["set", "theirs", 1], ["save"], ["set", "theirs", 2], ["save"]);
      await first.call("open", "g");
      assert.deepEqual(fieldsOf(await late), { name: "Ada", theirs: 2, after: 1 }, "reload reads what others wrote");
      assert.deepEqual(fieldsOf(await visitor.ask(second)), { name: "Ada", theirs: 2, after: 1 });
    },
  ]);

  shared.push([
    `[3.9.2] ${framework}: a change of the cookie is kept whole and moves the expiry`,
    async (first, second) => {
      const visitor = new Visitor();
      const { sid } = await visitor.ask(first, ["set", "name", "Ada"]);
      const { session } = await visitor.ask(first, ["maxAge", 10 * HOUR_MS]);
      const isTenHours = (maxAge: number) => Math.abs(maxAge - 10 * HOUR_MS) <= 10;
      assert.ok(isTenHours(session.cookie.originalMaxAge));
      const again = await visitor.ask(second);
      assert.ok(isTenHours(again.session.cookie.originalMaxAge));
      assert.equal(again.session.cookie.path, "/");
      const left = await second.call<number>("storage.ttl", [`session/${sid}`]);
      assert.ok(left > 9.9 * HOUR_MS && left <= 10 * HOUR_MS, `got ${left}`);
      await visitor.ask(second, ["maxAge", -1], ["set", "name", "Bob"]);
      assert.equal(await first.call("store.get", sid), null, "an expired cookie ends the session");
    },
  ]);

  test(`[3.9.2] ${framework}: a session without expiry lives as long as the store says`, async (t) => {
    const [, first] = await started(t, framework, {}, { ttl: 5 * HOUR_MS });
    const visitor = new Visitor();
    const { sid, session } = await visitor.ask(first, ["set", "name", "Ada"]);
    assert.equal(session.cookie.originalMaxAge ?? null, null);
    assert.equal((await visitor.ask(first)).session.cookie.originalMaxAge ?? null, null);
    const left = await first.call<number>("storage.ttl", [`session/${sid}`]);
    assert.ok(left > 4.9 * HOUR_MS && left <= 5 * HOUR_MS, `got ${left}`);
  });

  test(`[3.9.18] ${framework}: sessions survive that all workers are killed and that the application starts again`, async (t) => {
    const [application, first, second] = await started(t, framework);
    const visitors = Array.from({ length: 20 }, () => new Visitor());
    for (const [index, visitor] of visitors.entries()) {
      await visitor.ask(index % 2 ? first : second, ["set", "number", index]);
      await visitor.ask(index % 2 ? second : first, ["increment", "visits"]);
    }
    await Promise.all([first.kill(), second.kill()]);
    const [third, fourth] = (await application.startAll(2)) as [Worker, Worker];
    for (const [number, visitor] of visitors.entries()) {
      assert.deepEqual(fieldsOf(await visitor.ask(number % 2 ? third : fourth)), { number, visits: 1 });
    }
    assert.equal(await third.call("store.length"), 20);
  });

  shared.push([
    `[3.9.5] ${framework}: a session expires in all workers at the same millisecond`,
    async (first, second) => {
      const visitor = new Visitor();
      const { sid } = await visitor.ask(first, ["set", "name", "Ada"], ["maxAge", 1500]);
      const { cookie } = await first.call<{ cookie: { expires: string } }>("store.get", sid);
      const seen = await Promise.all(
        [first, second].map((worker) => worker.call<{ seenAt: number; goneAt: number }>("lookUntilGone", sid)),
      );
      const earliestMs = Math.max(...seen.map(({ seenAt }) => seenAt));
      const latestMs = Math.min(...seen.map(({ goneAt }) => goneAt));
      assert.ok(earliestMs <= latestMs, `gone at ${latestMs} in one worker, still there at ${earliestMs} in the other`);
      const expiresAt = Date.parse(cookie.expires);
      assert.ok(latestMs >= expiresAt - 1, `gone at ${latestMs}, the cookie says ${expiresAt}`);
      assert.deepEqual(fieldsOf(await visitor.ask(second)), {}, "a new session");
      assert.equal(await first.call("store.length"), 0);
    },
  ]);

  shared.push([
    `[3.9.9] ${framework}: requests that change nothing write nothing, ${isFastify ? "with rolling too" : "and touch when it is due"}`,
    async (first, second) => {
      const visitor = new Visitor();
      await visitor.ask(first, ["set", "name", "Ada"]);
      const { seq } = await first.call<{ seq: number }>("storage.stats");
      for (let index = 0; index < 10; index++) await visitor.ask(index % 2 ? first : second);
      await first.call("storage.sync");
      assert.equal((await first.call<{ seq: number }>("storage.stats")).seq, seq);
    },
  ]);

  test(`[3.9.9] ${framework}: with touchAfter 0 every request prolongs the session`, async (t) => {
    const [, first, second] = await started(t, framework, { maxAge: HOUR_MS }, { touchAfter: 0 });
    const visitor = new Visitor();
    const { sid } = await visitor.ask(first, ["set", "name", "Ada"]);
    const expiry = async () =>
      Date.parse((await first.call<{ cookie: { expires: string } }>("store.get", sid)).cookie.expires);
    let before = await expiry();
    for (let index = 0; index < 5; index++) {
      const now = Date.now();
      await until("the clock goes on", () => Date.now() > now + 1);
      await visitor.ask(second);
      const after = await expiry();
      assert.ok(after > before);
      before = after;
    }
  });

  test(`${framework}: with the usual settings`, async (t) => {
    const [, first, second] = await started(t, framework);
    for (const [name, run] of shared) {
      await first.call("store.clear");
      await second.call("storage.sync");
      await t.test(name, () => run(first, second));
    }
  });
}

test("an Express and a Fastify application that share secret and cookie share their sessions", async (t) => {
  const directory = temporaryDirectory(t);
  const settings = { maxAge: HOUR_MS };
  const express = await new Application(t, { framework: "Express 5", settings }, directory).start();
  const express4 = await new Application(t, { framework: "Express 4", settings }, directory).start();
  const fastify = await new Application(t, { framework: "Fastify 5", settings }, directory).start();
  for (const [one, other] of [
    [express, fastify],
    [fastify, express4],
    [express4, fastify],
  ] as const) {
    const visitor = new Visitor();
    const { sid } = await visitor.ask(one, ["set", "name", "Ada"], ["set", "gone", 1]);
    const late = visitor.ask(one, ["gate", "g"], ["set", "late", 1]);
    await one.call("reached", "g");
    assert.equal((await visitor.ask(other, ["delete", "gone"], ["set", "cart", [1]])).sid, sid);
    await one.call("open", "g");
    await late;
    for (const worker of [one, other]) {
      const answer = await visitor.ask(worker);
      assert.equal(answer.sid, sid);
      assert.deepEqual(fieldsOf(answer), { name: "Ada", cart: [1], late: 1 });
    }
    const last = visitor.ask(one, ["gate", "g"], ["set", "late", 2]);
    await one.call("reached", "g");
    assert.equal((await visitor.ask(other, ["destroy"])).session, null);
    await one.call("open", "g");
    await last;
    assert.equal(await one.call("store.get", sid), null);
  }
});
