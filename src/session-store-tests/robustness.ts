/** What a store should withstand. */
import { type Method, plainOf, sessionsOf } from "./called-store.js";
import { CONTRACT_DOCUMENT, type StoreCase, storeCase, type Trial } from "./case.js";
import { sessionObject, sessionWithInvalidExpiry } from "./session-object.js";
import { canTakeUncaught, ThrownOnPurpose, takingUncaught } from "./uncaught.js";
import { isGoneAfter, pause, pauseBeyond } from "./waiting.js";

/** A lifetime that a case waits for, in ms. */
const SHORT_MS = 200;
/** Long enough for a store to call back a second time, in ms. */
const SECOND_CALL_MS = 50;
const WRITE_COUNT = 20;

/** Ids that mean something elsewhere: in a path, a pattern, an object. */
const SPECIAL_IDS = ["a/b", "../a", "a.b[0]", "a b?c*d", "%2e%2e", "user:1", "::1", "ключ", "a\\b", "sess:a"];
const NAMES_OF_OBJECTS = ["__proto__", "constructor", "toString", "hasOwnProperty"];

export const ROBUSTNESS: readonly StoreCase[] = [
  storeCase("robustness", {
    name: "a session that JSON cannot carry is an error of the callback",
    edge: "A cycle or a BigInt in the session. express-session calls set inside response.end, where a thrown error is uncaught and ends the process.",
    sources: ["expressjs/express#1039"],
    async run({ store, assert, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ count: 1 }));
      const cycle: Record<string, unknown> = {};
      cycle.cycle = cycle;
      for (const fields of [cycle, { big: 1n }]) {
        const [error] = await store.call("set", sid, sessionObject(fields)).answer;
        assert.ok(error, "expected set to call back with an error, got none");
      }
      expectFields(await store.get(sid), { count: 1 });
    },
  }),
  storeCase("robustness", {
    name: "a callback that throws is not called again",
    edge: "A store that calls back inside of a try takes the error of the application for its own.",
    sources: ["jdesboeufs/connect-mongo#437"],
    run: throwInCallbacks,
  }),
  storeCase("robustness", {
    name: "an expiry that is no date does not end the session",
    edge: "The store may refuse it. NaN > 0 is false, and so is NaN <= 0.",
    sources: ["tj/connect-redis#348", "mweibel/connect-session-sequelize#118"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ user: "ann" }));
      await store.call("set", sid, sessionWithInvalidExpiry({ user: "ann" })).answer;
      expectFields(await store.get(sid), { user: "ann" });
    },
  }),
  storeCase("robustness", {
    name: "a session that was read and is stored again keeps its expiry",
    edge: "A job outside of a request changes a session by get and set. What it passes is plain, and its expiry is the text of a date.",
    sources: [CONTRACT_DOCUMENT],
    async run(trial) {
      const sid = trial.newId();
      await trial.store.set(sid, plainOf(sessionObject({}, SHORT_MS)) as object);
      trial.assert.ok(await isGoneAfter(sid, SHORT_MS, trial), "expected no session after its expiry, got one");
    },
  }),
  storeCase("robustness", {
    name: "touch writes the new expiry into the cookie",
    edge: "The next request reads a cookie with the old expiry, and stores it.",
    sources: ["tj/connect-redis#259", "expressjs/session#718"],
    needs: ["touch"],
    async run({ store, assert, newId }) {
      const sid = newId();
      const [before, after] = [sessionObject({}, 60_000), sessionObject({})];
      await store.set(sid, before);
      await store.touch(sid, after);
      const { cookie } = JSON.parse(JSON.stringify((await store.get(sid)) ?? { cookie: {} }));
      assert.deepStrictEqual(cookie.expires, after.cookie.expires?.toISOString());
    },
  }),
  storeCase("robustness", {
    name: "any text is an id",
    edge: "genid may put the name of a user into it. A file name, a pattern or a path of it would mix up sessions, or leave the directory.",
    sources: ["expressjs/session#865", "gorilla/sessions#275"],
    run: (trial) => keepApart(trial, SPECIAL_IDS),
  }),
  storeCase("robustness", {
    name: "an id may be the name of a property that every object has",
    edge: "A browser can send any id that it has a signature for; without a secret, any.",
    sources: ["expressjs/session#865"],
    run: (trial) => keepApart(trial, NAMES_OF_OBJECTS),
  }),
  storeCase("robustness", {
    name: "the store adds no field to a session",
    edge: "Its own fields reach the application, and are part of what express-session compares to find out whether the session was changed.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, assert, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ count: 1 }));
      const found = await store.get(sid);
      assert.deepStrictEqual(Object.keys(found ?? {}).sort(), ["cookie", "count"]);
    },
  }),
  storeCase("robustness", {
    name: "a session of one megabyte is stored",
    edge: "It is read back whole, or refused by an error of the callback.",
    sources: ["valery-barysok/session-file-store#31"],
    async run({ store, assert, newId }) {
      const sid = newId();
      const text = "x".repeat(2 ** 20);
      const [error] = await store.call("set", sid, sessionObject({ text })).answer;
      const expected = error ? undefined : text;
      assert.ok((await store.get(sid))?.text === expected, "expected the whole session, or none");
    },
  }),
  storeCase("robustness", {
    name: "a session is read whole while it is being written",
    edge: "Many requests of a page with many images end at the same time.",
    sources: ["valery-barysok/session-file-store#21", "valery-barysok/session-file-store#31"],
    async run({ store, assert, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ count: 0, text: "" }));
      const rounds = Array.from({ length: WRITE_COUNT }, async (_, count) => {
        const written = store.set(sid, sessionObject({ count, text: "x".repeat(count * 500) }));
        const read = await store.get(sid);
        await written;
        return read;
      });
      for (const read of [...(await Promise.all(rounds)), await store.get(sid)])
        assert.deepStrictEqual([read?.text?.length], [(read?.count ?? -1) * 500]);
    },
  }),
  storeCase("robustness", {
    name: "set and destroy take effect in the order of their calls",
    edge: "A login stores a session and a logout follows at once, or the other way round; neither waits for the callback of the one before.",
    sources: ["expressjs/session#945"],
    async run({ store, assert, expectFields, newId }) {
      for (let round = 0; round < WRITE_COUNT; round++) {
        const [kept, gone] = [newId(), newId()];
        await Promise.all([
          store.set(kept, sessionObject({ round: "first" })),
          store.destroy(kept),
          store.set(kept, sessionObject({ round })),
          store.set(gone, sessionObject({ round })),
          store.destroy(gone),
        ]);
        expectFields(await store.get(kept), { round });
        assert.deepStrictEqual(await store.get(gone), null);
      }
    },
  }),
  storeCase("robustness", {
    name: "all gives a list, as the contract says",
    edge: "MemoryStore of express-session gives an object by id, which programs that expect a list cannot use, and the other way round.",
    sources: ["expressjs/session#700", "DefinitelyTyped/DefinitelyTyped#38783"],
    needs: ["all"],
    async run({ store, assert, newId }) {
      await store.set(newId(), sessionObject({}));
      assert.ok(Array.isArray(await store.all()), "expected a list, got an object");
    },
  }),
  storeCase("robustness", {
    name: "all gives the id of each session",
    edge: "To end the sessions of a user, one needs their ids.",
    sources: ["chill117/express-mysql-session#81", "expressjs/session#184"],
    needs: ["all"],
    async run({ store, assert, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({}));
      const all = await store.all();
      const ids = Array.isArray(all) ? all.map(({ id }) => id) : Object.keys(all ?? {});
      assert.deepStrictEqual(ids, [sid]);
    },
  }),
  storeCase("robustness", {
    name: "all gives no session that has expired",
    edge: "Nobody has read it since.",
    sources: ["expressjs/session#184"],
    needs: ["all"],
    async run(trial) {
      await storeOneThatExpires(trial);
      trial.assert.deepStrictEqual(
        sessionsOf(await trial.store.all()).map(({ name }) => name),
        ["lasting"],
      );
    },
  }),
  storeCase("robustness", {
    name: "length counts no session that has expired",
    edge: "Nobody has read it since.",
    sources: ["expressjs/session#128"],
    needs: ["length"],
    async run(trial) {
      await storeOneThatExpires(trial);
      trial.assert.deepStrictEqual(await trial.store.length(), 1);
    },
  }),
];

async function storeOneThatExpires(trial: Trial): Promise<void> {
  await trial.store.set(trial.newId(), sessionObject({ name: "lasting" }));
  await trial.store.set(trial.newId(), sessionObject({ name: "short" }, SHORT_MS));
  await pauseBeyond(SHORT_MS, trial);
}

/** Checks that sessions with these ids are sessions of their own. */
async function keepApart({ store, assert, expectFields }: Trial, sids: readonly string[]): Promise<void> {
  for (const sid of sids) assert.deepStrictEqual(await store.get(sid), null);
  for (const sid of sids) await store.set(sid, sessionObject({ name: sid }));
  for (const sid of sids) expectFields(await store.get(sid), { name: sid });
  for (const sid of sids) await store.destroy(sid);
  for (const sid of sids) assert.deepStrictEqual(await store.get(sid), null);
}

async function throwInCallbacks(trial: Trial): Promise<void> {
  const { store, assert, newId } = trial;
  if (!canTakeUncaught()) trial.skip("another listener takes the uncaught errors of this process");
  const sid = newId();
  await store.set(sid, sessionObject({}));
  const calls: [method: Method, ...parameters: unknown[]][] = [
    ["get", sid],
    ["set", sid, sessionObject({})],
    ["destroy", sid],
  ];
  if (store.has("touch")) calls.unshift(["touch", sid, sessionObject({})]);
  const counts: [method: Method, count: number][] = [];
  await takingUncaught(async () => {
    for (const [method, ...parameters] of calls) {
      const call = store.callInside(throwOnce(), method, ...parameters);
      await call.answer;
      await pause(SECOND_CALL_MS);
      counts.push([method, call.count()]);
    }
  });
  assert.deepStrictEqual(
    counts,
    calls.map(([method]) => [method, 1]),
  );
}

/** A function that throws when it is called for the first time: no error of a second call hides the first. */
function throwOnce(): () => void {
  let hasThrown = false;
  return () => {
    if (hasThrown) return;
    hasThrown = true;
    throw new ThrownOnPurpose();
  };
}
