/** What it costs that all processes write one key all the time, beside a key of each process. */
import assert from "node:assert/strict";
import { nowNs } from "../measure/compare.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { askAll, startMembers, stopMembers } from "../members/members.mjs";

const ROUNDS = 5;
/** Rounds that do not count: it takes some seconds until V8 has compiled what runs often. */
const WARM_UP_ROUNDS = 2;
const MEMBERS = 4;
const PER_TICK = 100;
/** Writes of all members together in one round. */
const WRITES = 120_000;
const LEAST_SHARE = 0.8;

/** What the members write, by the name of the row: the kind of write, and whether all write one key. */
const ROWS = {
  "increment, a number each": ["increment", false],
  "increment, one number of all": ["increment", true],
  "patch, an object each": ["patch", false],
  "patch, other fields of one object": ["patch own fields", true],
  "patch, the same fields of one object": ["patch", true],
  "set, a key each": ["set", false],
  "set, one key of all": ["set", true],
};
const TARGETS = [
  { row: "increment, one number of all", atLeast: LEAST_SHARE, times: "increment, a number each" },
  { row: "patch, other fields of one object", atLeast: LEAST_SHARE, times: "patch, an object each" },
  { row: "patch, the same fields of one object", atLeast: LEAST_SHARE, times: "patch, an object each" },
  { row: "set, one key of all", atLeast: LEAST_SHARE, times: "set, a key each" },
];

export const title = "Hot keys: all processes write one";
export const says =
  "4 members, 100 writes in each turn of the event loop, some 20,000 on their way at most. The clock stops when each member's own writes are confirmed, and all must hold equal values then. The limit is a key of each member's own.";
export const packages = [];

let runCount = 0;

/** Confirmed writes per second of all members. */
async function race(members, kind, isOneKey, writes) {
  const run = ++runCount;
  const keys = members.map((_, id) => (isOneKey ? `hot${run}` : `hot${run} of ${id}`));
  for (const key of new Set(keys)) await members[0].ask("writeFirst", { key, value: kind === "increment" ? 0 : {} });
  const count = Math.round(writes / members.length);
  const start = nowNs();
  const ends = await Promise.all(
    members.map((member, id) => member.ask("writeHot", { id, kind, key: keys[id], count, perTick: PER_TICK })),
  );
  for (const key of new Set(keys)) {
    const texts = await askAll(members, "hotText", { key });
    assert.equal(new Set(texts).size, 1, "expected all members to hold the same");
    if (kind === "increment") assert.equal(texts[0], String(isOneKey ? count * members.length : count));
  }
  return (count * members.length * 1e9) / (Math.max(...ends) - start);
}

export const measure = ({ rounds, count }) =>
  withScratch(async (path) => {
    const members = await startMembers(MEMBERS, "storage", { path });
    const figures = new Map(Object.keys(ROWS).map((name) => [name, []]));
    for (let round = -WARM_UP_ROUNDS; round < rounds(ROUNDS); round++) {
      for (const [name, [kind, isOneKey]] of Object.entries(ROWS)) {
        const figure = await race(members, kind, isOneKey, count(WRITES));
        if (round >= 0) figures.get(name).push(figure);
      }
    }
    await stopMembers(members);
    const rows = [...figures].map(([name, rounds]) => ({ name, rounds }));
    return {
      tables: [{ title: `${MEMBERS} members, one key of all or a key each`, unit: "/s", rows, targets: TARGETS }],
    };
  });
