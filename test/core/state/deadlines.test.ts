import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deadlines } from "../../../dist/core/state/deadlines.js";

test("finds what a scan of all would find, whatever is added, moved and removed", () => {
  const times = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 2 ** 45 }));
  const step = fc.record({ key: fc.nat(30), at: fc.option(times), look: times });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const deadlines = new Deadlines();
      const naive = new Map<string, number>();
      for (const { key, at, look } of steps) {
        const name = `k${key}`;
        deadlines.move(name, naive.get(name) ?? Infinity, at ?? Infinity);
        if (at === null) naive.delete(name);
        else naive.set(name, at);
        const seconds = [...naive].map(([each, time]) => [each, Math.floor(time / 1000) * 1000] as const);
        assert.equal(deadlines.earliest(), Math.min(Infinity, ...seconds.map(([, time]) => time)));
        const found: string[] = [];
        const later = deadlines.visit(look, (each) => found.push(each) > 0);
        const due = seconds.filter(([, time]) => time <= look).map(([each]) => each);
        assert.deepEqual(found.sort(), due.sort());
        assert(
          later > look && later <= Math.min(Infinity, ...seconds.map(([, time]) => (time > look ? time : Infinity))),
        );
      }
    }),
  );
});

test("a key whose deadline is moved every second for years leaves no buckets", () => {
  const deadlines = new Deadlines();
  for (let second = 0; second < 100_000; second++) deadlines.move("k", second * 1000, (second + 1) * 1000);
  let count = 0;
  deadlines.visit(Number.MAX_SAFE_INTEGER, () => ++count > 0);
  assert.equal(count, 1);
  assert.equal(deadlines.earliest(), 100_000_000);
});

test("very many keys of one second are found a slice at a time, each once", () => {
  const deadlines = new Deadlines();
  const left = new Set(Array.from({ length: 40_000 }, (_, index) => `key:${index}`));
  for (const key of left) deadlines.add(key, 5500);
  while (left.size > 0) {
    const slice: string[] = [];
    deadlines.visit(5500, (key) => slice.push(key) < 300);
    assert.equal(slice.length, Math.min(300, left.size));
    for (const key of slice) {
      assert(left.delete(key), `${key} was found twice`);
      deadlines.remove(key, 5500);
    }
  }
  assert.equal(deadlines.earliest(), Infinity);
});
