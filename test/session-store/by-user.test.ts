/** The sessions of a user: found, counted and destroyed, in one process. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { inspect } from "node:util";
import { Storage } from "../../dist/core/index.js";
import { ClusterSessionStore, type SessionPayload } from "../../dist/session-store/index.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import { beginStore, called, createStore, HOUR_MS, inMs, request, sessionWith } from "./stores.js";

const index = (session: SessionPayload) => session.userId;
const idsOf = async (store: ClusterSessionStore, user: string | number) =>
  (await store.byUser(user)).map(({ id }) => id).sort();

test("byUser and countByUser follow each change: creation, login, another user, logout, expiry, clear", async () => {
  const store = await createStore({ index });
  assert.deepEqual(await store.byUser(42), []);
  await store.set("a", sessionWith({ userId: 42 }));
  await store.set("b", sessionWith({ userId: 43 }));
  await store.set("c", sessionWith());
  assert.deepEqual(await store.byUser(42), [{ ...sessionWith({ userId: 42 }), id: "a" }]);
  await request(store, "c", (session) => store.set("c", { ...session, userId: 42 }));
  assert.deepEqual([await idsOf(store, 42), await store.countByUser(42)], [["a", "c"], 2]);
  await request(store, "a", (session) => store.set("a", { ...session, userId: 43 }));
  assert.deepEqual([await idsOf(store, 42), await idsOf(store, 43)], [["c"], ["a", "b"]]);
  await store.destroy("a");
  assert.deepEqual(await idsOf(store, 43), ["b"]);
  store.storage.touch(["session/b"], 1);
  await until("it has expired", async () => (await store.countByUser(43)) === 0);
  await store.clear();
  assert.equal(await store.countByUser(42), 0);
  await store.set("d", sessionWith({ userId: 42 }));
  store.storage.clear();
  await store.storage.flush();
  assert.equal(await store.countByUser(42), 0);
});

test("what this process has just written counts, and stops counting when it is taken back", async () => {
  const store = await createStore({ index });
  await store.set("a", sessionWith({ userId: 1 }));
  assert.equal(await store.countByUser(1), 1);
  const { storage } = store;
  storage.set(["session/b"], { ...sessionWith({ userId: 1 }), "@birth": "b" });
  assert.deepEqual(await idsOf(store, 1), ["a", "b"]);
  const patched = storage.patch(["session/a"], { userId: 2 }, { match: { userId: 3 } });
  assert.deepEqual(await idsOf(store, 1), ["a", "b"]);
  assert.equal(await patched, false);
  storage.delete(["session/a"]);
  assert.deepEqual(await idsOf(store, 1), ["b"]);
});

test("a number and its text are one user, and other values are nobody", async () => {
  const store = await createStore({ index });
  const users: unknown[] = [
    42,
    "42",
    "042",
    null,
    undefined,
    true,
    { id: 42 },
    Number.NaN,
    "",
    "__proto__",
    "a/b",
    "x".repeat(1025),
  ];
  for (const [place, userId] of users.entries()) await store.set(`s${place}`, sessionWith({ userId }));
  assert.deepEqual(await idsOf(store, 42), ["s0", "s1"]);
  assert.deepEqual(await idsOf(store, "42"), ["s0", "s1"]);
  assert.deepEqual(await store.countByUser(42n), 2);
  for (const [user, id] of [
    ["042", "s2"],
    ["__proto__", "s9"],
    ["a/b", "s10"],
  ] as const)
    assert.deepEqual(await idsOf(store, user), [id]);
  assert.equal(await store.countByUser("null"), 0);
  assert.equal(await store.countByUser("true"), 0);
  for (const user of [null, undefined, {}, true, Number.NaN, "", "x".repeat(1025)]) {
    for (const method of ["byUser", "countByUser", "destroyByUser", "revokeUser"] as const)
      await assert.rejects(store[method](user as string), TypeError);
  }
  await assert.rejects(store.byUser(undefined as never), {
    message:
      "expected the id of a user as a number, a bigint, or a text of 1 to 1024 characters, got undefined; is nobody logged in?",
  });
});

test("a function that throws hides no session from the others, and is reported", async (t) => {
  const store = await createStore({
    index: (session) => {
      if (session.userId === "bad") throw new Error("no such user");
      return session.userId.id;
    },
  });
  const events: Array<{ type: string; sid: string; error: Error }> = [];
  const listen = (event: unknown) => events.push(event as (typeof events)[number]);
  subscribe("cluster-storage:session", listen);
  teardown(t, () => unsubscribe("cluster-storage:session", listen));
  await store.set("good", sessionWith({ userId: { id: 1 } }));
  await store.set("bad", sessionWith({ userId: "bad" }));
  await store.set("none", sessionWith());
  assert.deepEqual(await idsOf(store, 1), ["good"]);
  assert.deepEqual((await store.get("bad"))?.userId, "bad");
  assert.equal(await store.length(), 3);
  assert.equal(await store.destroyByUser(1), 1);
  assert.deepEqual(new Set(events.map(({ type, sid }) => `${type} ${sid}`)), new Set(["index bad", "index none"]));
  assert.equal(events.find(({ sid }) => sid === "bad")?.error.message, "no such user");
});

test("a function that does not work is reported by one warning of each store, which says what came; one that is async is refused", async (t) => {
  const warnings: { code?: string; message: string }[] = [];
  const listen = (warning: Error & { code?: string }) => warnings.push(warning);
  process.on("warning", listen);
  teardown(t, () => process.off("warning", listen));
  const cases: [index: (session: SessionPayload) => unknown, message: RegExp][] = [
    [(session) => session.user.id, /expected the id of a user, got an error: Cannot read properties of undefined/],
    [
      () => Promise.reject(new Error("of no use")),
      /expected the id of a user as a number, a bigint, or .*, got Promise/,
    ],
    [() => true, /characters, got true;/],
  ];
  for (const [wrong, message] of cases) {
    const store = await createStore({ index: wrong as never });
    for (const id of ["a", "b"]) await store.set(id, sessionWith());
    assert.equal(await store.countByUser("ann"), 0);
    await until("it has warned", () => warnings.length > 0);
    await turn();
    const [warning, ...others] = warnings.splice(0);
    assert.equal(warning?.code, "CLUSTER_STORAGE_INDEX");
    assert.match(warning.message, message);
    assert.deepEqual(others, []);
  }
  await assert.rejects(createStore({ index: (async () => "ann") as never }), {
    name: "TypeError",
    message: /^expected index to be a function that returns an id at once, .* got \[AsyncFunction/,
  });
});

test("destroyByUser removes all sessions of the user but those that are excepted, and no others", async () => {
  const store = await createStore({ index });
  for (const id of ["a", "b", "c"]) await store.set(id, sessionWith({ userId: 1 }));
  await store.set("other", sessionWith({ userId: 2 }));
  assert.equal(await store.destroyByUser("1", { except: "b" }), 2);
  assert.deepEqual((await store.ids()).sort(), ["b", "other"]);
  await store.set("c", sessionWith({ userId: 1 }));
  assert.equal(await store.destroyByUser(1, { except: ["c", "never"] }), 1);
  assert.equal(await store.destroyByUser(1), 1);
  assert.equal(await store.destroyByUser(1), 0);
  assert.deepEqual(await store.ids(), ["other"]);
  const mistakes: [options: unknown, message: RegExp][] = [
    [{ except: 1 }, /^expected except to be the id of a session or an array of ids, got 1$/],
    [{ except: [1] }, /got \[ 1 \]$/],
    [{ except: undefined }, /^expected except to be .* ids, got undefined; it is req\.sessionID in Express/],
    [{ except: "" }, /got ''$/],
    [{ except: ["other", ""] }, /got \[ 'other', '' \]$/],
    [{ but: "a" }, /^expected one of the options except, got "but"$/],
    [{ exept: "other" }, /got "exept"; did you mean except\?$/],
    ["other", /^expected options such as \{ except: request\.sessionID \}, got 'other'$/],
  ];
  for (const [options, message] of mistakes)
    await assert.rejects(store.destroyByUser(2, options as never), { name: "TypeError", message });
  assert.deepEqual(await store.ids(), ["other"]);
});

test("revokeUser takes no options, and revokes nothing when it is given some", async () => {
  const store = await createStore({ index });
  await store.set("a", sessionWith({ userId: 1 }));
  for (const options of [{ except: "a" }, { exept: "a" }, "a"])
    assert.throws(() => store.revokeUser(1, options as never), {
      name: "TypeError",
      message: `expected a callback or nothing, since except is for destroyByUser alone, got ${inspect(options)}`,
    });
  assert.equal(await store.countByUser(1), 1);
});

test("destroyByUser removes thousands of sessions", async () => {
  const store = await createStore({ index });
  for (let count = 0; count < 2500; count++)
    store.storage.set([`session/s${count}`], sessionWith({ userId: count % 2 }));
  assert.equal(await store.destroyByUser(1), 1250);
  assert.deepEqual([await store.countByUser(0), await store.countByUser(1), await store.length()], [1250, 0, 1250]);
});

test("with callbacks, the methods call back once and asynchronously; a store without the option says so", async () => {
  const store = await createStore({ index });
  for (const id of ["a", "b", "c"]) await store.set(id, sessionWith({ userId: 1 }));
  const results = [
    await called<unknown>((callback) => store.byUser(1, (error, found) => callback(error, found?.length))),
    await called<unknown>((callback) => store.countByUser(1, callback)),
    await called<unknown>((callback) => store.destroyByUser(1, { except: ["b", "c"] }, callback)),
    await called<unknown>((callback) => store.destroyByUser(1, (error, count) => callback(error, count))),
    await called<unknown>((callback) => store.revokeUser(1, callback)),
  ];
  for (const { error, isSynchronous, count } of results)
    assert.deepEqual([error, isSynchronous, count()], [null, false, 1]);
  assert.deepEqual(
    results.map(({ value }) => value),
    [3, 3, 1, 2, 0],
  );
  const plain = await createStore();
  for (const method of ["byUser", "countByUser", "destroyByUser", "revokeUser"] as const) {
    await assert.rejects(plain[method](1), { name: "TypeError", message: /ClusterSessionStore\(\{ index \}\)/ });
    assert.ok((await called((callback) => plain[method](1, callback as never))).error instanceof TypeError);
  }
});

test("merge: whole, and another prefix, have users of their own", async () => {
  const whole = await createStore({ index, merge: "whole", prefix: "whole" });
  const other = new ClusterSessionStore({ storage: whole.storage, index, prefix: "other" });
  await whole.set("a", sessionWith());
  await other.set("a", sessionWith({ userId: 1 }));
  await request(whole, "a", (session) => whole.set("a", { ...session, userId: 1 }));
  assert.deepEqual(await whole.byUser(1), [{ ...sessionWith({ userId: 1 }), id: "a" }]);
  await whole.revokeUser(1);
  assert.deepEqual([await whole.countByUser(1), await other.countByUser(1)], [0, 1]);
  assert.equal(await other.destroyByUser(1), 1);
});

test("an index needs no migration: after a restart, and with another function, it is what the sessions say", async (t) => {
  const path = temporaryDirectory(t);
  const first = beginStore(t, { path, index });
  for (const id of ["a", "b"]) await first.set(id, sessionWith({ userId: 1, team: id }, inMs(HOUR_MS)));
  await first.revokeUser(2);
  await first.close();
  const second = beginStore(t, { path, index: (session) => session.team });
  assert.deepEqual(await idsOf(second, "a"), ["a"]);
  assert.equal(await second.destroyByUser("b"), 1);
  await second.close();
  const third = beginStore(t, { path, index });
  assert.deepEqual(await idsOf(third, 1), ["a"]);
});

test("all, byUser and what was read show no mark of the store", async () => {
  const store = await createStore({ index });
  await store.set("a", sessionWith({ userId: 1 }));
  assert.ok(Number.isSafeInteger(store.storage.get(["session/a", "@since"])));
  const expected = sessionWith({ userId: 1 });
  assert.deepEqual(await store.get("a"), expected);
  assert.deepEqual([await store.all(), await store.byUser(1)], Array(2).fill([{ ...expected, id: "a" }]));
});

test("the first call looks at many sessions in slices, and the storage keeps their texts", async (t) => {
  const storage = await Storage.open("large", {
    path: temporaryDirectory(t),
    persist: false,
    maxPendingBytes: 2 ** 30,
  });
  teardown(t, () => storage.close());
  let lookCount = 0;
  const look = (session: SessionPayload) => {
    lookCount++;
    return session.userId;
  };
  const store = new ClusterSessionStore({ storage, index: look });
  for (let count = 0; count < 40_000; count++) {
    storage.set([`session/s${count}`], { ...sessionWith({ userId: count % 20_000 }), "@birth": "b" }, HOUR_MS);
    if (count % 5000 === 0) await storage.flush();
  }
  await storage.flush();
  let longest = 0;
  let lastCount = 0;
  let turnCount = 0;
  let isOver = false;
  const visit = () => {
    turnCount++;
    longest = Math.max(longest, lookCount - lastCount);
    lastCount = lookCount;
    if (!isOver) setImmediate(visit);
  };
  setImmediate(visit);
  assert.deepEqual(await idsOf(store, 7), ["s20007", "s7"]);
  isOver = true;
  assert.ok(turnCount >= 4 && longest < 20_000, `${longest} of 40,000 in one of ${turnCount} turns`);
  const before = lookCount;
  assert.equal(await store.countByUser(8), 2);
  assert.ok(lookCount - before < 10, "later calls look at the sessions of the user alone");
});
