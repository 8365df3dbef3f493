import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../proof/cluster/processes.js";
import type { Pair, Promised } from "./suite.js";

const TTL_MS = 250;

/** The ms of storage time and those of the wall clock, by which this measures, begin at different moments. */
const APART_MS = 1;

/** When something was written with a ttl: it expires at or after `earliest`, and before or at `latest`. */
interface Written {
  readonly earliest: number;
  readonly latest: number;
}

/** When what was written with a ttl between two times expires: the last ms is left out, so that a timer finds it gone. */
const expiryOf = (before: number, after: number, ttl: number): Written => ({
  earliest: before + ttl - 1 - APART_MS,
  latest: after + ttl - 1 + APART_MS,
});

/** Writes with a ttl that begins at this moment. */
function timed(write: () => unknown, ttl = TTL_MS): Written {
  const before = Date.now();
  write();
  return expiryOf(before, Date.now(), ttl);
}

/** Reads again and again: `isThere` must hold until the ttl is over, to the millisecond, and never afterwards. */
async function expectUntil(written: Written, isThere: () => boolean | Promise<boolean>): Promise<void> {
  for (;;) {
    const before = Date.now();
    const found = await isThere();
    const after = Date.now();
    if (after < written.earliest) assert.equal(found, true, `gone ${written.earliest - after} ms too early`);
    if (before >= written.latest) {
      assert.equal(found, false, `still there ${before - written.latest} ms too late`);
      return;
    }
    if (written.earliest - after > 20) await sleep(5);
  }
}

/** The same on both sides. */
async function expectBothUntil(pair: Pair, written: Written, path: string): Promise<void> {
  await Promise.all([
    expectUntil(written, () => pair.storage.get(path) !== null),
    expectUntil(written, async () => (await pair.other.call("get", path)) !== null),
  ]);
}

const soon = (what: string, condition: () => boolean) => until(what, condition);

/** Tries something that has to be done before a ttl is over: again with twice the ttl, and another key, when it was not. */
async function beforeExpiry(key: string, attempt: (key: string, ttl: number) => Promise<boolean>): Promise<void> {
  for (let ttl = 4 * TTL_MS; !(await attempt(`${key}${ttl}`, ttl)); ttl *= 2);
}

export const expiry: readonly Promised[] = [
  {
    name: "a key with a ttl is gone on both sides to the millisecond",
    async try(pair) {
      pair.storage.set("stays", 1);
      const written = timed(() => pair.storage.set("key", { a: 1 }, TTL_MS + 500), TTL_MS + 500);
      await pair.settle();
      await expectBothUntil(pair, written, "key");
      assert.deepEqual([pair.storage.has("key"), pair.storage.keys(), pair.storage.size], [false, ["stays"], 1]);
      assert.deepEqual(pair.storage.entries(), [["stays", 1]]);
      assert.deepEqual(await pair.other.call("keys"), ["stays"]);
      assert.equal(await pair.other.call("size"), 1);
      assert.equal(pair.storage.touch("key", 1000), false);
    },
  },
  {
    name: "a child with a ttl vanishes from its parent, whose other children stay",
    async try(pair) {
      pair.storage.set("bar", { kept: true, list: [1, 2, 3] });
      const written = timed(() => {
        pair.storage.set("bar.greeting", "hello", TTL_MS);
        pair.storage.set("bar.list[1]", "two", TTL_MS);
      });
      const before = pair.storage.get("bar");
      await expectUntil(written, () => Object.hasOwn(pair.storage.get("bar"), "greeting"));
      await expectUntil(written, () => pair.storage.get("bar").list[1] !== null);
      await pair.settle();
      for (const bar of [pair.storage.get("bar"), await pair.other.call("get", "bar")]) {
        assert.deepEqual(bar, { kept: true, list: [1, null, 3] });
      }
      assert.deepEqual([pair.storage.has("bar.greeting"), pair.storage.has("bar.list[1]")], [false, false]);
      assert.deepEqual(before, { kept: true, list: [1, "two", 3], greeting: "hello" }, "what was read stays as it was");
    },
  },
  {
    name: "an expired parent hides all below it, whatever ttl that has",
    async try(pair) {
      const written = timed(() => pair.storage.set("parent", { a: { b: 1 } }, TTL_MS));
      pair.storage.set("parent.a.c", 2, 60_000);
      await pair.settle();
      await expectBothUntil(pair, written, "parent.a.c");
      assert.equal(pair.storage.get("parent.a"), null);
      pair.storage.set("parent.new", 3);
      await pair.settle();
      assert.deepEqual(await pair.other.call("get", "parent"), { new: 3 }, "nothing of the expired one comes back");
    },
  },
  {
    name: "a write without ttl clears the expiry at that path and below; one beside it does not",
    async try(pair) {
      pair.storage.set("key", 1, TTL_MS);
      pair.storage.set("key", 2);
      pair.storage.set("parent.child", 1, TTL_MS);
      pair.storage.set("parent", { child: 2 });
      pair.storage.set("beside.a", 1, TTL_MS);
      const written = timed(() => pair.storage.set("beside.a", 1, TTL_MS));
      pair.storage.set("beside.b", 2);
      await pair.settle();
      await expectBothUntil(pair, written, "beside.a");
      for (const side of [pair.storage, { get: (path: string) => pair.other.call("get", path) }]) {
        assert.equal(await side.get("key"), 2);
        assert.deepEqual(await side.get("parent"), { child: 2 });
        assert.deepEqual(await side.get("beside"), { b: 2 });
      }
    },
  },
  {
    name: "touch gives an existing value a new expiry, or none, on any path; it creates nothing",
    async try(pair) {
      pair.storage.set("long", 1, TTL_MS);
      pair.storage.set("free", 1, TTL_MS);
      pair.storage.set("object", { a: 1, b: 2 });
      assert.equal(pair.storage.touch("long", 60_000), true);
      assert.equal(pair.storage.touch("free", 0), true);
      const written = timed(() => assert.equal(pair.storage.touch("object.a", TTL_MS), true));
      for (const path of ["absent", "object.c", "object.a.b"])
        assert.equal(pair.storage.touch(path, 1000), false, path);
      await pair.settle();
      await expectBothUntil(pair, written, "object.a");
      assert.deepEqual(await pair.other.call("entries").then((entries) => Object.fromEntries(entries as [])), {
        long: 1,
        free: 1,
        object: { b: 2 },
      });
      assert.equal(pair.storage.size, 3);
    },
  },
  {
    name: "no ttl, 0 and ones beyond any timer are for long",
    async try(pair) {
      for (const [key, ttl] of Object.entries({ zero: 0, month: 31 * 86_400_000, age: 2 ** 45 })) {
        pair.storage.set(key, 1, ttl);
      }
      pair.storage.set("part of a ms", 1, 0.2);
      await pair.settle();
      await soon("the shortest one is gone", () => !pair.storage.has("part of a ms"));
      assert.deepEqual((await pair.other.call<string[]>("keys")).sort(), ["age", "month", "zero"]);
    },
  },
  {
    name: "a counter with a ttl is a fixed window from its creation",
    async try(pair) {
      await beforeExpiry("hits", async (key, ttl) => {
        const before = Date.now();
        assert.equal(await pair.storage.increment(key, 1, ttl), 1);
        const written = expiryOf(before, Date.now(), ttl);
        const second = await pair.storage.increment(key, 2, 60 * ttl);
        if (Date.now() >= written.earliest) return false;
        assert.equal(second, 3);
        await expectBothUntil(pair, written, key);
        assert.equal(await pair.storage.increment(key, 5), 5, "a new window begins at 0");
        await pair.settle();
        assert.equal(await pair.other.call("get", key), 5);
        return true;
      });
    },
  },
  {
    name: "what is expired is absent for add",
    async try(pair) {
      await beforeExpiry("lock", async (key, ttl) => {
        const before = Date.now();
        assert.equal(await pair.storage.add(key, "mine", ttl), true);
        const isAdded = await pair.storage.add(key, "again", TTL_MS);
        if (Date.now() >= before + ttl - 1) return false;
        assert.equal(isAdded, false);
        await soon("the lock is free", () => !pair.storage.has(key));
        assert.equal(await pair.other.call("add", key, "theirs"), true);
        await pair.settle();
        assert.equal(pair.storage.get(key), "theirs");
        return true;
      });
    },
  },
];
