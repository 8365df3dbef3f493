import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BIRTH,
  changesBetween,
  copyOf,
  hasCookie,
  hasRunOut,
  isSameCookie,
  isSession,
  lifetimeOf,
  packed,
  REVIVING,
  revivingMarkOf,
  type SessionPayload,
  snapshotOf,
  unpacked,
  WHOLE,
} from "../../dist/session-store/payload.js";

const NOW = 1_700_000_000_000;
const cookie = { path: "/" };

describe("a snapshot", () => {
  it("is what JSON carries at that moment, without reserved fields", () => {
    const session = JSON.parse(`{"cookie":{"path":"/"},"${BIRTH}":"b","__proto__":{"bad":1},"list":[1]}`);
    const snapshot = snapshotOf(session);
    session.list.push(2);
    assert.deepEqual(snapshot, { cookie, list: [1] });
    assert.equal(session[BIRTH], "b", "the given session stays as it is");
  });

  it("uses toJSON of the session and of the cookie", () => {
    const expires = new Date(NOW);
    assert.deepEqual(snapshotOf({ cookie: { toJSON: () => ({ expires }) } }), {
      cookie: { expires: expires.toISOString() },
    });
    assert.deepEqual(snapshotOf({ toJSON: () => ({ cookie, a: 1 }) }), { cookie, a: 1 });
  });

  it("has no cookie when the session has none", () => {
    for (const cookie of [undefined, null]) assert.deepEqual(snapshotOf({ cookie, name: "Ada" }), { name: "Ada" });
    assert.deepEqual(snapshotOf({}), {});
  });

  it("is refused when the session is no object, or its cookie is none, with a message of limited length", () => {
    for (const session of [undefined, null, 1, "text", [], { cookie: "text" }, { cookie: [] }, () => {}, Symbol("s")]) {
      assert.throws(() => snapshotOf(session), TypeError);
    }
    assert.throws(
      () => snapshotOf({ cookie: 1, text: "x".repeat(10_000) }),
      ({ message }: Error) =>
        message.length < 200 && message.startsWith("expected a session whose cookie is an object"),
    );
  });
});

describe("the changes between two states", () => {
  const changes = (before: object, after: object) =>
    changesBetween({ cookie, ...before } as SessionPayload, { cookie: { path: "/other" }, ...after } as SessionPayload);

  it("are the fields that were added, changed at any depth, or removed, except the cookie", () => {
    assert.deepEqual(changes({ a: 1 }, { a: 1 }), {});
    assert.deepEqual(changes({}, { a: null }), { a: null });
    assert.deepEqual(changes({ a: { b: [1, { c: 1 }] } }, { a: { b: [1, { c: 2 }] } }), { a: { b: [1, { c: 2 }] } });
    assert.deepEqual(changes({ a: [1] }, { a: { 0: 1 } }), { a: { 0: 1 } });
    const removed = changes({ a: 1, b: 2 }, { b: 2 });
    assert.deepEqual(Object.keys(removed), ["a"]);
    assert.equal(removed.a, undefined);
  });

  it("include neither a different order of keys nor the birth mark", () => {
    assert.deepEqual(changes({ a: { b: 1, c: 2 }, [BIRTH]: "b" }, { a: { c: 2, b: 1 } }), {});
  });

  it("include fields that have names of the prototype", () => {
    assert.deepEqual(changes({}, { toString: 1, constructor: 2 }), { toString: 1, constructor: 2 });
    assert.deepEqual(Object.keys(changes({ toString: 1 }, {})), ["toString"]);
  });
});

describe("a copy", () => {
  it("shares nothing with the stored session, and has no birth mark", () => {
    const inner = Object.freeze({ list: Object.freeze([Object.freeze({ n: 1 })]) });
    const stored = Object.freeze({ cookie: Object.freeze({ ...cookie }), inner, [BIRTH]: "b" }) as SessionPayload;
    const copy = copyOf(stored);
    copy.inner.list[0].n = 2;
    copy.cookie.path = "/other";
    assert.deepEqual(copy, { cookie: { path: "/other" }, inner: { list: [{ n: 2 }] } });
    assert.equal(stored.inner.list[0].n, 1);
  });

  it("keeps a key __proto__ as a key", () => {
    const copy = copyOf(JSON.parse('{"cookie":{},"inner":{"__proto__":{"bad":1}}}'));
    assert.equal(copy.inner.bad, undefined);
    assert.deepEqual(Object.keys(copy.inner), ["__proto__"]);
  });
});

describe("a session whose fields are one", () => {
  const session = { cookie: { path: "/" }, name: "Ada", list: [1], [BIRTH]: "b" };

  it("is packed and unpacked without a change", () => {
    assert.deepEqual(packed(session), { cookie: { path: "/" }, [BIRTH]: "b", [WHOLE]: { name: "Ada", list: [1] } });
    assert.deepEqual(unpacked(packed(session)), session);
    assert.deepEqual(unpacked(packed({ name: "Ada" })), { name: "Ada" });
    assert.deepEqual(unpacked(packed({})), {});
    assert.equal(unpacked(session), session);
  });

  it("has none of the fields that are left from when they were not", () => {
    assert.deepEqual(unpacked({ ...packed(session), old: 1 }), session);
  });
});

it("a value with a cookie, or with a birth mark, is a session", () => {
  assert.equal(isSession({ cookie: {} }), true);
  assert.equal(isSession({ [BIRTH]: "b" }), true);
  assert.deepEqual(
    [hasCookie({ cookie: {} }), hasCookie({}), hasCookie({ cookie: [] as never })],
    [true, false, false],
  );
  for (const stored of [null, 1, "text", [], {}, { cookie: [] }, { cookie: null }])
    assert.equal(isSession(stored), false);
});

it("a session that is coming back is none yet, and is recognized by its mark", () => {
  const mark = `${REVIVING}b${REVIVING}1`;
  const stored = { cookie: {}, [BIRTH]: mark };
  assert.equal(isSession(stored), false);
  assert.equal(revivingMarkOf(stored, "b"), mark);
  assert.equal(revivingMarkOf(stored, "a"), undefined);
  for (const other of [null, 1, {}, { [BIRTH]: "b" }]) assert.equal(revivingMarkOf(other, "b"), undefined);
});

it("a cookie has run out by itself when it is the one that was read, or was counted from then on", () => {
  const counted = (expires: unknown, originalMaxAge: unknown = 1000) => ({ path: "/", originalMaxAge, expires });
  const before = counted(NOW + 10);
  const runOut = (after: Record<string, unknown>) => hasRunOut(before, after, NOW);
  assert.equal(runOut(counted(NOW + 1000)), true);
  assert.equal(runOut(counted(new Date(NOW + 1900).toISOString())), true, "prolonged meanwhile");
  assert.equal(runOut(counted(NOW - 1)), false, "in the past when it was read");
  assert.equal(runOut(counted(NOW + 1000, 0)), false, "another maxAge");
  assert.equal(runOut({ ...counted(NOW + 1000), path: "/other" }), false);
  const fixed = counted("2023-11-14T22:13:20.000Z", null);
  assert.equal(hasRunOut(fixed, { ...fixed }, NOW), true);
  assert.equal(hasRunOut(fixed, { ...fixed, expires: "1970-01-01T00:00:00.000Z" }, NOW), false);
  assert.equal(hasRunOut(undefined, fixed, NOW) || hasRunOut(fixed, undefined, NOW), false);
});

it("two cookies are the same when they differ in the time at which the session ends, or in parts without a value", () => {
  const one = { path: "/", originalMaxAge: 1, expires: "a", originalExpires: "b", domain: null };
  assert.equal(isSameCookie(one, { path: "/", originalMaxAge: 1, expires: "c" }), true);
  assert.equal(isSameCookie(one, { ...one, originalMaxAge: 4 }), true, "express-session computes it in each request");
  assert.equal(isSameCookie(one, { ...one, originalMaxAge: 100 }), false);
  const day = { ...one, originalMaxAge: 86_400_000 };
  assert.equal(isSameCookie(day, { ...day, originalMaxAge: 86_400_000 - 1000 }), true, "the process was suspended");
  assert.equal(isSameCookie(day, { ...day, originalMaxAge: 86_400_000 - 1001 }), false);
  assert.equal(isSameCookie(one, { ...one, originalMaxAge: null }), false);
  assert.equal(isSameCookie(one, { ...one, secure: false }), false);
  assert.equal(isSameCookie({ ...one, extra: [1] }, { ...one, extra: [2] }), false);
});

it("the lifetime is what the cookie says, or the ttl", () => {
  const of = (expires: unknown) => lifetimeOf({ expires }, 7, NOW);
  assert.equal(of(NOW + 5), 5);
  assert.equal(of(new Date(NOW + 5).toISOString()), 5);
  assert.equal(of(NOW - 5), -5);
  for (const none of [null, undefined, false, true, "", "no date", Number.NaN, {}, []]) assert.equal(of(none), 7);
});
