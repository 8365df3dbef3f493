/**
 * The protocol of the local engine, explored in full within the bounds of each setup: no confirmed write is lost, none takes
 * effect twice, all processes are told one history, and none takes intact files for corrupt. Each way in which the
 * protocol could be wrong must be found: then the model can fail.
 *
 *   npm run campaign -- protocol       larger setups, up to `CAMPAIGN_STATES` states each, however many minutes that takes
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isCampaign } from "../budget.js";
import { type Explored, explore } from "./explore.js";
import { protocol } from "./model.js";
import type { Setup, Variant } from "./setup.js";

const CAMPAIGN_STATES = 12_000_000;

const removed: Setup = { processes: 3, epochs: 4, segments: 1, writes: 1, destroys: true, beginsRemoved: true };

const GATE: Record<string, Setup> = {
  "3 processes, 1 write": { processes: 3, epochs: 3, segments: 1, writes: 1 },
  "3 processes, 2 writes, 2 epochs": { processes: 3, epochs: 2, segments: 1, writes: 2 },
  "4 processes, 1 write, 2 epochs": { processes: 4, epochs: 2, segments: 1, writes: 1 },
  "3 processes with compaction and cleaning up, 2 epochs": {
    ...{ processes: 3, epochs: 2, segments: 2, writes: 1, cleans: true },
  },
  "2 processes with compaction and a joining member, 1 write": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, joins: true },
  },
  "3 processes, 2 writes of one member": { processes: 3, epochs: 3, segments: 1, writes: 2, isOneOrigin: true },
  "2 processes, a write met half-way, a backup, a restart": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 1, tears: true, backups: 1, restarts: 1, joins: true },
  },
  "3 processes that leave, a joining member": {
    ...{ processes: 3, epochs: 2, segments: 1, writes: 1, cleans: true, leaves: true, joins: true },
  },
  "2 processes that leave and hold a state": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 2, cleans: true, leaves: true, marks: true },
  },
  "3 processes, one of which destroys": {
    ...{ processes: 3, epochs: 2, segments: 2, writes: 1, destroys: true },
  },
  "3 processes, two of which are frozen while the storage is removed": removed,
  "2 processes, one of which destroys, a joining member": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, leaves: true, cleans: true, destroys: true, joins: true },
  },
};

const CAMPAIGN: Record<string, Setup> = {
  "4 processes, 1 write": { processes: 4, epochs: 3, segments: 1, writes: 1 },
  "3 processes, 2 writes": { processes: 3, epochs: 3, segments: 1, writes: 2 },
  "3 processes with compaction and cleaning up": { processes: 3, epochs: 3, segments: 2, writes: 1, cleans: true },
  "2 processes with compaction and a joining member": { processes: 2, epochs: 2, segments: 2, writes: 2, joins: true },
  "4 processes, 1 write, 4 epochs": { processes: 4, epochs: 4, segments: 1, writes: 1 },
  "4 processes, 2 writes": { processes: 4, epochs: 3, segments: 1, writes: 2 },
  "2 processes, 2 writes met half-way, a backup, a restart": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 2, tears: true, backups: 1, restarts: 1, joins: true },
  },
  "3 processes with compaction, cleaning up and a joining member": {
    ...{ processes: 3, epochs: 3, segments: 2, writes: 1, cleans: true, joins: true, restarts: 1 },
  },
  "2 processes with compaction that leave and hold a state": {
    ...{ processes: 2, epochs: 3, segments: 2, writes: 2, cleans: true, leaves: true, marks: true },
  },
  "3 processes that leave and hold a state, a joining member": {
    ...{ processes: 3, epochs: 3, segments: 1, writes: 1, cleans: true, leaves: true, marks: true, joins: true },
  },
  "2 processes with all but destroying, a restart": {
    ...{ processes: 2, epochs: 4, segments: 1, writes: 1, cleans: true, leaves: true, marks: true, joins: true },
    ...{ tears: true, restarts: 1 },
  },
};

const three: Setup = { processes: 3, epochs: 3, segments: 1, writes: 1 };
const two: Setup = { processes: 2, epochs: 2, segments: 1, writes: 1 };
const compacting: Setup = { processes: 2, epochs: 3, segments: 2, writes: 2 };
const leaving: Setup = { ...two, epochs: 3, cleans: true, leaves: true, joins: true };
const destroying: Setup = { ...two, epochs: 3, segments: 2, destroys: true };

const VARIANTS: Record<Variant, Setup> = {
  "no check": three,
  "check before the append": three,
  "broadcast before the check": three,
  "confirm before the append": three,
  "no fence": three,
  "no look for a higher seat": three,
  "reading before fencing": { ...two, writes: 2 },
  "a name is checked, not an inode": { ...three, processes: 4 },
  "links alone are checked, seats are not emptied": { ...two, backups: 1 },
  "bytes alone are checked": { ...destroying, epochs: 2 },
  "the end of the predecessor is not noted": { ...three, joins: true },
  "an unfinished end counts as whole": { ...three, tears: true, joins: true },
  "after an unfinished end later bytes are looked at": { ...three, tears: true },
  "a segment is closed with frames that are not confirmed": compacting,
  "one name for all snapshots": compacting,
  "removing before publishing": { ...compacting, epochs: 2, writes: 1 },
  "a segment is removed too early": { ...compacting, epochs: 2 },
  "a snapshot without the origins": { ...compacting, epochs: 2, writes: 1, joins: true },
  "folding what is not confirmed": leaving,
  "destroying without a check": destroying,
  "the end is not noted": destroying,
  "the end is noted when all is removed": destroying,
  "the end has the seq of a snapshot that is removed": destroying,
  "a late claim does not look for an end": removed,
  "the snapshot of the end is removed": { ...destroying, cleans: true },
  "a segment before the snapshot is gone on with": { ...compacting, writes: 1, leaves: true, marks: true },
  "what was read is gone on with unchecked": {
    ...two,
    epochs: 4,
    cleans: true,
    leaves: true,
    marks: true,
  },
};

let total = 0;

function report(name: string, { states, transitions, depth, violation }: Explored): void {
  const steps = violation === null ? `depth ${depth}` : `broken after ${violation.trace.length} steps`;
  console.log(`${name}: ${states} states, ${transitions} transitions, ${steps}`);
}

describe("the protocol", () => {
  for (const [name, setup] of Object.entries(isCampaign ? { ...GATE, ...CAMPAIGN } : GATE)) {
    it(`keeps its promises: ${name}`, () => {
      const explored = explore(protocol(setup), isCampaign ? CAMPAIGN_STATES : undefined);
      report(name, explored);
      const { violation } = explored;
      assert.equal(violation, null, `${violation?.message}\n${violation?.trace.join("\n")}`);
      assert.ok(explored.isComplete || isCampaign);
      total += explored.states;
    });
  }

  it("has enough states to be worth it", () => {
    console.log(`${total} states in total`);
    assert.ok(total >= 400_000, `got ${total}`);
  });
});

describe("the model finds each way in which the protocol could be wrong", () => {
  for (const [variant, setup] of Object.entries(VARIANTS) as Array<[Variant, Setup]>) {
    it(variant, () => {
      const explored = explore(protocol({ ...setup, variant }));
      report(variant, explored);
      assert.ok(explored.violation !== null);
    });
  }
});

describe("what is not promised", { skip: isCampaign ? false : "too many states: npm run campaign -- protocol" }, () => {
  it("that nothing comes back when a process publishes a compaction in a directory from which all is being removed", () => {
    const explored = explore(protocol({ ...destroying, cleans: true }));
    report("a compaction that is published while all is removed", explored);
    assert.ok(explored.violation !== null);
  });
});
