/**
 * Who takes a manager for dead: processes that cannot reach each other claim a bounded number of seats, none without a cause,
 * and from each state some process comes to serve all that can reach it.
 */
import { describe, it } from "node:test";
import { isCampaign } from "../budget.js";
import { Reach, type ReachSetup, type ReachVariant } from "./reach.js";
import { expectBroken, expectKept } from "./report.js";

const troubles = { ends: 2, starts: 1, freezes: 1, removals: 1, deaf: 1 };

const GATE: Record<string, ReachSetup> = {
  "2 processes in different mounts": { places: [0, 1] },
  "3 processes in 2 mounts, sockets that are removed": { places: [0, 0, 1], removals: 2 },
  "3 processes on 2 kernels, a socket that is removed": {
    ...{ places: [0, 0, 1], apart: "refused on another kernel", removals: 1 },
  },
  "3 processes, all troubles": { places: [0, 0, 0], ...troubles },
  "3 processes in 2 mounts, all troubles": { places: [0, 0, 1], ...troubles },
  "3 processes on 2 file systems, all troubles": {
    ...{ places: [0, 0, 1], apart: "refused on the same kernel", ...troubles },
  },
  "3 processes that do not know that they are on one kernel, all troubles": {
    ...{ places: [0, 0, 0], isPlaceUnknown: true, ...troubles },
  },
};

const CAMPAIGN: Record<string, ReachSetup> = {
  "3 processes, all troubles more than once": {
    ...{ places: [0, 0, 1], ends: 2, starts: 2, freezes: 2, removals: 2, deaf: 2 },
  },
  "4 processes in 2 mounts, all troubles": { places: [0, 0, 1, 1], ...troubles },
};

const VARIANTS: Record<ReachVariant, ReachSetup> = {
  "a missing socket counts as dead": { places: [0, 1] },
  "a socket that does not answer counts as dead": { places: [0, 0] },
  "a socket that refuses counts as dead wherever that is": { places: [0, 1], apart: "refused on another kernel" },
  "the kernel alone says where a socket is": { places: [0, 1], apart: "refused on the same kernel" },
  "a contender does not refresh its seat while it reads": { places: [0, 0] },
  "a socket is bound under the name that others use": { places: [0, 0], removals: 1 },
  "a socket that was removed is not bound again": { places: [0, 0], removals: 1 },
  "a seat that is not refreshed is never claimed": { places: [0, 0], removals: 1, ends: 1 },
  "a manager that cannot be reached never gives up": { places: [0, 0], deaf: 1 },
  "a manager that cannot be reached claims again": { places: [0], deaf: 1 },
};

describe("processes that cannot reach each other", () => {
  for (const [name, setup] of Object.entries(isCampaign ? { ...GATE, ...CAMPAIGN } : GATE)) {
    it(`take few seats, and none waits for nothing: ${name}`, () => {
      expectKept(name, new Reach(setup));
    });
  }
});

describe("the model finds each way in which reaching each other could be wrong", () => {
  for (const variant of Object.keys(VARIANTS) as ReachVariant[]) {
    it(variant, () => expectBroken(variant, new Reach({ ...VARIANTS[variant], variant })));
  }
});
