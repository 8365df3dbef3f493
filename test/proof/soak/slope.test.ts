import assert from "node:assert/strict";
import { test } from "node:test";
import { randomOf } from "../budget.js";
import { isSteeper, type Sample, slopeOf } from "./slope.js";

const MIB = 1024 * 1024;

/** What half an hour of samples looks like: a level with noise and a wave of some minutes, and `perHour` more each hour. */
function samplesOf(perHour: number, seed: number): Sample[] {
  const random = randomOf(seed);
  return Array.from({ length: 600 }, (_, index) => {
    const noise = (random() - 0.5) * MIB + Math.sin(index / 15) * 0.2 * MIB;
    return { atMs: index * 3000, value: 8 * MIB + noise + (perHour * index * 3000) / 3_600_000 };
  });
}

test("what grows by three MiB an hour is found among noise of one, and what is level is not", () => {
  for (let seed = 1; seed <= 100; seed++) {
    assert.equal(isSteeper(slopeOf(samplesOf(3 * MIB, seed)), MIB), true, `seed ${seed}, growing`);
    assert.equal(isSteeper(slopeOf(samplesOf(0, seed)), MIB), false, `seed ${seed}, level`);
  }
});

test("too few samples show nothing", () => {
  const [one, two] = samplesOf(0, 1) as [Sample, Sample];
  assert.equal(isSteeper(slopeOf([]), 0), false);
  assert.equal(isSteeper(slopeOf([one, { ...two, value: 1e12 }]), 0), false);
});
