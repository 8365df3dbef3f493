import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LimitKind, LimitRule } from "../../../dist/core/log/limit-rule.js";
import { type Count, countHit } from "../../../dist/core/state/counting.js";
import { NOW, RUNS } from "./samples.js";

const ruleOf = (kind: LimitKind, limit: number, ms: number, blockMs = 0): LimitRule => ({ kind, limit, ms, blockMs });

/** A count by one rule, as the log keeps it: what has expired is gone. */
class Counter {
  found: Count | null = null;
  readonly #rule: LimitRule;

  constructor(rule: LimitRule) {
    this.#rule = rule;
  }

  hit(time: number, cost = 1) {
    if (this.found !== null && this.found.expiresAt !== 0 && this.found.expiresAt <= time) this.found = null;
    const hit = countHit(this.#rule, cost, this.found, time);
    if (hit.isCounted) this.found = hit;
    return hit;
  }
}

test("a window begins with its first hit, has room for exactly its limit, never moves, and leaves out its last ms", () => {
  const counter = new Counter(ruleOf("window", 3, 1000));
  const hits = [0, 1, 500, 900, 998].map((ms) => counter.hit(NOW + ms));
  assert.deepEqual(
    hits.map(({ isCounted, used, expiresAt }) => [isCounted, used, expiresAt - NOW]),
    [
      [true, 1, 999],
      [true, 2, 999],
      [true, 3, 999],
      [false, 3, 999],
      [false, 3, 999],
    ],
  );
  assert.deepEqual(counter.hit(NOW + 999), { isCounted: true, number: 1, expiresAt: NOW + 1998, used: 1 });
});

test("a cost that has no room changes nothing, and a smaller one may still have", () => {
  const counter = new Counter(ruleOf("window", 5, 1000));
  assert.deepEqual(
    [3, 3, 2, 1].map((cost) => counter.hit(NOW, cost).isCounted),
    [true, false, true, false],
  );
});

test("gcra has room for a burst of its limit, then for one hit in each part of the window, to the unit", () => {
  for (const [limit, ms] of [
    [3, 1000],
    [7, 100],
    [10_000, 1000],
    [1, 86_400_000],
  ] as const) {
    const counter = new Counter(ruleOf("gcra", limit, ms));
    for (let hits = 1; hits <= limit; hits++)
      assert.deepEqual(counter.hit(NOW), { ...counter.found, isCounted: true, used: hits });
    assert.equal(counter.hit(NOW).isCounted, false);
    const next = NOW + Math.ceil(ms / limit);
    assert.equal(counter.hit(next - 1).isCounted, false, "too early");
    assert.equal(counter.hit(next).isCounted, true, "in time");
  }
});

test("gcra never counts more than its limit and what has drained, in any time, and counts whatever has room", () => {
  const hits = fc.array(
    fc.record({ pause: fc.oneof(fc.constant(0), fc.nat(400)), cost: fc.integer({ min: 1, max: 4 }) }),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2000 }), hits, (limit, ms, steps) => {
      const counter = new Counter(ruleOf("gcra", limit, ms));
      const counted: { time: number; cost: number }[] = [];
      let time = NOW;
      for (const { pause, cost } of steps) {
        time += pause;
        const isCounted = counter.hit(time, cost).isCounted;
        // There is room unless, from some earlier hit on, what was counted and this one are more than the limit and what has drained.
        let sum = cost;
        let hasRoom = cost <= limit;
        for (const before of counted.toReversed()) {
          sum += before.cost;
          if (sum * ms > limit * ms + (time - before.time) * limit) hasRoom = false;
        }
        assert.equal(isCounted, hasRoom);
        if (isCounted) counted.push({ time, cost });
      }
    }),
    { numRuns: RUNS },
  );
});

test("what is counted beyond the limit goes on counting, begins the window again, doubles it, or blocks", () => {
  const seen = (kind: LimitKind, blockMs = 0) => {
    const counter = new Counter(ruleOf(kind, 2, 100, blockMs));
    return [0, 10, 20, 30, 40].map((ms) => {
      const { isCounted, used, expiresAt } = counter.hit(NOW + ms);
      return [isCounted, used, expiresAt - NOW];
    });
  };
  const two = [
    [true, 1, 99],
    [true, 2, 99],
  ];
  assert.deepEqual(seen("count"), [...two, [true, 3, 99], [true, 4, 99], [true, 5, 99]]);
  assert.deepEqual(seen("restart"), [...two, [true, 3, 119], [true, 4, 129], [true, 5, 139]]);
  assert.deepEqual(seen("double"), [...two, [true, 3, 119], [true, 4, 229], [true, 5, 439]]);
  assert.deepEqual(seen("block", 1000), [...two, [true, 3, 1019], [false, 3, 1019], [false, 3, 1019]]);
});

test("a window that doubles forever, and one that never ends, stay times", () => {
  const counter = new Counter(ruleOf("double", 1, 60_000));
  counter.found = { number: 5000, expiresAt: NOW + 1 };
  assert.equal(counter.hit(NOW).expiresAt, NOW + (Number.MAX_SAFE_INTEGER - 1));
  for (const kind of ["window", "count", "restart", "double"] as const)
    assert.equal(new Counter(ruleOf(kind, 0, 0)).hit(NOW).expiresAt, 0);
});

test("a hit is given back to its own window, once that is over to none, and a count never falls below 0", () => {
  const counter = new Counter(ruleOf("window", 5, 100));
  const { expiresAt } = counter.hit(NOW);
  const back = (amount: number, until: number, found = counter.found) =>
    countHit({ kind: "back", until }, amount, found, NOW);
  assert.deepEqual(back(1, expiresAt), { isCounted: true, number: 0, expiresAt, used: 0 });
  assert.deepEqual(back(3, expiresAt), { isCounted: true, number: 0, expiresAt, used: 0 });
  assert.equal(back(1, expiresAt, null).isCounted, false);
  const next = counter.hit(NOW + 100);
  assert.deepEqual(back(1, expiresAt, next), { ...next, isCounted: false, used: 1 });
});

test("a count of another limit, another kind or of somebody else is some count", () => {
  const gcra = ruleOf("gcra", 4, 100);
  for (const number of [-5, 0, 3, 99, 1e300, 0.5]) {
    const { isCounted, number: after, expiresAt } = countHit(gcra, 1, { number, expiresAt: NOW + 20 }, NOW);
    assert.ok(isCounted && Number.isInteger(after) && after >= 0 && after < 4 && expiresAt > NOW, `${number}`);
  }
  assert.equal(countHit(gcra, 1, { number: 1, expiresAt: NOW + 1e15 }, NOW).isCounted, false);
  assert.deepEqual(countHit(gcra, 1, { number: 7, expiresAt: 0 }, NOW).used, 1);
});
