import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { KeyTable } from "../../../../dist/core/state/keys/key-table.js";
import { randomOf } from "../../../proof/budget.js";

const STEPS = 30_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A hash that is a good one of a number. */
const scattered = (number: number): number => Math.imul(number ^ (number >>> 15), 0x2c1b3c6d) | 0;

/** What times a number, modulo 2^32, is a hash whose home is said by the highest bits of the number. */
const HOME_FACTOR = 0xe8b2f51;

const HASHES: Record<string, (number: number) => number> = {
  "differ well": scattered,
  "are those of two keys each": (number) => scattered(number >> 1),
  "are those of 16 keys each": (number) => scattered(number >> 4),
  "are all equal": () => -7,
  "all have the same home": (number) => Math.imul(HOME_FACTOR, number) | 0,
  "are few, and their keys crowd around a few homes": (number) => number % 37,
  "share all but their lowest bits": (number) => 0x7000_0000 | (number & 0xff),
  "have their homes at the last places": (number) => Math.imul(HOME_FACTOR, (0xff - (number & 3)) << 24) | 0,
  "have homes side by side": (number) => Math.imul(HOME_FACTOR, number << 20) | 0,
};

const keyOf = (number: number): string => `key:${number}`;

for (const [name, hashOf] of Object.entries(HASHES)) {
  for (const share of [0.2, 0.5, 0.8]) {
    test(`holds what a Map holds when hashes ${name}, ${share * 100} % of the steps removing`, () => {
      const random = randomOf(11);
      const table = new KeyTable<number>();
      const naive = new Map<string, number>();
      for (let step = 0; step < STEPS; step++) {
        const number = Math.floor(random() * 3000);
        const key = keyOf(number);
        const hash = hashOf(number);
        assert.equal(table.get(key, hash), naive.get(key));
        if (random() < share) {
          assert.equal(table.delete(key, hash), naive.delete(key));
        } else if (random() < 0.5) {
          assert.equal(table.add(key, hash, step), !naive.has(key));
          if (!naive.has(key)) naive.set(key, step);
        } else {
          assert.equal(table.set(key, hash, step), !naive.has(key));
          naive.set(key, step);
        }
        assert.equal(table.size, naive.size);
        if (step % 5000 === 0) assert.deepEqual([...table].sort(), [...naive].sort());
      }
      assert.deepEqual([...table].sort(), [...naive].sort());
      const visited: [string, number][] = [];
      table.forEach((value, key) => {
        visited.push([key, value]);
      });
      assert.deepEqual(visited, [...table]);
      for (let number = 0; number < 3000; number++)
        assert.equal(table.get(keyOf(number), hashOf(number)), naive.get(keyOf(number)));
    });
  }
}

/** CPU time, in ms, that something takes; what other processes take does not count. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1000;
}

/** How many times the CPU time of keys with good hashes anything else may take: a search through all keys takes thousands of times. */
const MOST_TIMES = 20;
/** A time that is too short to be measured, in ms. */
const LEAST_MS = 10;

function expectAsFast(ms: number, otherwiseMs: number): void {
  const most = MOST_TIMES * Math.max(otherwiseMs, LEAST_MS);
  assert(ms < most, `expected at most ${MOST_TIMES} times ${otherwiseMs} ms, got ${ms} ms`);
}

/** Adds so many keys, finds them and removes them. */
function fillAndEmpty(count: number, hashOf: (number: number) => number): void {
  const table = new KeyTable<number>();
  for (let number = 0; number < count; number++) table.set(keyOf(number), hashOf(number), number);
  for (let number = 0; number < count; number++) assert.equal(table.get(keyOf(number), hashOf(number)), number);
  for (let number = 0; number < count; number++) assert(table.delete(keyOf(number), hashOf(number)));
  assert.equal(table.size, 0);
}

test("takes the keys of another table in the order of that one, in about the time of any other order", () => {
  const ms = (from: Iterable<[string, number]>): number =>
    cpuMs(() => {
      const table = new KeyTable<number>();
      for (const [key, number] of from) table.set(key, scattered(number), number);
    });
  const first = new KeyTable<number>();
  const entries = Array.from({ length: 200_000 }, (_, number): [string, number] => [keyOf(number), number]);
  for (const [key, number] of entries) first.set(key, scattered(number), number);
  ms(entries);
  const [otherwise, inItsOrder] = [ms(entries), ms(first)];
  expectAsFast(inItsOrder, otherwise);
});

test("stays as fast when all hashes are equal", () => {
  const count = 100_000;
  const otherwise = cpuMs(() => fillAndEmpty(count, scattered));
  expectAsFast(
    cpuMs(() => fillAndEmpty(count, () => 1)),
    otherwise,
  );
});

test("holds what a smaller table has no place for when it shrinks", () => {
  const table = new KeyTable<number>();
  const hashes = new Map<string, number>();
  const set = (key: string, hash: number): void => {
    hashes.set(key, hash);
    table.set(key, hash, hash);
  };
  for (let number = 0; number < 700; number++) set(keyOf(number), scattered(number));
  // Of 1024 places, every 60th is the home of 58 keys; of 512, every 30th.
  for (let home = 0; home < 240; home += 60)
    for (let number = 0; number < 58; number++)
      set(`${home}:${number}`, Math.imul(HOME_FACTOR, (home << 22) + number) | 0);
  for (let number = 0; number < 700; number++) assert(table.delete(keyOf(number), scattered(number)));
  assert.equal(table.size, 232);
  for (const [key, hash] of hashes) {
    assert.equal(table.get(key, hash), key.startsWith("key") ? undefined : hash);
    assert.equal(table.delete(key, hash), !key.startsWith("key"));
  }
  assert.equal(table.size, 0);
});

test("stays as fast when as many homes as there can be are side by side, each that of one key", () => {
  const table = new KeyTable<number>();
  // Of 2^18 places at the end, which are then all but full; every second one while there are half as many, and so on.
  const hashOf = (number: number) => Math.imul(HOME_FACTOR, number << 14) | 0;
  const fill = (): void => {
    for (let step = 2 ** 18; step >= 1; step /= 2) {
      const end = step === 1 ? 163_700 : 163_900;
      for (let number = 0; number < end; number += step) table.set(keyOf(number), hashOf(number), number);
    }
  };
  const empty = (): void => {
    for (let number = 0; number < 163_900; number++) table.delete(keyOf(number), hashOf(number));
  };
  const otherwise = cpuMs(() => fillAndEmpty(163_900, scattered));
  let size = 0;
  const ms = cpuMs(() => {
    fill();
    size = table.size;
    empty();
  });
  assert(size > 163_700);
  assert.equal(table.size, 0);
  expectAsFast(ms, otherwise);
});

test("finds a key far from its home when what was there is removed", () => {
  for (const distance of [1, 60, 70, 127]) {
    const table = new KeyTable<number>();
    const hashOf = (home: number) => Math.imul(HOME_FACTOR, home << 24) | 0;
    table.set("first", hashOf(0), -1);
    for (let home = 1; home < distance; home++) table.set(keyOf(home), hashOf(home), home);
    table.set("far", hashOf(0), -2);
    assert(table.delete("first", hashOf(0)));
    assert.equal(table.get("far", hashOf(0)), -2);
    for (let home = 1; home < distance; home++) assert.equal(table.get(keyOf(home), hashOf(home)), home);
  }
});

const memory = (): number => {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

test("gives back what was removed at once", () => {
  const table = new KeyTable<Buffer>();
  const before = memory();
  for (let number = 0; number < 50; number++) table.set(keyOf(number), scattered(number), Buffer.alloc(1024 * 1024));
  for (let number = 1; number < 50; number++) assert(table.delete(keyOf(number), scattered(number)));
  const grown = memory() - before;
  assert.equal(table.size, 1);
  assert(grown < 5 * 1024 * 1024, `expected one MiB to be left, got ${grown} bytes`);
});

test("gives back what it no longer needs", () => {
  const table = new KeyTable<number>();
  const before = memory();
  for (let number = 0; number < 1_000_000; number++) {
    table.set(keyOf(number), scattered(number), number);
    if (number >= 100) assert(table.delete(keyOf(number - 100), scattered(number - 100)));
  }
  const grown = memory() - before;
  assert.equal(table.size, 100);
  assert(grown < 2 * 1024 * 1024, `expected nothing to be left of what was removed, got ${grown} bytes`);
});
