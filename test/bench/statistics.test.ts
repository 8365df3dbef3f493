import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { statistics } from "./report.js";

const { deviation, fitExponent, fitLine, median, quantile, ratio } = statistics;
const near = (got: number | null, wanted: number): void =>
  assert.ok(
    got !== null && Math.abs(got - wanted) < 1e-9 * Math.max(1, Math.abs(wanted)),
    `expected ${wanted}, got ${got}`,
  );

describe("the median", () => {
  it("is the middle one of an odd number of figures, in any order", () => assert.equal(median([9, 1, 5]), 5));
  it("is the mean of the two in the middle of an even number", () => assert.equal(median([4, 1, 100, 2]), 3));
  it("compares numbers, not texts", () => assert.equal(median([100, 9, 1_000]), 100));
  it("leaves its figures in their order", () => {
    const figures = [3, 1, 2];
    median(figures);
    assert.deepEqual(figures, [3, 1, 2]);
  });
});

describe("the spread", () => {
  it("is the median distance from the median", () => assert.equal(deviation([1, 1, 2, 2, 4, 6, 9]), 1));
  it("is not moved by one figure that is far off", () => assert.equal(deviation([10, 10, 10, 10, 1_000_000]), 0));
});

describe("a quantile", () => {
  it("is one of the figures", () => {
    const figures = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.equal(quantile(figures, 0), 1);
    assert.equal(quantile(figures, 0.5), 51);
    assert.equal(quantile(figures, 0.99), 100);
    assert.equal(quantile(figures, 1), 100);
  });
});

describe("a ratio", () => {
  it("compares each round with the same round, so that a machine that slows down does not count", () => {
    assert.equal(ratio([20, 200, 2_000], [10, 100, 1_000]), 2);
    assert.equal(ratio([10, 90, 40], [10, 30, 40]), 1);
  });
  it("is that of the medians when the rounds are not the same", () => assert.equal(ratio([6], [1, 2, 3]), 3));
});

describe("a fitted exponent", () => {
  it("is found again, for any power and factor", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0.01, max: 1e9, noNaN: true }),
        (power, factor) =>
          near(fitExponent([10, 100, 1_000, 100_000].map((x) => ({ x, y: factor * x ** power }))), power),
      ),
    );
  });
  it("is 0 where the size makes no difference", () => near(fitExponent([1, 2, 3].map((x) => ({ x, y: 7 }))), 0));
  it("lies between those of its parts", () => {
    const exponent = fitExponent([1, 10, 100, 1_000].map((x) => ({ x, y: x <= 10 ? x : x ** 2 / 10 })));
    assert.ok(exponent !== null && exponent > 1 && exponent < 2, `got ${exponent}`);
  });
  it("is none of fewer than three sizes, or of what has no logarithm", () => {
    assert.equal(fitExponent([1, 10].map((x) => ({ x, y: x }))), null);
    assert.equal(fitExponent([1, 1, 10].map((x) => ({ x, y: x }))), null);
    assert.equal(fitExponent([1, 2, 3].map((x) => ({ x, y: x - 1 }))), null);
    assert.equal(fitExponent([1, 2, 3].map((x) => ({ x, y: -x }))), null);
  });
});

describe("a fitted line", () => {
  it("goes through points that lie on one", () => {
    const { slope, intercept } = fitLine([1, 2, 5].map((x) => ({ x, y: 3 * x - 4 })));
    near(slope, 3);
    near(intercept, -4);
  });
});
