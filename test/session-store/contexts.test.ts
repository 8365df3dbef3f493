/** What requests write after they have left their asynchronous context, in every way in which they can. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ClusterSessionStore } from "../../dist/session-store/index.js";
import { WAYS, type Way } from "./elsewhere.js";
import type { Framework, Step } from "./frameworks.js";
import { Browser, InProcessSite, memoryStore, type Seen } from "./sites.js";
import { createStore } from "./stores.js";

const USED: readonly Framework[] = ["Express 5", "Fastify 5"];

/** What a request does, before and after it has left its context. */
const SCRIPTS: readonly (readonly [name: string, before: readonly Step[], after: readonly Step[]])[] = [
  ["writes a field", [], [["set", "x", 2]]],
  ["removes a field", [], [["delete", "x"]]],
  ["changes something inside a field", [], [["push", "list", 2]]],
  ["reads", [], []],
  ["writes before and after", [["set", "x", 3]], [["set", "y", 4]]],
  ["saves in between", [["set", "x", 3], ["save"]], [["delete", "x"]]],
  ["saves elsewhere", [["set", "y", 3]], [["save"], ["set", "x", 5], ["save"], ["delete", "list"]]],
  ["reloads", [["set", "x", 3]], [["reload"], ["set", "y", 4]]],
  ["reloads twice", [["reload"]], [["reload"], ["increment", "x"], ["save"], ["reload"], ["push", "list", 3]]],
  ["gets a new id", [["set", "x", 3]], [["regenerate"], ["set", "z", 5]]],
  ["gets a new id twice", [["regenerate"], ["set", "z", 5]], [["regenerate"], ["set", "y", 5], ["save"], ["reload"]]],
  ["destroys", [], [["destroy"]]],
];

/** The store of a framework, an application on it, and a visitor whose first request opens what later ones use. */
async function begin(t: TestContext, framework: Framework): Promise<[ClusterSessionStore, InProcessSite, Browser]> {
  const store = await createStore();
  const site = await InProcessSite.start(t, framework, store);
  const browser = new Browser(site);
  await browser.expect(["set", "x", 1], ["set", "list", [1]]);
  await browser.expect(["open"]);
  return [store, site, browser];
}

for (const framework of USED) {
  test(`${framework}: a request that goes on elsewhere does what it does with a memory store`, async (t) => {
    const [, , browser] = await begin(t, framework);
    const memorySite = await InProcessSite.start(t, framework, memoryStore());
    const memory = new Browser(memorySite);
    await memory.expect(["set", "x", 1], ["set", "list", [1]]);
    await memory.expect(["open"]);
    const [cookie, memoryCookie] = [browser.cookie, memory.cookie];
    const same = async (...steps: Step[]): Promise<void> => {
      const [seen, expected] = [await browser.expect(...steps), await memory.expect(...steps)];
      assert.deepEqual(seen.fields, expected.fields, JSON.stringify(steps));
    };
    for (const way of WAYS) {
      for (const [name, before, after] of SCRIPTS) {
        await same(["set", "x", 1], ["set", "list", [1]], ["delete", "y"], ["delete", "z"]);
        await same(...before, ["leave", way], ...after);
        await same();
        const [old, memoryOld] = [new Browser(browser.site, cookie), new Browser(memory.site, memoryCookie)];
        assert.deepEqual(
          (await old.expect()).fields,
          (await memoryOld.expect()).fields,
          `the first id, ${way}: ${name}`,
        );
      }
    }
  });

  for (const way of WAYS) {
    test(`${framework}: a request that goes on after ${way} undoes nothing that others did meanwhile`, async (t) => {
      await undoNothing(t, framework, way);
    });
  }
}

async function undoNothing(t: TestContext, framework: Framework, way: Way): Promise<void> {
  const [store, site, browser] = await begin(t, framework);
  /** Runs a request that leaves its context and does `late` when others are done. */
  const whileAway = async (late: readonly Step[], others: () => Promise<unknown>): Promise<Seen> => {
    const away = browser.copy().ask(["leave", way], ["gate", "g"], ...late);
    await site.gates.reached("g");
    await others();
    site.gates.open("g");
    return away;
  };
  for (const late of [[["set", "x", 7]], [["set", "x", 7], ["save"]], [["reload"], ["set", "x", 7]]] as const) {
    await browser.expect(["set", "x", 1], ["set", "theirs", 1], ["set", "gone", 1]);
    await whileAway(late, () =>
      browser.expect(["set", "theirs", 2], ["delete", "gone"], ["push", "list", late.length]),
    );
    const { theirs, gone, x, list } = (await browser.expect()).fields as Record<string, unknown>;
    assert.deepEqual([theirs, gone, x], [2, undefined, 7], JSON.stringify(late));
    assert.equal((list as number[]).at(-1), late.length);
  }
  // Loaded again: what was read is not written, whatever was read before.
  await browser.expect(["set", "theirs", 3]);
  const twice = browser.copy().ask(["leave", way], ["gate", "g"], ["reload"], ["gate", "h"], ["set", "x", 8]);
  await site.gates.reached("g");
  await browser.expect(["set", "theirs", 4]);
  site.gates.open("g");
  await site.gates.reached("h");
  await browser.expect(["set", "theirs", 5]);
  site.gates.open("h");
  await twice;
  assert.deepEqual([(await store.all())[0]?.theirs, (await store.all())[0]?.x], [5, 8]);
  const lates: (readonly Step[])[] = [
    [["set", "x", 9]],
    [["set", "x", 9], ["save"], ["set", "x", 10]],
    [["reload"], ["set", "x", 9]],
    [],
  ];
  for (const late of lates) {
    const { sid } = await browser.expect(["set", "user", 1]);
    const seen = await whileAway(late, () => browser.copy().expect(["destroy"]));
    assert.equal(await store.get(sid as string), null, `${JSON.stringify(late)} answered ${seen.status}`);
    assert.equal(await store.length(), 0);
  }
}
