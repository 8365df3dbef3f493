import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyMap } from "../../../../dist/core/state/keys/key-map.js";
import { randomOf } from "../../../proof/budget.js";

/** Beyond the size at which keys are divided among parts. */
const MANY = 50_000;

function expectEqual(map: KeyMap<number>, naive: Map<string, number>): void {
  assert.equal(map.size, naive.size);
  assert.deepEqual(map.parts.flatMap((part) => [...part]).sort(), [...naive].sort());
  for (const [key, value] of naive) assert.equal(map.get(key), value);
}

test("holds what a Map holds, while it grows, shrinks and changes", () => {
  const random = randomOf(7);
  const map = new KeyMap<number>();
  const naive = new Map<string, number>();
  const long = "~".repeat(40);
  const keyOf = (number: number) => [`${long}${number}`, `key:${number}`, `${number}${long}`][number % 3] as string;
  for (let step = 0; step < 4 * MANY; step++) {
    const key = keyOf(Math.floor(random() * 1.5 * MANY));
    assert.equal(map.has(key), naive.has(key));
    const choice = random();
    if (choice < 0.1) {
      map.delete(key);
      naive.delete(key);
    } else if (choice < 0.3) {
      assert.equal(map.add(key, step), !naive.has(key));
      if (!naive.has(key)) naive.set(key, step);
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

test("holds what a Map holds while keys move to their parts, one at each write", () => {
  const map = new KeyMap<number>();
  const naive = new Map<string, number>();
  for (let number = 0; number < 20_000; number++) {
    map.set(`key:${number}`, number);
    naive.set(`key:${number}`, number);
    for (const other of [number >> 1, number - 7, (number * 3) >> 2]) {
      const key = `key:${other}`;
      assert.equal(map.get(key), naive.get(key));
      if (number % 5 === 0) {
        map.delete(key);
        naive.delete(key);
      } else if (number % 5 === 1) {
        assert.equal(map.add(key, -number), !naive.has(key));
        if (!naive.has(key)) naive.set(key, -number);
      } else if (number % 5 === 2) {
        map.set(key, number);
        naive.set(key, number);
      }
      assert.equal(map.size, naive.size);
    }
    if (number > 8000 && number % 1000 === 0) expectEqual(map, naive);
  }
  expectEqual(map, naive);
});

test("holds keys that differ only where their part is not chosen, and the empty one", () => {
  const map = new KeyMap<number>();
  const keyOf = (number: number) => "x".repeat(16) + number.toString().padStart(5, "0") + "x".repeat(60);
  for (let number = 0; number < MANY; number++) map.set(keyOf(number), number);
  map.set("", -1);
  assert.equal(map.size, MANY + 1);
  assert.equal(Math.max(...map.parts.map(({ size }) => size)), MANY);
  assert.equal(map.get(keyOf(MANY - 1)), MANY - 1);
  assert.equal(map.get(""), -1);
  assert.equal(map.get("x"), undefined);
});

for (const [name, keyOf] of [
  ["count", (number: number) => `key${number}`],
  [
    "differ in the middle",
    (number: number) => `https://www.example.com/users/${number}/profile/settings/notifications`,
  ],
  ["have a common end", (number: number) => `user:${number}:profile:settings:notifications:v2`],
  ["have a common begin", (number: number) => `application:production:sessions:users:${number}`],
] as const) {
  test(`divides keys that ${name} evenly`, () => {
    const map = new KeyMap<number>();
    for (let number = 0; number < MANY; number++) map.set(keyOf(number), number);
    const largest = Math.max(...map.parts.map(({ size }) => size));
    assert(largest < (2 * MANY) / map.parts.length, `expected about equal parts of ${MANY}, got one of ${largest}`);
  });
}
