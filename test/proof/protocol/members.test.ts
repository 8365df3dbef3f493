/** Which members have left: no member that lives, and each that has died, as long as any process is there. */
import { describe, it } from "node:test";
import { isCampaign } from "../budget.js";
import { Members, type MembersSetup, type MembersVariant } from "./members.js";
import { expectBroken, expectKept } from "./report.js";

const GATE: Record<string, MembersSetup> = {
  "2 processes, all troubles": { places: [0, 0], deaths: 2, freezes: 1, removals: 1, cuts: 1 },
  "3 processes, 2 of which die": { places: [0, 0, 0], deaths: 2, cuts: 1 },
  "3 processes on 2 kernels, one of which dies": { places: [0, 0, 1], deaths: 1, freezes: 1, cuts: 1 },
};

const CAMPAIGN: Record<string, MembersSetup> = {
  "3 processes on 2 kernels, all troubles": { places: [0, 0, 1], deaths: 2, freezes: 1, removals: 1, cuts: 1 },
  "3 processes, one of which dies, all other troubles": {
    places: [0, 0, 0],
    deaths: 1,
    freezes: 1,
    removals: 1,
    cuts: 1,
  },
};

const two: MembersSetup = { places: [0, 0] };

const VARIANTS: Record<MembersVariant, MembersSetup> = {
  "a closed connection counts as left": two,
  "a member that does not answer counts as left": { ...two, freezes: 1 },
  "a missing socket counts as left": { ...two, removals: 1 },
  "a socket that refuses counts as left wherever that is": { places: [0, 1] },
  "a member's socket is bound under the name that others use": two,
  "a member connects before it listens": { ...two, deaths: 1 },
  "a member that answers is not looked at again": { ...two, deaths: 1 },
  "a new manager does not look at the sockets of members": { ...two, deaths: 1 },
  "a new manager looks for the sockets of members once": { ...two, deaths: 1, freezes: 1, removals: 1 },
  "a socket is removed before the LEFT is confirmed": { places: [0, 0, 0], deaths: 2 },
  "a member that has left is let in again": { ...two, deaths: 1 },
};

describe("members", () => {
  for (const [name, setup] of Object.entries(isCampaign ? { ...GATE, ...CAMPAIGN } : GATE)) {
    it(`have left when they have died, and not before: ${name}`, () => {
      expectKept(name, new Members(setup));
    });
  }
});

describe("the model finds each way in which members could be taken for left", () => {
  for (const variant of Object.keys(VARIANTS) as MembersVariant[]) {
    it(variant, () => expectBroken(variant, new Members({ ...VARIANTS[variant], variant })));
  }
});
