/**
 * The protocol of the local engine, explored in full within the bounds of each setup: no confirmed write is lost, none takes
 * effect twice, all processes are told one history, and none takes intact files for corrupt. Where the directory is moved or
 * copied, nothing is written into the directory of another storage. No process waits forever: from each state one of them comes
 * to serve, as long as there are seats. Each way in which the protocol could be wrong must be
 * found: then the model can fail.
 *
 *   npm run campaign -- protocol       larger setups, up to `CAMPAIGN_STATES` states each, however many minutes that takes
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isCampaign } from "../budget.js";
import { protocol } from "./model.js";
import { expectBroken, expectKept } from "./report.js";
import type { Variant } from "./setup.js";
import { CAMPAIGN, destroying, GATE, GOING_BY_PATH, VARIANTS } from "./setups.js";

const CAMPAIGN_STATES = 12_000_000;

let total = 0;

describe("the protocol", () => {
  for (const [name, setup] of Object.entries(isCampaign ? { ...GATE, ...CAMPAIGN } : GATE)) {
    it(`keeps its promises: ${name}`, () => {
      total += expectKept(name, protocol(setup), isCampaign ? CAMPAIGN_STATES : undefined);
    });
  }

  it("has enough states to be worth it", () => {
    console.log(`${total} states in total`);
    assert.ok(total >= 400_000, `got ${total}`);
  });
});

describe("the model finds each way in which the protocol could be wrong", () => {
  for (const variant of Object.keys(VARIANTS) as Variant[]) {
    it(variant, () => expectBroken(variant, protocol({ ...VARIANTS[variant], variant })));
  }
});

describe("what is not promised", { skip: isCampaign ? false : "too many states: npm run campaign -- protocol" }, () => {
  it("that nothing comes back when a process publishes a compaction in a directory from which all is being removed", () => {
    expectBroken("a compaction that is published while all is removed", protocol({ ...destroying, cleans: true }));
  });

  it("that a member can open a storage by path while a contender of a moved directory creates an empty file there", () => {
    expectBroken("an empty file of another storage's contender", protocol({ ...GOING_BY_PATH, joins: true }));
  });
});
