import assert from "node:assert/strict";
import { runs } from "../../proof/budget.js";
import { until } from "../../proof/cluster/processes.js";
import type { Pair, Promised } from "./suite.js";

/** Patches of each side that are on their way at once. */
const PATCHES = 20;
/** How often the two sides meet, with everything settled in between. */
const ROUNDS = 5 * runs;
const HOUR_MS = 3_600_000;

/** Both sides show the same. */
async function expectBoth(pair: Pair, path: string, expected: unknown): Promise<void> {
  assert.deepEqual(pair.storage.get(path), expected, "here");
  assert.deepEqual(await pair.other.call("get", path), expected, "elsewhere");
}

export const patches: readonly Promised[] = [
  {
    name: "a patch changes and removes fields, here at once, and leaves the others",
    async try(pair) {
      pair.storage.set("user", { name: "Ada", draft: 1, tags: ["a"], deep: { x: 1 } });
      const seen = pair.storage.get("user");
      const promise = pair.storage.patch("user", { name: "Eve", draft: undefined, deep: { y: [2] } });
      assert.deepEqual(pair.storage.get("user"), { name: "Eve", tags: ["a"], deep: { y: [2] } });
      assert.equal(await promise, true);
      assert.equal(await pair.other.call("patch", "user.deep", { z: null }), true);
      await pair.settle();
      await expectBoth(pair, "user", { name: "Eve", tags: ["a"], deep: { y: [2], z: null } });
      assert.deepEqual(seen, { name: "Ada", draft: 1, tags: ["a"], deep: { x: 1 } });
    },
  },
  {
    name: "patches of both sides to different fields all survive",
    async try(pair) {
      pair.storage.set("session", { start: true });
      await pair.settle();
      const results: Promise<boolean>[] = [];
      for (let round = 0; round < PATCHES; round++) {
        results.push(pair.storage.patch("session", { [`here${round}`]: round, last: "here" }));
        results.push(pair.other.call<boolean>("patch", "session", { [`there${round}`]: round, last: "there" }));
      }
      assert.ok((await Promise.all(results)).every((result) => result === true));
      await pair.settle();
      const session = pair.storage.get("session");
      assert.deepEqual(await pair.other.call("get", "session"), session);
      const numbers = Array.from({ length: PATCHES }, (_, round) => round);
      const fields = numbers.flatMap((round) => [
        [`here${round}`, round],
        [`there${round}`, round],
      ]);
      assert.ok(["here", "there"].includes(session.last));
      assert.deepEqual(session, { start: true, last: session.last, ...Object.fromEntries(fields) });
    },
  },
  {
    name: "what was deleted is not brought back by a patch, however the two meet",
    async try(pair) {
      for (let round = 0; round < ROUNDS; round++) {
        pair.storage.set("session", { round });
        pair.storage.set("parent", { session: { round }, kept: 1 });
        await pair.settle();
        const deleting = [pair.other.call("delete", "session"), pair.other.call("delete", "parent.session")];
        if (round % 2 === 0) await Promise.all(deleting);
        const patching = [
          pair.storage.patch("session", { late: 1 }),
          pair.storage.patch("parent.session", { late: 1 }, { ttl: HOUR_MS }),
        ];
        await Promise.all([...deleting, ...patching]);
        await pair.settle();
        await expectBoth(pair, "session", null);
        await expectBoth(pair, "parent", { kept: 1 });
        assert.equal(await pair.storage.patch("session", { later: 1 }), false);
      }
      assert.deepEqual(pair.storage.keys(), ["parent"]);
    },
  },
  {
    name: "of all patches that match the same value at once exactly one takes effect",
    async try(pair) {
      pair.storage.set("doc", { version: 0, text: { by: "nobody" } });
      await pair.settle();
      for (let round = 0; round < ROUNDS; round++) {
        const patch = (by: string) => [{ version: round + 1, text: { by } }, { match: { version: round } }] as const;
        const wins = await Promise.all([
          pair.storage.patch("doc", ...patch("here")),
          pair.other.call<boolean>("patch", "doc", ...patch("there")),
          pair.storage.patch("doc", ...patch("here again")),
        ]);
        assert.equal(wins.filter(Boolean).length, 1, `round ${round}: ${wins}`);
        await pair.settle();
        const by = wins[0] ? "here" : wins[1] ? "there" : "here again";
        await expectBoth(pair, "doc", { version: round + 1, text: { by } });
      }
      assert.equal(await pair.storage.patch("doc", { x: 1 }, { match: { text: { by: "?" } } }), false);
      assert.equal(await pair.storage.patch("doc", { x: 1 }, { match: { absent: null } }), false);
      assert.equal(Object.hasOwn(pair.storage.get("doc"), "x"), false);
    },
  },
  {
    name: "what is not there or no object is not patched",
    async try(pair) {
      const state = { list: [1, { a: 1 }], text: "abc", nothing: null };
      for (const [key, value] of Object.entries(state)) pair.storage.set(key, value);
      await pair.settle();
      for (const path of ["absent", "list", "list[0]", "list[7]", "text", "text.length", "nothing", "nothing.below"]) {
        assert.equal(await pair.storage.patch(path, { a: 2 }), false, path);
        assert.equal(await pair.other.call("patch", path, {}), false, path);
      }
      await pair.settle();
      assert.deepEqual(Object.fromEntries(pair.storage.entries()), state);
      assert.equal(await pair.storage.patch("list[1]", { a: 2 }), true);
      await pair.settle();
      await expectBoth(pair, "list", [1, { a: 2 }]);
    },
  },
  {
    name: "a patch within a batch belongs to it",
    async try(pair) {
      pair.storage.set("user", { n: 1 });
      await pair.settle();
      let failed: Promise<boolean> | undefined;
      const cause = new Error("changed my mind");
      const failing = () => {
        pair.storage.set("user.n", 2);
        failed = pair.storage.patch("user", { n: undefined, m: 3 }, { ttl: 1 });
        throw cause;
      };
      assert.throws(() => pair.storage.batch(failing), cause);
      await assert.rejects(failed as Promise<boolean>, cause);
      assert.deepEqual(pair.storage.get("user"), { n: 1 });
      const results: Promise<boolean>[] = [];
      pair.storage.batch(() => {
        pair.storage.set("other", {});
        results.push(pair.storage.patch("other", { a: 1 }), pair.storage.patch("user", { n: 2 }, { match: { n: 3 } }));
      });
      assert.deepEqual(await Promise.all(results), [true, false]);
      await pair.settle();
      await expectBoth(pair, "other", { a: 1 });
      await expectBoth(pair, "user", { n: 1 });
    },
  },
  {
    name: "ttl is the ms that are left, of the earliest expiry on the way; a patch keeps, sets or clears the object's own",
    async try(pair) {
      const { storage } = pair;
      const before = Date.now();
      storage.set("session", { user: { name: "Ada" }, code: 1 }, HOUR_MS);
      storage.set("free", { a: null, list: [null] });
      await storage.patch("session", { code: 2 });
      storage.touch("session.user", 2 * HOUR_MS);
      storage.touch("free.a", HOUR_MS);
      await pair.settle();
      const expectLeft = async (path: string, ttl: number) => {
        for (const left of [pair.storage.ttl(path) as number, await pair.other.call<number>("ttl", path)]) {
          assert.ok(left < ttl && left >= ttl - 1 - (Date.now() - before), `${path}: ${left} of ${ttl} ms`);
        }
      };
      for (const path of ["session", "session.code", "session.user", "session.user.name", "free.a"]) {
        await expectLeft(path, HOUR_MS);
      }
      for (const path of ["absent", "session.absent", "free.list[0]", "free.a.b"]) {
        assert.equal(pair.storage.ttl(path), null, path);
        assert.equal(await pair.other.call("ttl", path), null, path);
      }
      assert.equal(pair.storage.ttl("free"), Infinity);
      assert.equal(await pair.storage.patch("session", {}, { ttl: 3 * HOUR_MS }), true);
      await pair.settle();
      await expectLeft("session.code", 3 * HOUR_MS);
      await expectLeft("session.user", 2 * HOUR_MS);
      assert.equal(await pair.storage.patch("session", { user: 1 }, { ttl: 0 }), true);
      await pair.settle();
      assert.deepEqual([pair.storage.ttl("session"), pair.storage.ttl("session.user")], [Infinity, Infinity]);
    },
  },
  {
    name: "what has expired is not patched, does not match, and has no ttl",
    async try(pair) {
      pair.storage.set("short", { a: 1 }, 50);
      pair.storage.set("object", { b: 1, c: 2 });
      pair.storage.touch("object.c", 50);
      await until("both are gone", () => !pair.storage.has("short") && !pair.storage.has("object.c"), 5000);
      assert.equal(pair.storage.ttl("short"), null);
      assert.equal(pair.storage.ttl("object.c"), null);
      assert.equal(await pair.storage.patch("short", { a: 2 }, { ttl: 0 }), false);
      assert.equal(await pair.storage.patch("object", { b: 2 }, { match: { c: 2 } }), false);
      assert.equal(await pair.other.call("patch", "object", { b: 3 }, { match: { b: 1 } }), true);
      await pair.settle();
      await expectBoth(pair, "short", null);
      await expectBoth(pair, "object", { b: 3 });
    },
  },
];
