import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Sum } from "../../../dist/core/replica/sum.js";
import { Expiry } from "../../../dist/core/state/expiry.js";
import { Slot } from "../../../dist/core/state/slot.js";

const NOW = 1_700_000_000_000;
const numberOf = (value: number, expiresAt = Infinity) =>
  Slot.of(value, expiresAt === Infinity ? null : new Expiry(expiresAt));

const amounts = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-0, 0.1, 1.5, 2 ** 52, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53, 1e308, -1e308),
);

test("a sum that can be had is what the amounts come to one after the other, in any order of those of others", () => {
  fc.assert(
    fc.property(amounts, fc.array(fc.tuple(amounts, fc.boolean()), { maxLength: 8 }), (start, all) => {
      let confirmed = start;
      const sum = new Sum(numberOf(start));
      const own: number[] = [];
      for (const [amount, isOwn] of all) {
        if (!isOwn) confirmed += amount;
        else if (sum.add(amount, NOW, numberOf(confirmed))) own.push(amount);
        const shown = sum.on(numberOf(confirmed));
        if (shown === null) continue;
        const expected = own.reduce((total, one) => total + one, confirmed);
        assert.ok(Object.is(shown.value, expected), `${confirmed} and ${own} is ${expected}, got ${shown.value}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test("amounts that have left count no more, neither in the sum nor in how far it may go", () => {
  const half = 2 ** 52;
  const sum = new Sum(numberOf(0));
  assert.ok(sum.add(half, NOW, numberOf(0)));
  assert.ok(!sum.add(half, NOW, numberOf(0)));
  sum.remove(half);
  assert.equal(sum.on(numberOf(7))?.value, 7);
  assert.ok(sum.add(-half, NOW, numberOf(7)));
  assert.equal(sum.on(numberOf(7))?.value, 7 - half);
});

test("the number must be as it was: a number, there, and with the same expiry, which has not passed", () => {
  const sum = new Sum(numberOf(1, NOW + 10));
  assert.ok(!sum.add(1, NOW + 10, numberOf(1, NOW + 10)));
  assert.ok(sum.add(1, NOW + 9, numberOf(1, NOW + 10)));
  assert.equal(sum.on(numberOf(1, NOW + 10))?.expiresAt, NOW + 10);
  for (const contents of [null, numberOf(1), numberOf(1, NOW + 11), Slot.of("1", new Expiry(NOW + 10))]) {
    assert.equal(sum.on(contents), null);
  }
});
