/** What each framework does with a session from its first to its last request, over HTTP, in two worker processes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../proof/cluster/processes.js";
import { Application, Visitor, type Worker } from "./application.js";
import { FRAMEWORKS, type Framework, type SessionSettings } from "./frameworks.js";
import type { Site } from "./worker.js";

const HOUR_MS = 3_600_000;
const VISITORS = 20;

/** The sites: one of each kind for each framework. Those of the kind "shared" have the same sessions. */
const SITES: Record<string, Site> = {};
for (const framework of FRAMEWORKS) {
  const addSite = (kind: string, settings: SessionSettings, store: Site["store"] = {}): void => {
    SITES[`${framework}, ${kind}`] = { framework, settings, store: { prefix: `${framework}, ${kind}`, ...store } };
  };
  addSite("usual", { maxAge: HOUR_MS });
  addSite("one id", { maxAge: HOUR_MS, sid: "the-only-one" });
  addSite("no expiry", {}, { ttl: 5 * HOUR_MS });
  addSite("touchAfter 0", { maxAge: HOUR_MS }, { touchAfter: 0 });
  addSite("shared", { maxAge: HOUR_MS }, { prefix: "shared" });
}

/** A test of one site in two workers; `keyOf` returns the key of a session in the storage. */
type Run = (first: Worker, second: Worker, keyOf: (sid: unknown) => string) => Promise<void>;

/** The fields of an answer, without the cookie. */
function fieldsOf({ session }: { session: Record<string, unknown> }): Record<string, unknown> {
  const { cookie, ...fields } = session;
  assert.ok(cookie);
  return fields;
}

const CASES: [kind: string, name: string, run: Run][] = [
  [
    "usual",
    "an anonymous visitor leaves nothing; a changed session is kept, read and changed in other workers",
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
  ],
  [
    "usual",
    "regenerate gives a new id and leaves nothing of the old session",
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
  ],
  [
    "one id",
    "regenerate under the same id leaves nothing of the old session either",
    async (first, second) => {
      const visitor = new Visitor();
      await visitor.ask(first, ["set", "name", "Ada"]);
      const { sid } = await visitor.ask(second, ["regenerate"], ["set", "user", 7]);
      assert.equal(sid, "the-only-one");
      assert.deepEqual(fieldsOf(await visitor.ask(first)), { user: 7 });
      const { session } = await visitor.ask(first, ["destroy"]);
      assert.equal(session, null);
      assert.equal(await second.call("store.get", "the-only-one"), null);
    },
  ],
  [
    "usual",
    "save and reload work in the middle of a request",
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
  ],
  [
    "usual",
    "a change of the cookie is kept whole and moves the expiry",
    async (first, second, keyOf) => {
      const visitor = new Visitor();
      const { sid } = await visitor.ask(first, ["set", "name", "Ada"]);
      const { session } = await visitor.ask(first, ["maxAge", 10 * HOUR_MS]);
      // express-session computes it as the difference of two readings of the clock, between which any time may pass.
      const hours = (maxAge: number) => Math.round(maxAge / HOUR_MS);
      assert.equal(hours(session.cookie.originalMaxAge), 10);
      const again = await visitor.ask(second);
      assert.equal(hours(again.session.cookie.originalMaxAge), 10);
      assert.equal(again.session.cookie.path, "/");
      const left = await second.call<number>("storage.ttl", [keyOf(sid)]);
      assert.ok(left > 9.9 * HOUR_MS && left <= 10 * HOUR_MS, `got ${left}`);
      await visitor.ask(second, ["maxAge", -1], ["set", "name", "Bob"]);
      assert.equal(await first.call("store.get", sid), null, "an expired cookie ends the session");
    },
  ],
  [
    "no expiry",
    "a session whose cookie has no expiry lives as long as the store says",
    async (first, _, keyOf) => {
      const visitor = new Visitor();
      const { sid, session } = await visitor.ask(first, ["set", "name", "Ada"]);
      assert.equal(session.cookie.originalMaxAge ?? null, null);
      assert.equal((await visitor.ask(first)).session.cookie.originalMaxAge ?? null, null);
      const left = await first.call<number>("storage.ttl", [keyOf(sid)]);
      assert.ok(left > 4.9 * HOUR_MS && left <= 5 * HOUR_MS, `got ${left}`);
    },
  ],
  [
    "usual",
    "a session expires in all workers at the same millisecond",
    async (first, second, keyOf) => {
      const visitor = new Visitor();
      let isSeenByAll = false;
      // On a busy machine a short life is over before the workers look at it; then a longer one is tried.
      for (let maxAge = 200; !isSeenByAll; maxAge *= 2) {
        const { sid, session } = await visitor.ask(first, ["set", "name", "Ada"], ["maxAge", maxAge]);
        const seen = await Promise.all(
          [first, second].map((worker) => worker.call<{ seenAt: number; goneAt: number }>("lookUntilGone", keyOf(sid))),
        );
        const earliestMs = Math.max(...seen.map(({ seenAt }) => seenAt));
        const latestMs = Math.min(...seen.map(({ goneAt }) => goneAt));
        assert.ok(earliestMs <= latestMs, `gone at ${latestMs} in one worker, but seen at ${earliestMs} in the other`);
        const expiresAt = Date.parse(session.cookie.expires);
        assert.ok(latestMs >= expiresAt - 1, `gone at ${latestMs}, but the cookie says ${expiresAt}`);
        isSeenByAll = seen.every(({ seenAt }) => seenAt > 0);
      }
      assert.deepEqual(fieldsOf(await visitor.ask(second)), {}, "a new session");
      assert.equal(await first.call("store.length"), 0);
    },
  ],
  [
    "usual",
    "requests that change nothing write nothing",
    async (first, second) => {
      const visitor = new Visitor();
      await visitor.ask(first, ["set", "name", "Ada"]);
      const { seq } = await first.call<{ seq: number }>("storage.stats");
      for (let index = 0; index < 10; index++) await visitor.ask(index % 2 ? first : second);
      await first.call("storage.sync");
      assert.equal((await first.call<{ seq: number }>("storage.stats")).seq, seq);
    },
  ],
  [
    "touchAfter 0",
    "with touchAfter 0 every request prolongs the session",
    async (first, second) => {
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
    },
  ],
];

test("sessions of two workers", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(2);
  for (const framework of FRAMEWORKS) {
    for (const [kind, name, run] of CASES) {
      await t.test(`${framework}: ${name}`, async () => {
        const site = `${framework}, ${kind}`;
        const [first, second] = application.at(site) as [Worker, Worker];
        await first.call("store.clear");
        await second.call("storage.sync");
        await run(first, second, (sid) => `${site}/${sid}`);
      });
    }
  }

  for (const [one, other] of [
    ["Express 5", "Fastify 5"],
    ["Fastify 5", "Express 4"],
    ["Express 4", "Fastify 5"],
  ] as [Framework, Framework][]) {
    await t.test(`${one} and ${other} share their sessions when secret and cookie are the same`, () =>
      shareSessions(application.at(`${one}, shared`)[0] as Worker, application.at(`${other}, shared`)[1] as Worker),
    );
  }

  await t.test("sessions survive that all workers are killed and that the application starts again", () =>
    surviveRestart(application),
  );
});

async function shareSessions(one: Worker, other: Worker): Promise<void> {
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

async function surviveRestart(application: Application): Promise<void> {
  const sites = FRAMEWORKS.map((framework) => `${framework}, usual`);
  const groups = sites.map((site) => ({ site, visitors: Array.from({ length: VISITORS }, () => new Visitor()) }));
  for (const { site, visitors } of groups) {
    const [first, second] = application.at(site) as [Worker, Worker];
    await first.call("store.clear");
    for (const [index, visitor] of visitors.entries()) {
      await visitor.ask(index % 2 ? first : second, ["set", "number", index]);
      await visitor.ask(index % 2 ? second : first, ["increment", "visits"]);
    }
  }
  await Promise.all(application.living.map((process) => process.kill()));
  await application.startAll(2);
  for (const { site, visitors } of groups) {
    const [first, second] = application.at(site) as [Worker, Worker];
    for (const [number, visitor] of visitors.entries()) {
      assert.deepEqual(fieldsOf(await visitor.ask(number % 2 ? first : second)), { number, visits: 1 });
    }
    assert.equal(await first.call("store.length"), VISITORS);
  }
}
