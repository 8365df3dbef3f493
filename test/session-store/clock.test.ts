/** Sessions end when their cookie says, whatever the wall clock of the machine did since it was written. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { SessionPayload } from "../../dist/session-store/index.js";
import { until } from "../proof/cluster/processes.js";
import { type Answered, type AnyStore, FRAMEWORKS, type Framework, portOf, type Step, serverOf } from "./frameworks.js";
import { Gates } from "./gates.js";
import { createStore, HOUR_MS, inMs, sessionWith } from "./stores.js";

const JUMPS_MS = [-40 * 24 * HOUR_MS, -9 * HOUR_MS, 9 * HOUR_MS, 5 * 365 * 24 * HOUR_MS];
const KEY = ["session/s"];
const now = Date.now;

/** Sets the wall clock, for as long as the test runs, as this process and the frameworks in it see it. */
function setClock(t: TestContext, ms: number): void {
  const RealDate = Date;
  const shifted = class extends RealDate {
    constructor(...given: unknown[]) {
      super(...((given.length === 0 ? [now() + ms] : given) as [number]));
    }

    static override now(): number {
      return now() + ms;
    }
  };
  globalThis.Date = shifted as DateConstructor;
  t.after(() => {
    globalThis.Date = RealDate;
  });
}

/** A visitor of an application that runs in this process. */
async function visit(t: TestContext, framework: Framework, store: AnyStore) {
  const server = await serverOf(framework, store, { maxAge: HOUR_MS, rolling: true }, { gates: new Gates() });
  t.after(() => server.close());
  let cookie = "";
  return async (...steps: Step[]): Promise<Answered> => {
    const headers = { "content-type": "application/json", ...(cookie && { cookie }) };
    const body = JSON.stringify({ steps });
    const response = await fetch(`http://127.0.0.1:${portOf(server)}/`, { method: "POST", headers, body });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return (await response.json()) as Answered;
  };
}

const endOf = (session: SessionPayload | null): number => Number(new Date(session?.cookie.expires as string));

for (const jumpMs of JUMPS_MS) {
  test(`the cookie of a session that is read says when it ends by the clock as it is then (set by ${jumpMs} ms)`, async (t) => {
    const store = await createStore();
    await store.set("s", sessionWith({ name: "Ada" }, inMs(HOUR_MS)));
    await store.set("number", sessionWith({ name: "Bob" }, inMs(HOUR_MS).getTime()));
    await store.set("never", sessionWith({ name: "Eve" }));
    const before = store.storage.stats().seq;
    setClock(t, jumpMs);
    for (const session of [await store.get("s"), ...(await store.all())]) {
      if (session?.name === "Eve") continue;
      const left = endOf(session) - Date.now();
      assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `${session?.name} has ${left} ms left`);
    }
    assert.equal(typeof (await store.get("number"))?.cookie.expires, "number");
    assert.equal((await store.get("never"))?.cookie.expires, undefined);
    assert.equal(store.storage.stats().seq, before, "nothing is written");
    await store.set("s", { ...((await store.get("s")) as SessionPayload), name: "Ann" });
    const left = store.storage.ttl(KEY) as number;
    assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `${left} ms left`);
  });

  for (const framework of FRAMEWORKS) {
    test(`${framework}: a session goes on when the clock is set by ${jumpMs} ms, and ends after its maxAge`, async (t) => {
      const store = await createStore();
      const send = await visit(t, framework, store);
      await send(["set", "user", "Ada"]);
      setClock(t, jumpMs);
      assert.equal((await send(["increment", "count"])).session.user, "Ada");
      const [left] = store.storage.keys("session/").map((key) => store.storage.ttl([key]) as number);
      assert.ok((left as number) > HOUR_MS - 60_000 && (left as number) <= HOUR_MS, `${left} ms left`);
      await send(["maxAge", 200]);
      await until("the session has ended", async () => (await store.length()) === 0);
    });
  }
}
