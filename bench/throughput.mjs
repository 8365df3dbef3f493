/** How many writes per second 4 processes get confirmed and see of each other, all of them in a log. */
import { median, nowNs, scratchDirectory } from "./measure.mjs";
import { startMembers, stopMembers } from "./members.mjs";
import { startRedis } from "./peers.mjs";
import { perSecond, printTable, times } from "./table.mjs";

const MEMBERS = 4;
const ROUNDS = 3;
/** Sets in one turn of the event loop, and sets of each member in one round. */
const LOADS = [
  { perTick: 100, count: 100_000 },
  { perTick: 10, count: 40_000 },
  { perTick: 1, count: 8_000 },
];

let runs = 0;

async function writesPerSecond(members, { perTick, count }) {
  const run = ++runs;
  const start = nowNs();
  const ends = await Promise.all(
    members.map((member, id) => member.ask("race", { id, count, perTick, members: members.length, run })),
  );
  return (members.length * count * 1e9) / (Math.max(...ends) - start);
}

async function measureLoad(groups, load) {
  const figures = new Map([...groups.keys()].map((name) => [name, []]));
  // The first round warms up and does not count.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, members] of groups) {
      if (members === null) continue;
      const figure = await writesPerSecond(members, load);
      if (round > 0) figures.get(name).push(figure);
    }
  }
  const ours = median(figures.get("cluster-storage"));
  return [...figures].map(([name, rounds]) => {
    if (rounds.length === 0) return [`${load.perTick}`, name, "absent"];
    const figure = median(rounds);
    const target = name === "cluster-storage" && load.perTick === 100 ? ">= 400,000/s" : "";
    return [`${load.perTick}`, name, perSecond(figure), times(ours / figure), target];
  });
}

export async function measure() {
  const scratch = scratchDirectory();
  const server = await startRedis(scratch.path);
  const groups = new Map([
    ["cluster-storage", await startMembers(MEMBERS, "storage", { path: scratch.path })],
    [
      "Redis, pipelined (append-only file)",
      server && (await startMembers(MEMBERS, "redis", { address: server.address })),
    ],
    ["lmdb, batched (shared file)", await startMembers(MEMBERS, "lmdb", { path: scratch.path })],
    ["lmdb, batched, one process", await startMembers(1, "lmdb", { path: `${scratch.path}/one` })],
  ]);
  const rows = [];
  for (const load of LOADS) rows.push(...(await measureLoad(groups, load)));
  const columns = ["sets per tick", "store", "writes", "ours to it", "target"];
  printTable(`Confirmed writes by ${MEMBERS} processes, seen by all, logged`, columns, rows);
  for (const members of groups.values()) await stopMembers(members);
  await server?.stop();
  await scratch.release();
}
