import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  IF_ABSENT,
  patchEntry,
  setEntry,
} from "../../../dist/core/log/entry.js";
import { Op } from "../../../dist/core/replica/op.js";
import { PendingKey } from "../../../dist/core/replica/pending-key.js";
import { Table } from "../../../dist/core/state/table.js";

const NOW = 1_700_000_000_000;

/** The pending entries of the key `k`, on top of a confirmed value. */
function open(confirmed: string, expiresAt?: number) {
  const table = new Table();
  table.execute(setEntry(["k"], confirmed, expiresAt), NOW, false);
  const key = new PendingKey("k");
  const ops: Op[] = [];
  const look = () => {
    if (key.isLifted) key.perform(table);
  };
  return {
    table,
    key,
    write(...entries: Entry[]) {
      for (const entry of entries) this.writeAt(NOW, entry);
    },
    writeAt(time: number, entry: Entry) {
      look();
      const op = new Op(entry, time, null);
      key.write(table, op);
      ops.push(op);
    },
    /** Whether the pending entries stay performed. */
    execute(entry: Entry, time = NOW): boolean {
      look();
      key.execute(table, entry, time);
      return !key.isLifted;
    },
    /** Confirms the oldest op; returns it. */
    confirm(time = NOW): Op {
      const op = ops.shift() as Op;
      key.confirm(table, op, time);
      return op;
    },
    get shown(): unknown {
      look();
      return table.get(["k"], NOW);
    },
    get confirmed(): unknown {
      key.lift(table);
      return table.get(["k"], NOW);
    },
  };
}

const patch = (fields: object) => patchEntry(["k"], JSON.stringify({ set: fields }));

test("increments of others leave pending ones performed, and each resolves with the number at its place", () => {
  const it = open("10");
  it.write(addEntry(["k"], 1), addEntry(["k"], 2));
  assert.ok(it.execute(addEntry(["k"], 100)));
  assert.equal(it.shown, 113);
  assert.equal(it.confirm().number, 111);
  assert.ok(it.execute(addEntry(["k"], 1000)));
  assert.equal(it.confirm().number, 1113);
  assert.equal(it.shown, 1113);
});

test("what others put in place of a number goes below pending increments of it", () => {
  const it = open('{"n":1,"m":2}');
  it.write(addEntry(["k", "n"], 1));
  assert.ok(it.execute(setEntry(["k", "n"], "50")));
  assert.deepEqual(it.shown, { n: 51, m: 2 });
  assert.ok(!it.execute(setEntry(["k", "n"], '"text"')));
  assert.deepEqual(it.shown, { n: "text", m: 2 });
  assert.deepEqual([it.confirm().status, it.confirmed], [3, { n: "text", m: 2 }]);
});

for (const [why, number, pending, others] of [
  ["are rounded", "0.1", [0.2], 0.3],
  ["were rounded before", "0.5", [1], 2],
  ["add up to more than a safe integer", "1", [2 ** 53 - 3, 1, 1], 1],
  ["add up to more than a safe integer on the way", "0", [2 ** 53 - 2, 1 - 2 ** 53], 3],
  ["may add up to more than a safe integer with those of others", "0", [2 ** 53 - 2], 5],
  ["are more than any number", "1e308", [1e308], -1e308],
  ["are zero and the number is -0", "-0", [-0], -0],
] as const) {
  test(`increments are done again in their order where they ${why}`, () => {
    const it = open(number);
    it.write(...pending.map((amount) => addEntry(["k"], amount)));
    it.execute(addEntry(["k"], others));
    const expected = new Table();
    expected.execute(setEntry(["k"], number), NOW, false);
    for (const amount of [others, ...pending]) expected.execute(addEntry(["k"], amount), NOW, false);
    assert.ok(Object.is(it.shown, expected.get(["k"], NOW)), `${it.shown}`);
    for (const _ of pending) it.confirm();
    assert.ok(Object.is(it.confirmed, expected.get(["k"], NOW)));
  });
}

test("an increment whose number expires before its place in the log begins a new one", () => {
  const it = open("5", NOW + 100);
  it.write(addEntry(["k"], 1, NOW + 500), addEntry(["k"], 1, NOW + 500));
  assert.ok(it.execute(addEntry(["k"], 10)));
  assert.equal(it.shown, 17);
  assert.equal(it.confirm(NOW + 100).number, 1);
  assert.equal(it.confirm(NOW + 101).number, 2);
  assert.equal(it.table.get(["k"], NOW + 499), 2);
  assert.equal(it.table.get(["k"], NOW + 500), undefined);
});

test("another expiry of a number makes pending increments be done again", () => {
  const it = open("5");
  it.write(addEntry(["k"], 1, NOW + 500));
  assert.ok(!it.execute(expireEntry(["k"], NOW + 100)));
  assert.equal(it.shown, 6);
  assert.equal(it.confirm(NOW + 200).number, 1);
});

test("patches of other fields leave pending ones performed, those of the same field come below them", () => {
  const it = open('{"a":1,"b":2}');
  it.write(patch({ a: 10 }), patch({ a: 11, c: 3 }));
  const whole = it.shown;
  assert.ok(it.execute(patch({ a: 20 })));
  assert.equal(it.shown, whole, "what is shown was made again");
  assert.ok(it.execute(patch({ b: 21, c: 22, d: 23 })));
  assert.deepEqual(it.shown, { a: 11, b: 21, c: 3, d: 23 });
  assert.deepEqual(it.confirmed, { a: 20, b: 21, c: 22, d: 23 });
});

test("patches that depend on what fields are, or that change an expiry, are done again", () => {
  const it = open('{"a":1,"b":2}');
  it.write(patchEntry(["k"], '{"set":{"a":5},"match":{"b":2}}'));
  assert.ok(!it.execute(patch({ b: 3 })));
  assert.deepEqual(it.shown, { a: 1, b: 3 });
  assert.equal(it.confirm().status, 2);
  it.write(patch({ a: 6 }));
  assert.ok(!it.execute(patchEntry(["k"], '{"set":{"c":1},"match":{"a":1}}')));
  assert.deepEqual(it.shown, { a: 6, b: 3, c: 1 });
});

test("children that several members set, remove and add stay beside each other", () => {
  const it = open("{}");
  it.write(setEntry(["k", "a"], "1"), deleteEntry(["k", "b"]), setEntry(["k", "c"], "1", 0, IF_ABSENT));
  assert.ok(it.execute(setEntry(["k", "d"], '{"x":1}', NOW + 5)));
  assert.ok(it.execute(setEntry(["k", "b"], "2")));
  assert.ok(it.execute(setEntry(["k", "e", "f"], "3")));
  assert.deepEqual(it.shown, { a: 1, c: 1, d: { x: 1 }, e: { f: 3 } });
  assert.ok(!it.execute(setEntry(["k", "c"], "4")), "an entry that depends on what was there is done again");
  assert.deepEqual(it.shown, { a: 1, c: 4, d: { x: 1 }, e: { f: 3 } });
  assert.deepEqual([it.confirm().status, it.confirm().status, it.confirm().status], [1, 1, 2]);
});

test("once what hides it is confirmed, what others write shows through", () => {
  const it = open("1");
  it.write(setEntry(["k"], "5"), addEntry(["k"], 1));
  assert.ok(it.execute(setEntry(["k"], "100")));
  assert.equal(it.shown, 6);
  it.confirm();
  it.execute(setEntry(["k"], "200"));
  assert.equal(it.shown, 201);
  assert.equal(it.confirm().number, 201);
});

test("a whole value stands for what was written below it before", () => {
  const it = open('{"a":{"x":1,"y":2}}');
  const fields = patchEntry(["k", "a"], '{"set":{"x":5,"y":6}}');
  it.write(fields, setEntry(["k", "a"], '{"z":1}'), setEntry(["k", "a", "z"], "2"));
  assert.ok(it.execute(setEntry(["k", "a", "w"], "3")));
  assert.deepEqual(it.shown, { a: { z: 2 } });
  it.confirm();
  assert.deepEqual(it.confirmed, { a: { x: 5, y: 6, w: 3 } });
  it.confirm();
  it.confirm();
  assert.deepEqual(it.shown, { a: { z: 2 } });
  assert.ok(it.key.isEmpty);
});

test("what others write in an expired container replaces that, also beside and below pending entries in it", () => {
  for (const [path, shown] of [
    [["k", "a", "x"], { x: 5 }],
    [["k", "a", "x", "y"], { x: 5 }],
    [["k", "a", "w"], { w: 4, x: 5 }],
  ] as const) {
    const it = open("{}");
    it.table.execute(setEntry(["k", "a"], '{"x":1,"z":2}', NOW + 5), NOW, false);
    it.write(setEntry(["k", "a", "x"], "5"));
    assert.ok(!it.execute(setEntry(path, "4"), NOW + 10));
    assert.deepEqual(it.shown, { a: shown });
  }
});

test("a patch that a whole value stands for is one entry, however many fields it has", () => {
  const it = open('{"a":{"x":1,"y":2}}');
  it.write(
    patchEntry(["k", "a"], '{"set":{"x":5,"y":6}}'),
    setEntry(["k", "a"], '{"n":0}'),
    expireEntry(["k"], NOW + 9),
  );
  it.write(addEntry(["k", "a", "n"], 1), addEntry(["k", "a", "n"], 1));
  for (let count = 0; count < 4; count++) it.confirm();
  assert.deepEqual(it.shown, { a: { n: 2 } });
  assert.deepEqual(it.confirmed, { a: { n: 1 } });
});

test("what was expired when an entry was written, and is not at its place in the log, counts there", () => {
  const added = open("5", NOW + 100);
  added.writeAt(NOW + 200, addEntry(["k"], 1));
  assert.equal(added.confirm(NOW + 50).number, 6);
  const removed = open("5", NOW + 100);
  removed.writeAt(NOW + 200, deleteEntry(["k"]));
  assert.equal(removed.confirm(NOW + 50).status, 1);
});

test("what others put in place of the object itself makes its pending changes be done again", () => {
  const it = open('{"a":1,"b":2}');
  it.write(patch({ a: 10 }), addEntry(["k", "b"], 1));
  assert.ok(!it.execute(setEntry(["k"], '{"b":5}')));
  assert.deepEqual(it.shown, { a: 10, b: 6 });
  assert.ok(!it.execute(deleteEntry(["k"])));
  assert.deepEqual(it.shown, { b: 1 });
});

test("an op that would be too far is not added, and one that became too far has no effect", () => {
  const it = open("{}");
  it.write(setEntry(["k", "70000"], "1"));
  assert.ok(!it.execute(setEntry(["k"], "[1]")));
  assert.deepEqual(it.shown, [1]);
  assert.equal(it.key.write(it.table, new Op(setEntry(["k", "70000"], "1"), NOW, null)), 4);
  assert.equal(it.confirm().status, 4);
  assert.ok(it.key.isEmpty);
});

test("fields are in the order in which the log has added them, whatever was pending when others came", () => {
  const orderOf = (own: readonly Entry[], others: readonly Entry[]): string => {
    const opened = open('{"a":1,"z":2}');
    opened.write(...own);
    for (const entry of others) opened.execute(entry);
    for (const _ of own) opened.confirm();
    return Object.keys(opened.shown as object).join("");
  };
  const patched = (json: string): Entry => patchEntry(["k"], `{"set":${json}}`);
  const set = (field: string): Entry => setEntry(["k", field], "5");
  assert.equal(orderOf([patched('{"b":1,"c":2}')], [patched('{"d":3}')]), "azdbc");
  assert.equal(orderOf([set("b"), set("c")], [set("d")]), "azdbc");
  assert.equal(orderOf([set("b"), set("c"), set("b")], [set("d"), set("c")]), "azdcb", "one that others add too");
  assert.equal(orderOf([patched('{"b":1,"c":2}')], [patched('{"d":3,"c":4}')]), "azdcb");
  assert.equal(orderOf([deleteEntry(["k", "a"]), set("a")], [set("d")]), "zda", "one that is removed and added again");
  assert.equal(
    orderOf([addEntry(["k", "b"], 1), addEntry(["k", "a"], 1)], [set("d")]),
    "azdb",
    "a number that is made",
  );
});
