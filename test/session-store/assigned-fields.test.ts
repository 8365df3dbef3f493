import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { assignedFields, noteAssignments } from "../../dist/session-store/assigned-fields.js";

class Session {
  cookie = { path: "/" };
  // biome-ignore lint/suspicious/noExplicitAny: any field.
  [field: string]: any;
  constructor(fields: object) {
    Object.assign(this, fields);
  }
}

/** A session object with fields that notes what is assigned. */
function noting(fields: object): Session {
  const session = new Session(fields);
  noteAssignments(session);
  return session;
}

describe("the assigned fields of a session object", () => {
  it("are those that were assigned, also the value that they had", () => {
    const session = noting({ a: 1, b: "x", c: null, d: { e: 1 } });
    assert.deepEqual(assignedFields(session), []);
    session.a = 1;
    Object.assign(session, { c: null });
    session.d = { e: 1 };
    assert.deepEqual(assignedFields(session), ["a", "c", "d"]);
    assert.deepEqual({ ...session }, { cookie: { path: "/" }, a: 1, b: "x", c: null, d: { e: 1 } });
  });

  it("include new ones, those that were removed and created again, and those that were defined", () => {
    const session = noting({ a: 1, b: 2, c: 3 });
    delete session.a;
    session.a = 1;
    session.n = 4;
    Object.defineProperty(session, "b", { value: 2, enumerable: true });
    delete session.c;
    assert.deepEqual(assignedFields(session), ["b", "a", "n"]);
  });

  it("include neither the cookie, nor a field that was read, changed inside, or given the object that it had", () => {
    const session = noting({ list: [1] });
    session.list.push(2);
    session.list = session.list as unknown;
    session.cookie = { path: "/other" };
    assert.deepEqual(assignedFields(session), []);
    assert.deepEqual(session.list, [1, 2]);
  });

  it("are counted anew after each note, for the fields that there are then", () => {
    const session = noting({ a: 1 });
    session.a = 2;
    session.n = 1;
    noteAssignments(session);
    assert.deepEqual(assignedFields(session), []);
    session.n = 1;
    assert.deepEqual(assignedFields(session), ["n"]);
    assert.deepEqual([session.a, session.n], [2, 1]);
  });

  it("are not known of an object that does not note them", () => {
    assert.deepEqual(assignedFields(new Session({ a: 1 })), []);
  });
});

describe("a session object that notes what is assigned", () => {
  it("looks, is copied and is cloned like any other", () => {
    const fields = { a: 1, toString: "own", "a.b": [{ c: 1 }] };
    const [session, plain] = [noting(fields), new Session(fields)];
    assert.equal(inspect(session), inspect(plain));
    assert.equal(inspect({ deep: { session } }, { depth: 1 }), inspect({ deep: { session: plain } }, { depth: 1 }));
    assert.equal(JSON.stringify(session), JSON.stringify(plain));
    assert.deepEqual(structuredClone(session), structuredClone(plain));
    assert.deepEqual({ ...session }, { ...plain });
    assert.deepEqual(Object.keys(session), Object.keys(plain));
    assert.equal("a" in session && Object.hasOwn(session, "a") && !("b" in session), true);
  });

  it("shares no values with others", () => {
    const [one, other] = [noting({ a: 1 }), noting({ a: 2 })];
    one.a = 3;
    assert.deepEqual([one.a, other.a, assignedFields(other)], [3, 2, []]);
  });

  it("stays as it is when an object that was created from it gets a field", () => {
    const session = noting({ a: 1 });
    const derived = Object.create(session);
    assert.equal(derived.a, 1);
    derived.a = 2;
    assert.deepEqual([session.a, derived.a, assignedFields(session)], [1, 2, []]);
  });

  it("works with any number of names", () => {
    const fields = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`cart:${index}`, index]));
    const session = noting(fields);
    session["cart:2999"] = 2999;
    assert.deepEqual(assignedFields(session), ["cart:2999"]);
    assert.equal(session["cart:1500"], 1500);
  });
});
