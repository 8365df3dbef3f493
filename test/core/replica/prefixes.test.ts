import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DueKeys } from "../../../dist/core/replica/due-keys.js";
import { Prefixes } from "../../../dist/core/replica/prefixes.js";

test("the items of a text are those whose prefix it begins with, as they come and leave", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 4 });
  const steps = fc.array(fc.tuple(fc.boolean(), text, fc.nat(2)), { maxLength: 40 });
  fc.assert(
    fc.property(steps, text, (all, looked) => {
      const prefixes = new Prefixes<number>();
      const expected = new Set<string>();
      for (const [isAdded, prefix, item] of all) {
        if (isAdded) prefixes.add(prefix, item);
        else prefixes.delete(prefix, item);
        if (isAdded) expected.add(`${item} ${prefix}`);
        else expected.delete(`${item} ${prefix}`);
      }
      const found = [...expected].filter((each) => looked.startsWith(each.slice(2))).map((each) => Number(each[0]));
      assert.deepEqual(prefixes.of(looked).sort(), found.sort());
      assert.equal(prefixes.has(looked), found.length > 0);
      assert.equal(prefixes.isEmpty, expected.size === 0);
      assert.equal([...prefixes.entries()].length, expected.size);
    }),
  );
});

test("keys are taken when they are due, each once, whenever else they were noted", () => {
  const noted = fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), fc.oneof(fc.nat(20), fc.constant(Infinity)));
  const step = fc.oneof(noted, fc.nat(20));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const due = new DueKeys();
      const times = new Map<string, number>();
      for (const each of steps) {
        if (typeof each === "number") {
          const expected = [...times].filter(([, at]) => at <= each).map(([key]) => key);
          assert.deepEqual(due.take(each).sort(), expected.sort());
          for (const key of expected) times.delete(key);
        } else {
          due.note(...each);
          times.set(each[0], Math.min(each[1], times.get(each[0]) ?? Infinity));
        }
      }
    }),
  );
});
