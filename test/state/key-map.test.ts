import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyMap } from "../../dist/core/state/key-map.js";
import { randomOf } from "../budget.js";

/** Beyond the size at which keys are divided among parts. */
const MANY = 50_000;

function expectEqual(map: KeyMap<number>, naive: Map<string, number>): void {
  assert.equal(map.size, naive.size);
  assert.deepEqual([...map].sort(), [...naive].sort());
  for (const [key, value] of naive) assert.equal(map.get(key), value);
}

test("holds what a Map holds, while it grows, shrinks and changes", () => {
  const random = randomOf(7);
  const map = new KeyMap<number>();
  const naive = new Map<string, number>();
  const longTail = "~".repeat(40);
  const keyOf = (number: number) => (number % 3 === 0 ? `${number}${longTail}` : `key:${number}`);
  for (let step = 0; step < 4 * MANY; step++) {
    const key = keyOf(Math.floor(random() * 1.5 * MANY));
    assert.equal(map.has(key), naive.has(key));
    if (random() < 0.1) {
      map.delete(key);
      naive.delete(key);
    } else {
      map.set(key, step);
      naive.set(key, step);
    }
    assert.equal(map.size, naive.size);
    if (step % MANY === 1000) expectEqual(map, naive);
  }
  assert(naive.size > MANY / 2);
  expectEqual(map, naive);
  for (const key of naive.keys()) map.delete(key);
  expectEqual(map, new Map());
});

test("holds keys that differ only where their part is not chosen, and the empty one", () => {
  const map = new KeyMap<number>();
  for (let number = 0; number < MANY; number++) map.set(`${number}${"x".repeat(32)}`, number);
  map.set("", -1);
  assert.equal(map.size, MANY + 1);
  assert.equal(map.get(`${MANY - 1}${"x".repeat(32)}`), MANY - 1);
  assert.equal(map.get(""), -1);
  assert.equal(map.get("x".repeat(32)), undefined);
});
