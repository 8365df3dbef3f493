/** Each case fails on a store that does wrong what the case is about, and passes on one that does not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sessionStoreCases } from "../../dist/session-store-tests/index.js";
import { FRAMEWORKS, PlainStore, registered } from "./plain-store.js";

// biome-ignore lint/suspicious/noExplicitAny: sessions with any fields, as either framework passes them.
type Anything = any;
type Callback = (error?: unknown, value?: Anything) => void;
/** Puts wrong methods into a store. */
type Defect = (store: PlainStore) => Partial<PlainStore>;

const { prototype: plain } = PlainStore;
const noop: Defect = () => ({});
/** express-session stores a session once and touches it then, @fastify/session stores it twice. */
const touchesAll: Defect = (store) => ({ prolong: (sid, given) => store.write(sid, given) });

/** Cases that no store passes which knows nothing of requests; and for the others, how a store does it wrong. */
const DEFECTS: Readonly<Record<string, Defect>> = {
  "an id that was never stored has no session, and that is no error": () => ({
    get: (_, callback) => callback(new Error("no such session")),
  }),
  "what was stored is read back, every value as it was": () => ({
    textOf: (given) => JSON.stringify(given).replaceAll("false", "true"),
  }),
  "the cookie is read back with its options, its expiry and its first lifetime": (store) => ({
    write: (sid, given) => void store.texts.set(sid, JSON.stringify({ ...given, cookie: { ...given.cookie } })),
  }),
  "a session whose cookie ends with the browser is stored": () => ({
    endOf: ({ cookie }) => Date.parse(cookie.expires) || 0,
  }),
  "a session that is stored again replaces the earlier one as a whole": (store) => ({
    write: (sid, given) => plain.write.call(store, sid, { ...store.read(sid), ...given }),
  }),
  "a session that was read can be changed without changing the stored one": () => {
    const sessions = new Map<string, Anything>();
    return {
      get: (sid, callback) => callback(null, sessions.get(sid)),
      set: (sid: string, given: Anything, callback?: Callback) => {
        sessions.set(sid, JSON.parse(JSON.stringify(given)));
        callback?.();
      },
    };
  },
  "a session is stored as it was when set was called": (store) => ({
    set: (sid: string, given: Anything, callback?: Callback) =>
      void setImmediate(() => plain.set.call(store, sid, given, callback)),
  }),
  "a destroyed session is gone, and destroying it again is no error": (store) => ({
    destroy: (sid, callback) => callback?.(store.texts.delete(sid) ? null : new Error("no such session")),
  }),
  "callbacks of set and destroy may be left out": (store) => ({
    destroy: (sid, callback) => {
      store.texts.delete(sid);
      (callback as Callback)();
    },
  }),
  "each callback is called once": (store) => ({
    get: (sid, callback) => {
      plain.get.call(store, sid, callback);
      plain.get.call(store, sid, callback);
    },
  }),
  "all gives every session": (store) => ({ list: () => plain.list.call(store).slice(1) }),
  "length counts the sessions": () => ({ length: (callback: Callback) => callback(null, 2) }),
  "clear removes every session": () => ({ clear: (callback) => callback?.() }),
  "a session ends when its cookie says so": () => ({ endOf: () => Number.POSITIVE_INFINITY }),
  "a session with an expiry in the past is not kept, nor is the one that it replaces": (store) => ({
    write: (sid, given) => {
      if (given.cookie.expires === null || given.cookie.expires > Date.now()) plain.write.call(store, sid, given);
    },
  }),
  "a session that is stored with a later expiry lives until then": (store) => {
    const ends = new Map<string, number>();
    return {
      read: (sid) => ((ends.get(sid) ?? 0) > Date.now() ? plain.read.call(store, sid) : null),
      write: (sid, given) => {
        if (!ends.has(sid)) ends.set(sid, given.cookie.expires.valueOf());
        plain.write.call(store, sid, given);
      },
    };
  },
  "a lifetime of more than 24.8 days does not end at once": (store) => ({
    write: (sid, given) => {
      plain.write.call(store, sid, given);
      setTimeout(() => store.texts.delete(sid), Math.min(given.cookie.maxAge, 2 ** 31) % (2 ** 31 - 1)).unref();
    },
  }),
  "touch prolongs a session": () => ({ prolong: () => {} }),
  "touch writes no field of the session": (store) => touchesAll(store),
  "touch of a session that is gone is no error, and brings nothing back": (store) => ({
    touch: (sid, _, callback) => (callback as Callback)(store.read(sid) ? null : new Error("no such session")),
  }),
  "touch does not bring back a session that has expired": (store) => ({
    prolong: (sid, given) => {
      if (store.texts.has(sid)) store.write(sid, given);
    },
  }),
  "a session that JSON cannot carry is an error of the callback": (store) => ({
    set: (sid: string, given: Anything, callback?: Callback) => {
      store.write(sid, given);
      callback?.();
    },
  }),
  "a callback that throws is not called again": (store) => ({
    async get(sid, callback) {
      try {
        callback(null, await store.read(sid));
      } catch (error) {
        callback(error);
      }
    },
  }),
  "an expiry that is no date does not end the session": (store) => ({
    write: (sid, given) => {
      if (Number(given.cookie.expires) - Date.now() > 0) plain.write.call(store, sid, given);
      else store.texts.delete(sid);
    },
  }),
  "a session that was read and is stored again keeps its expiry": (store) => ({
    endOf: () => Number.POSITIVE_INFINITY,
    write: (sid, given) => {
      plain.write.call(store, sid, given);
      if (given.cookie.maxAge) setTimeout(() => store.texts.delete(sid), given.cookie.maxAge).unref();
    },
  }),
  "touch writes the new expiry into the cookie": () => ({ prolong: () => {} }),
  "any text is an id": (store) => ({
    read: (sid) => plain.read.call(store, sid.replaceAll(/\W/g, "_")),
    write: (sid, given) => plain.write.call(store, sid.replaceAll(/\W/g, "_"), given),
  }),
  "an id may be the name of a property that every object has": () => {
    const sessions: Record<string, Anything> = {};
    return { read: (sid) => sessions[sid] ?? null };
  },
  "the store adds no field to a session": () => ({
    textOf: (given) => JSON.stringify({ ...given, lastAccess: Date.now() }),
  }),
  "a session of one megabyte is stored": () => ({
    textOf: (given) => JSON.stringify({ ...given, ...(given.text && { text: given.text.slice(0, 4096) }) }),
  }),
  "a session is read whole while it is being written": (store) => ({
    set: (sid: string, given: Anything, callback?: Callback) => {
      const text = store.textOf(given);
      store.texts.set(sid, JSON.stringify({ ...given, text: "" }));
      setImmediate(() => {
        store.texts.set(sid, text);
        setImmediate(() => callback?.());
      });
    },
  }),
  "set and destroy take effect in the order of their calls": (store) => ({
    destroy: (sid, callback) => void setImmediate(() => plain.destroy.call(store, sid, callback)),
  }),
  "all gives a list, as the contract says": (store) => ({
    list: () => Object.fromEntries([...store.texts.keys()].map((sid) => [sid, store.read(sid)])),
  }),
  "all gives the id of each session": (store) => ({
    list: () => [...store.texts.keys()].map((sid) => store.read(sid)),
  }),
  "all gives no session that has expired": (store) => ({
    list: () => [...store.texts].map(([id, text]) => ({ ...JSON.parse(text), id })),
  }),
  "length counts no session that has expired": (store) => ({
    length: (callback: Callback) => callback(null, store.texts.size),
  }),
  "a visitor finds in the next request what the last one stored": () => ({
    textOf: ({ cookie }) => JSON.stringify({ cookie }),
  }),
  "a logout ends the session": () => ({ destroy: (_, callback) => callback?.() }),
  "a login gives a new id, and the old one is of no use": () => ({ destroy: (_, callback) => callback?.() }),
  "the request that follows a redirect finds what was stored before it": (store) => ({
    set: (sid: string, given: Anything, callback?: Callback) => {
      const text = store.textOf(given);
      callback?.();
      setTimeout(() => store.texts.set(sid, text), 1000).unref();
    },
  }),
  "a stored session without a cookie does not fail the requests of its visitor": (store) => ({
    textOf: (given) => JSON.stringify(given),
    endOf: () => Number.POSITIVE_INFINITY,
    get: (sid, callback) =>
      callback(
        store.read(sid)?.cookie === undefined && store.texts.has(sid) ? new Error("no cookie") : null,
        store.read(sid),
      ),
  }),
  "a request that reloads its session goes on with what another one has stored": (store) => {
    let first: string | undefined;
    return {
      read: (sid) => {
        first ??= store.texts.get(sid);
        return first === undefined ? null : JSON.parse(first);
      },
    };
  },
  "two requests that change different fields both keep their change": noop,
  "a field that one request removes stays removed when another one changes a different field": noop,
  "of two requests that change one field the later one stands": (store) => ({
    write: (sid, given) => {
      const cart = [...(store.read(sid)?.cart ?? []), ...(given.cart ?? [])];
      plain.write.call(store, sid, { ...given, cookie: given.cookie, cart });
    },
  }),
  "what two requests each assign together is not mixed": (store) => {
    let first: Anything;
    return {
      write: (sid, given) => {
        first ??= JSON.parse(store.textOf(given));
        const changed = Object.entries(given).filter(([field, value]) => value !== first[field]);
        plain.write.call(store, sid, { ...store.read(sid), ...Object.fromEntries(changed), cookie: given.cookie });
      },
    };
  },
  "a request that only reads does not undo what another one has stored": (store) => ({
    prolong: (sid, given) => store.write(sid, given),
    // @fastify/session touches no session that was only read, so that the defect must be another one.
    read: (sid) => {
      const stored = plain.read.call(store, sid);
      return stored && { ...stored, cart: undefined };
    },
  }),
  "a request that only reads does not undo what another one has stored, where every request stores its session": noop,
  "a request that has saved its session does not undo what another one stores before its end": touchesAll,
  "a logout is not undone by a request that changes the session": noop,
  "a logout is not undone by a request that only reads, where every request stores its session": noop,
  "the id from before a login is not brought back by a request that changes the session": noop,
  "a session that expires while its request runs is kept by that request": (store) => {
    const known = new Set<string>();
    return {
      write: (sid, given) => {
        if (!known.has(sid) || store.read(sid) !== null) plain.write.call(store, sid, given);
        known.add(sid);
      },
    };
  },
};

function withDefect(defect: Defect): PlainStore {
  const store = new PlainStore();
  return Object.assign(store, defect(store));
}

const nameOf = (title: string): string =>
  sessionStoreCases.find(({ name }) => title.includes(`: ${name} [`))?.name ?? "";

describe("a case of the suite", { concurrency: 8 }, () => {
  it("has a store that fails it", () => {
    assert.deepEqual(Object.keys(DEFECTS).sort(), sessionStoreCases.map(({ name }) => name).sort());
  });

  for (const { title, run } of registered({ create: () => new PlainStore(), frameworks: FRAMEWORKS })) {
    const defect = DEFECTS[nameOf(title)];
    if (defect === noop || (defect === touchesAll && title.includes("@fastify/session"))) continue;
    it(`passes where nothing is wrong: ${title}`, async () => assert.equal(await run(), "passed"));
  }

  for (const [name, defect] of Object.entries(DEFECTS)) {
    const create = (): PlainStore => withDefect(defect);
    const failing = registered({ create, frameworks: FRAMEWORKS, timeout: 500 }).filter(
      ({ title }) => nameOf(title) === name,
    );
    for (const { title, run } of failing) {
      it(`fails where the store does it wrong: ${title}`, async () => {
        assert.ok((await run()) instanceof Error, "expected the case to fail");
      });
    }
  }
});
