/** `update`: what it comes to at its places in the log, whatever came between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expireEntry, SWAP, setEntry } from "../../../dist/core/log/entry.js";
import type { Updater } from "../../../dist/core/replica/coordination.js";
import { joined } from "./coordinating.js";
import { NOW, tick } from "./opened-replica.js";

const plusOne: Updater = (current) => ((current as number | null) ?? 0) + 1;

test("an update is visible at once, and resolves with what is there when it is confirmed", async () => {
  const { replica, update, calls, confirmAll, next } = joined();
  replica.set("n", 1);
  const updated = update("n", plusOne);
  assert.equal(replica.get("n"), 2);
  await tick();
  assert.equal(next().at(-1)?.type, SWAP);
  assert.equal(next().at(-1)?.json, '{"from":1,"to":2}');
  await confirmAll();
  assert.equal(await updated, 2);
  assert.deepEqual(calls, [1]);
  const made = update("o", (current) => ({ was: current, at: [1] }));
  await confirmAll();
  const value = (await made) as object;
  assert.deepEqual(value, { was: null, at: [1] });
  assert.ok(Object.isFrozen(value));
  assert.deepEqual(replica.get("o"), value);
});

test("the function is called again with what came between, until nothing did", async () => {
  const { open, replica, update, calls, confirmAll } = joined();
  const updated = update("n", plusOne);
  for (const n of ["10", "20", "20.5"]) {
    await tick();
    open.foreign(setEntry(["n"], n));
    await confirmAll();
  }
  await confirmAll();
  assert.equal(await updated, 21.5);
  assert.deepEqual(calls, [null, 10, 20, 20.5]);
  assert.equal(replica.get("n"), 21.5);
});

test("values are compared, not texts: another order of keys, or the same value written again, is no change", async () => {
  const { open, replica, update, calls, confirmAll } = joined();
  open.foreign(setEntry(["o"], '{"a":1,"b":[1,{"c":2}]}'));
  const updated = update("o", (current) => ({ ...(current as object), d: 1 }));
  await tick();
  open.foreign(setEntry(["o"], '{ "b":[1,{"c":2}],"a":1.0 }'));
  await confirmAll();
  assert.deepEqual(await updated, { a: 1, b: [1, { c: 2 }], d: 1 });
  assert.equal(calls.length, 1);
  assert.deepEqual(replica.get("o"), { a: 1, b: [1, { c: 2 }], d: 1 });
});

test("nothing, and a stored null, are not the same for an update", async () => {
  const { open, update, calls, confirmAll } = joined();
  const updated = update("n", () => 1);
  await tick();
  open.foreign(setEntry(["n"], "null"));
  await confirmAll();
  await confirmAll();
  assert.equal(await updated, 1);
  assert.deepEqual(calls, [null, null]);
});

test("updates of one path run one after the other, in the order of their calls, and those of others do not wait", async () => {
  const { replica, update, confirmAll } = joined();
  const seen: string[] = [];
  const append = (name: string) => (current: unknown) => {
    seen.push(name);
    return [...((current as string[] | null) ?? []), name];
  };
  const all = ["a", "b", "c"].map((name) => update("list", append(name)));
  const other = update(["other", "x"], append("other"));
  assert.deepEqual(seen, ["a", "other"]);
  for (let round = 0; round < 3; round++) await confirmAll();
  assert.deepEqual((await Promise.all(all)).at(-1), ["a", "b", "c"]);
  assert.deepEqual(await other, ["other"]);
  assert.deepEqual(replica.get("list"), ["a", "b", "c"]);
});

test("one that fails lets the next one run", async () => {
  const { replica, update, confirmAll } = joined();
  const failed = update("n", () => {
    throw new Error("no");
  });
  const updated = update("n", plusOne);
  await assert.rejects(failed, /^Error: no$/);
  await confirmAll();
  assert.equal(await updated, 1);
  assert.equal(replica.get("n"), 1);
});

test("undefined writes nothing and resolves with what is there", async () => {
  const { open, replica, update } = joined();
  open.foreign(setEntry(["n"], "5"));
  assert.equal(await update("n", () => undefined), 5);
  assert.equal(await update("none", () => undefined), null);
  await tick();
  assert.equal(open.sent.length, 0);
  assert.equal(replica.get("n"), 5);
});

test("a function that writes nothing because of an own write that comes to something else is called again", async () => {
  for (const decline of ["returns undefined", "throws"]) {
    const { open, replica, update, calls, confirmAll } = joined();
    open.foreign(setEntry(["free"], "1"));
    const taken = replica.patch("seat", { by: "me" }, { match: { by: "" } });
    void taken;
    const first = update("free", (free) => ((free as number) > 0 ? (free as number) - 1 : undefined));
    assert.equal(replica.get("free"), 0);
    const second = open.replica.coordination.update(
      ["free"],
      (free) => {
        calls.push(`second ${free}`);
        if ((free as number) > 0) return (free as number) - 1;
        if (decline === "throws") throw new RangeError("sold out");
        return undefined;
      },
      {},
      () => {},
    );
    await tick();
    open.foreign(setEntry(["free"], "3"));
    for (let round = 0; round < 4; round++) await confirmAll();
    assert.equal(await first, 2);
    assert.equal(await second, 1, decline);
  }
});

test("what an own pending write has made is not the reason to write nothing before it is confirmed", async () => {
  for (const isKept of [true, false]) {
    const { open, replica, update, calls, confirmAll } = joined();
    void replica.add("free", 0);
    const updated = update("free", (free) => ((free as number) > 0 ? (free as number) - 1 : undefined));
    await tick();
    if (!isKept) open.foreign(setEntry(["free"], "3"));
    await confirmAll();
    await confirmAll();
    assert.equal(await updated, isKept ? 0 : 2);
    assert.deepEqual(calls, isKept ? [0] : [0, 3]);
  }
});

test("a promise, what JSON cannot carry and what is too large or too far are refused, and nothing is written", async () => {
  const { open, update } = joined();
  await assert.rejects(
    update("n", async () => 1),
    /^TypeError: expected a function that .* returns a promise$/,
  );
  await assert.rejects(
    update("n", () => () => 1),
    TypeError,
  );
  await assert.rejects(
    update("n", () => 1n),
    /BigInt/,
  );
  await assert.rejects(
    update("n", () => "x".repeat(2 ** 21)),
    RangeError,
  );
  open.foreign(setEntry(["list"], "[]"));
  await assert.rejects(
    update(["list", "70000"], () => 1),
    RangeError,
  );
  await tick();
  assert.equal(open.sent.length, 0);
});

test("what is wrong with the call throws at once", () => {
  const { coordination, replica } = joined();
  const update = (path: unknown, options: object = {}) =>
    coordination.update(path as string, plusOne, options, () => {});
  for (const path of [1, null, [], ["a", "__proto__"]]) assert.throws(() => update(path), TypeError);
  assert.throws(() => update("n", { ttl: "1" }), TypeError);
  assert.throws(() => update("n", { ttl: -1 }), RangeError);
  assert.throws(() => replica.batch(() => void update("n")), /^TypeError: expected update outside of batch/);
  for (const path of [1, null, [], ["a", "__proto__"]])
    assert.throws(() => coordination.take(path as never), TypeError);
});

test("an update keeps the expiry of the value, sets another one, or none", async () => {
  const { open, replica, update, confirmAll } = joined();
  open.foreign(setEntry(["o"], '{"n":1}', NOW + 5000), expireEntry(["o", "n"], NOW + 3000));
  for (const [path, options, ttl] of [
    [["o", "n"], {}, 3000],
    [["o", "n"], { ttl: 2001 }, 2000],
    [["o"], {}, 5000],
    [["o"], { ttl: 1001 }, 1000],
    [["o"], { ttl: 0 }, Number.POSITIVE_INFINITY],
    [["p"], {}, Number.POSITIVE_INFINITY],
    [["p"], { ttl: 11 }, 10],
  ] as const) {
    const updated = update([...path], () => ({ n: Math.random() }), options);
    assert.equal(replica.ttl(path), ttl, JSON.stringify([path, options]));
    await confirmAll();
    await updated;
    assert.equal(replica.ttl(path), ttl, JSON.stringify([path, options]));
  }
});

test("what expired between counts as gone, at the time of the log", async () => {
  const { open, update, calls, confirmAll } = joined();
  open.foreign(setEntry(["n"], "5", NOW + 100));
  const updated = update("n", plusOne);
  await tick();
  open.now += 200;
  await confirmAll();
  await confirmAll();
  assert.equal(await updated, 1);
  assert.deepEqual(calls, [5, null]);
});

test("an aborted signal rejects at once, and nothing is tried again", async () => {
  const { open, replica, update, calls, confirmAll } = joined();
  const reason = new Error("enough");
  await assert.rejects(update("n", plusOne, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(calls.length, 0);
  const controller = new AbortController();
  const running = update("n", plusOne, { signal: controller.signal });
  const waiting = update("n", plusOne, { signal: controller.signal });
  const last = update("n", plusOne);
  await tick();
  controller.abort(reason);
  await assert.rejects(running, reason);
  await assert.rejects(waiting, reason);
  open.foreign(setEntry(["n"], "7"));
  for (let round = 0; round < 3; round++) await confirmAll();
  assert.equal(await last, 8, "the tries of the aborted ones have ended");
  assert.deepEqual(calls, [null, 7]);
  assert.equal(replica.get("n"), 8);
});

test("an update of a storage that was closed meanwhile is not tried again", async () => {
  const { open, update, calls, state, confirmAll } = joined();
  const updated = update("n", plusOne);
  await tick();
  open.foreign(setEntry(["n"], "7"));
  state.isOpen = false;
  await confirmAll().catch(() => {});
  await assert.rejects(updated, /closed/);
  assert.deepEqual(calls, [null]);
});
