/** What the contract of the frameworks says of the life of a session: when it ends, and what prolongs it. */
import { CONTRACT_DOCUMENT, type StoreCase, storeCase } from "./case.js";
import { sessionObject } from "./session-object.js";
import { inTime, isGoneAfter, pause, pauseBeyond } from "./waiting.js";

/** A lifetime that a case waits for, in ms. */
const SHORT_MS = 200;
/** Longer than the longest timer of Node.js, 2^31 - 1 ms, in ms. */
const SIXTY_DAYS_MS = 60 * 86_400_000;
/** Long enough for a timer that fires at once, in ms. */
const TIMER_MS = 50;

export const LIFETIME: readonly StoreCase[] = [
  storeCase("contract", {
    name: "a session ends when its cookie says so",
    edge: "Nobody reads or writes it meanwhile.",
    sources: [CONTRACT_DOCUMENT],
    async run(trial) {
      const sid = trial.newId();
      await trial.store.set(sid, sessionObject({}, SHORT_MS));
      trial.assert.ok(await isGoneAfter(sid, SHORT_MS, trial), "expected no session after its expiry, got one");
    },
  }),
  storeCase("contract", {
    name: "a session with an expiry in the past is not kept, nor is the one that it replaces",
    edge: "An application ends a session by maxAge = 0, or a request lasted longer than its session.",
    sources: ["tj/connect-redis#321", "expressjs/session#445"],
    async run({ store, assert, newId }) {
      const [sid, fresh] = [newId(), newId()];
      await store.set(sid, sessionObject({ user: "ann" }));
      await store.set(sid, sessionObject({ user: "ann" }, -1000));
      await store.set(fresh, sessionObject({}, -1000));
      assert.deepStrictEqual([await store.get(sid), await store.get(fresh)], [null, null]);
    },
  }),
  storeCase("contract", {
    name: "a session that is stored with a later expiry lives until then",
    edge: "The earlier expiry must not end it.",
    sources: [CONTRACT_DOCUMENT],
    async run(trial) {
      const { store, expectFields, newId } = trial;
      const [later, open] = [newId(), newId()];
      for (const sid of [later, open]) await store.set(sid, sessionObject({ count: 1 }, SHORT_MS));
      await store.set(later, sessionObject({ count: 2 }));
      await store.set(open, sessionObject({ count: 3 }, null));
      await pauseBeyond(SHORT_MS, trial);
      expectFields(await store.get(later), { count: 2 });
      expectFields(await store.get(open), { count: 3 });
    },
  }),
  storeCase("contract", {
    name: "a lifetime of more than 24.8 days does not end at once",
    edge: "A timer of Node.js that is longer than 2^31 - 1 ms fires after one millisecond.",
    sources: ["isaacs/ttlcache#41", "ptarjan/node-cache#84", "expressjs/session#599"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ count: 1 }, SIXTY_DAYS_MS));
      await pause(TIMER_MS);
      expectFields(await store.get(sid), { count: 1 });
    },
  }),
  storeCase("contract", {
    name: "touch prolongs a session",
    edge: "A request that only read its session ends.",
    sources: [CONTRACT_DOCUMENT],
    needs: ["touch"],
    async run(trial) {
      const { store, expectFields, newId } = trial;
      const sid = newId();
      const lifetimeMs = await inTime(async (shortMs) => {
        await store.set(sid, sessionObject({ count: 1 }, shortMs));
        await store.touch(sid, sessionObject({ count: 1 }));
      });
      await pauseBeyond(lifetimeMs, trial);
      expectFields(await store.get(sid), { count: 1 });
    },
  }),
  storeCase("contract", {
    name: "touch writes no field of the session",
    edge: "Another request has changed the session since the one that calls touch has read it.",
    sources: ["valery-barysok/session-file-store#55", "balor/connect-memcached#33"],
    needs: ["touch"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ user: "ann", count: 2 }));
      await store.touch(sid, sessionObject({ count: 1, old: true }));
      expectFields(await store.get(sid), { user: "ann", count: 2, old: undefined });
    },
  }),
  storeCase("contract", {
    name: "touch of a session that is gone is no error, and brings nothing back",
    edge: "A logout comes between the beginning and the end of a request. The error would reach the application after the response was sent.",
    sources: [
      "jdesboeufs/connect-mongo#390",
      "jdesboeufs/connect-mongo#407",
      "roccomuso/memorystore#13",
      "expressjs/session#957",
    ],
    needs: ["touch"],
    async run({ store, assert, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ user: "ann" }));
      await store.destroy(sid);
      await store.touch(sid, sessionObject({ user: "ann" }));
      assert.deepStrictEqual(await store.get(sid), null);
    },
  }),
  storeCase("contract", {
    name: "touch does not bring back a session that has expired",
    edge: "It had ended before the request that calls touch came to its end.",
    sources: ["tj/connect-redis#251"],
    needs: ["touch"],
    async run(trial) {
      const { store, assert, newId } = trial;
      const sid = newId();
      await store.set(sid, sessionObject({ user: "ann" }, SHORT_MS));
      await pauseBeyond(SHORT_MS, trial);
      await store.touch(sid, sessionObject({ user: "ann" }));
      assert.deepStrictEqual(await store.get(sid), null);
    },
  }),
];
