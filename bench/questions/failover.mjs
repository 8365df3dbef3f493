/** How long writes wait when the manager is killed by SIGKILL, until a new write is confirmed. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nowNs } from "../measure/compare.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { startMember, startMembers, stopMembers, withManagerFirst } from "../members/members.mjs";
import { noticeOfDeath } from "../members/sockets.mjs";
import { electionOfManagerProcess } from "../peers/manager-process.mjs";

const MEMBER_COUNTS = [2, 8, 16];
const USUAL_MEMBERS = 8;
const KILLS = { 2: 10, 8: 20, 16: 8 };
const LIMIT = "a bare socket: until a connected process knows";

export const title = "Failover: the manager is killed";
export const says =
  "All members count one key up without a pause; the manager is killed by SIGKILL and replaced by a new process, again and again. Timed from the signal until a write that was made after it is confirmed. In the end the number must be at least the highest that anybody was told, and no number may have been told twice. The limit is what the operating system needs to tell a process that another one is gone.";
export const packages = ["manager-process"];

/** Lets a member count on and on; the numbers that were confirmed to it are added to `confirmed`. Returns how to stop it. */
function keepCounting(member, confirmed) {
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) confirmed.push(await member.ask("count"));
  })().catch(() => {}); // it was killed
  return () => {
    isStopped = true;
    return done;
  };
}

/** Kills the manager; the others, and the ns until the first and until the last of them has a new write confirmed. */
async function failOver(members) {
  const [manager, ...others] = await withManagerFirst(members);
  const start = nowNs();
  manager.kill();
  const ends = await Promise.all(others.map((member) => member.ask("writeOnce", { id: member.pid })));
  await manager.ended;
  return { others, first: Math.min(...ends) - start, last: Math.max(...ends) - start };
}

async function killAgainAndAgain(count, kills, path) {
  mkdirSync(path);
  let members = await startMembers(count, "storage", { path });
  const confirmed = [];
  const figures = { bare: [], first: [], last: [] };
  for (let kill = 0; kill < kills; kill++) {
    figures.bare.push(await noticeOfDeath(path));
    const stops = members.map((member) => keepCounting(member, confirmed));
    const { others, first, last } = await failOver(members);
    figures.first.push(first);
    figures.last.push(last);
    for (const stop of stops) await stop();
    members = [...others, await startMember("storage", { path })];
  }
  const total = await members[0].ask("total");
  await stopMembers(members);
  assert.ok(total >= Math.max(...confirmed), `expected nothing confirmed to be lost, got ${total}`);
  assert.equal(new Set(confirmed).size, confirmed.length, "expected no number to be confirmed twice");
  return { ...figures, confirmedCount: confirmed.length };
}

const FIRST = "cluster-storage, a new write of some member";
const LAST = "cluster-storage, a new write of every member";
const WORST = "cluster-storage, a new write of some member, the worst of all kills";

function tableOf(count, { bare, first, last }) {
  const rows = [
    { name: LIMIT, rounds: bare },
    { name: FIRST, rounds: first },
    { name: LAST, rounds: last },
    { name: WORST, rounds: [Math.max(...first)] },
  ];
  const targets = [
    { row: FIRST, atMost: 100e6 },
    { row: WORST, atMost: 500e6 },
  ];
  const title = `${count} members, killed ${first.length} times, until confirmed`;
  return { title, unit: "ns", limit: LIMIT, rows, targets: count === USUAL_MEMBERS ? targets : [] };
}

export const measure = ({ rounds }) =>
  withScratch(async (path) => {
    const byCount = new Map();
    for (const count of MEMBER_COUNTS)
      byCount.set(count, await killAgainAndAgain(count, rounds(KILLS[count]), join(path, `of${count}`)));
    const series = ["first", "last"].map((key, index) => ({
      name: [FIRST, LAST][index],
      points: [...byCount].map(([x, figures]) => ({ x, rounds: figures[key] })),
    }));
    const told = [...byCount.values()].reduce((sum, { confirmedCount }) => sum + confirmedCount, 0);
    return {
      tables: [...byCount].map(([count, figures]) => tableOf(count, figures)),
      curves: [{ title: "Failover by the number of members", x: "members", unit: "ns", series }],
      notes: [
        `${told.toLocaleString("en")} numbers were confirmed: none lost, none twice.`,
        `The package manager-process, which version 1 used: ${await electionOfManagerProcess()}.`,
      ],
    };
  });
