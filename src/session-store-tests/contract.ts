/** What the contract of the frameworks says of a store, apart from time. */
import { type OptionalMethod, plainOf, sessionsOf } from "./called-store.js";
import { CONTRACT_DOCUMENT, type StoreCase, storeCase } from "./case.js";
import { sessionObject } from "./session-object.js";
import { pause } from "./waiting.js";

/** A session with values of every kind that JSON has. */
const FIELDS = {
  user: { name: "Åsa \u{1F33B}", roles: ["editor", "guest"], address: { city: null } },
  count: 0,
  ratio: 1.5,
  isNew: false,
  empty: "",
  list: [],
  "cart:a.b[0]": 2,
};

/** Long enough for a store to call back a second time, in ms. */
const SECOND_CALL_MS = 50;

export const CONTRACT: readonly StoreCase[] = [
  storeCase("contract", {
    name: "an id that was never stored has no session, and that is no error",
    edge: "A browser sends the cookie of a session that is gone. An error would be an answer with status 500 until the cookie is removed.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, assert, newId }) {
      assert.deepStrictEqual(await store.get(newId()), null);
    },
  }),
  storeCase("contract", {
    name: "what was stored is read back, every value as it was",
    edge: "Nested objects, empty texts and lists, zero, false and null, letters of all alphabets, and names of fields with dots and brackets.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject(FIELDS));
      expectFields(await store.get(sid), FIELDS);
    },
  }),
  storeCase("contract", {
    name: "the cookie is read back with its options, its expiry and its first lifetime",
    edge: "The frameworks pass a cookie whose expiry is no field of its own, but a getter and part of what toJSON returns: a copy of the fields loses it.",
    sources: [CONTRACT_DOCUMENT, "expressjs/session#718"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      const session = sessionObject({});
      await store.set(sid, session);
      expectFields((await store.get(sid))?.cookie ?? null, { ...plainOf(session.cookie) });
    },
  }),
  storeCase("contract", {
    name: "a session whose cookie ends with the browser is stored",
    edge: "Without maxAge a cookie has no expiry. The store needs a lifetime of its own then, and must give back that there was no expiry.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, assert, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ count: 1 }, null));
      const found = await store.get(sid);
      expectFields(found, { count: 1 });
      assert.deepStrictEqual(found?.cookie.expires ?? null, null);
      assert.deepStrictEqual(found?.cookie.originalMaxAge ?? null, null);
    },
  }),
  storeCase("contract", {
    name: "a session that is stored again replaces the earlier one as a whole",
    edge: "The later one is shorter and lacks a field. What is left of the earlier one would be a session that nobody stored, or a file that cannot be read.",
    sources: ["valery-barysok/session-file-store#32", "redis-store/redis-rack#53"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ text: "x".repeat(10_000), gone: true, list: [1, 2, 3] }));
      await store.set(sid, sessionObject({ text: "", list: [4] }));
      expectFields(await store.get(sid), { text: "", gone: undefined, list: [4] });
    },
  }),
  storeCase("contract", {
    name: "a session that was read can be changed without changing the stored one",
    edge: "A request changes its session and fails before it saves. A store that gives out its own object has changed the session of all other requests.",
    sources: ["node-cache/node-cache#27", "vlucas/toystore#4"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      await store.set(sid, sessionObject({ user: { roles: ["guest"] } }));
      const read = await store.get(sid);
      read?.user.roles.push("editor");
      if (read) read.added = true;
      expectFields(await store.get(sid), { user: { roles: ["guest"] }, added: undefined });
    },
  }),
  storeCase("contract", {
    name: "a session is stored as it was when set was called",
    edge: "The request goes on, and changes its session, before set has called back.",
    sources: ["node-cache/node-cache#27"],
    async run({ store, expectFields, newId }) {
      const sid = newId();
      const session = sessionObject({ user: { roles: ["guest"] } }) as ReturnType<typeof sessionObject> & {
        user: { roles: string[] };
      };
      const stored = store.set(sid, session);
      session.user.roles.push("editor");
      await stored;
      expectFields(await store.get(sid), { user: { roles: ["guest"] } });
    },
  }),
  storeCase("contract", {
    name: "a destroyed session is gone, and destroying it again is no error",
    edge: "Two tabs log out, or a logout is sent twice.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, assert, expectFields, newId }) {
      const [sid, other] = [newId(), newId()];
      await store.set(sid, sessionObject({ count: 1 }));
      await store.set(other, sessionObject({ count: 2 }));
      await store.destroy(sid);
      await store.destroy(sid);
      await store.destroy(newId());
      assert.deepStrictEqual(await store.get(sid), null);
      expectFields(await store.get(other), { count: 2 });
    },
  }),
  storeCase("contract", {
    name: "callbacks of set and destroy may be left out",
    edge: "Session.destroy() of express-session passes on the callback that it was given, which may be none.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, assert, newId }) {
      const sid = newId();
      store.callBare("set", sid, sessionObject({ count: 1 }));
      await store.set(sid, sessionObject({ count: 2 }));
      store.callBare("destroy", sid);
      await store.destroy(sid);
      assert.deepStrictEqual(await store.get(sid), null);
    },
  }),
  storeCase("contract", {
    name: "each callback is called once",
    edge: "A second call ends a response that has ended already.",
    sources: [CONTRACT_DOCUMENT],
    async run({ store, assert, newId }) {
      const sid = newId();
      const calls = [
        ["set", store.call("set", sid, sessionObject({}))],
        ["get", store.call("get", sid)],
        ["get of nothing", store.call("get", newId())],
        ["destroy", store.call("destroy", newId())],
      ] as const;
      for (const [, { answer }] of calls) await answer;
      await pause(SECOND_CALL_MS);
      assert.deepStrictEqual(
        calls.map(([name, { count }]) => [name, count()]),
        calls.map(([name]) => [name, 1]),
      );
    },
  }),
  ...listing(),
];

/** The optional methods that concern all sessions. */
function listing(): StoreCase[] {
  const all: readonly OptionalMethod[] = ["all"];
  return [
    storeCase("contract", {
      name: "all gives every session",
      edge: "After two were stored and one of three was destroyed.",
      sources: ["expressjs/session#184"],
      needs: all,
      async run({ store, assert, newId }) {
        const [first, second, third] = [newId(), newId(), newId()];
        for (const [count, sid] of [first, second, third].entries()) await store.set(sid, sessionObject({ count }));
        await store.destroy(second);
        const counts = sessionsOf(await store.all()).map(({ count }) => count);
        assert.deepStrictEqual(counts.sort(), [0, 2]);
      },
    }),
    storeCase("contract", {
      name: "length counts the sessions",
      edge: "A session that is stored twice counts once, a destroyed one no more.",
      sources: [CONTRACT_DOCUMENT],
      needs: ["length"],
      async run({ store, assert, newId }) {
        const [first, second] = [newId(), newId()];
        assert.deepStrictEqual(await store.length(), 0);
        for (const sid of [first, second, first]) await store.set(sid, sessionObject({}));
        assert.deepStrictEqual(await store.length(), 2);
        await store.destroy(first);
        assert.deepStrictEqual(await store.length(), 1);
      },
    }),
    storeCase("contract", {
      name: "clear removes every session",
      edge: "Also when there is none.",
      sources: [CONTRACT_DOCUMENT],
      needs: ["clear"],
      async run({ store, assert, newId }) {
        const sids = [newId(), newId()] as const;
        await store.clear();
        for (const sid of sids) await store.set(sid, sessionObject({}));
        await store.clear();
        assert.deepStrictEqual([await store.get(sids[0]), await store.get(sids[1])], [null, null]);
      },
    }),
  ];
}
