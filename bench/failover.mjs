/** How long writes wait when the manager is killed: 8 members, SIGKILL, until the next write is confirmed. */

import { electionOfManagerProcess } from "./manager-process.mjs";
import { nowNs, quantile, scratchDirectory } from "./measure.mjs";
import { Member, startMembers, stopMembers } from "./members.mjs";
import { ms, printTable } from "./table.mjs";

const MEMBERS = 8;
const KILLS = 20;

/** Lets a member count on and on; what it was told is added to `confirmed`. Returns how to stop it. */
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

/** Kills the manager; returns ns until the first and until the last of the others has a new write confirmed. */
async function failOver(members) {
  const managerPid = await members[0].ask("managerPid");
  const manager = members.find((member) => member.pid === managerPid);
  const others = members.filter((member) => member !== manager);
  const start = nowNs();
  process.kill(managerPid, "SIGKILL");
  await manager.ended;
  const ends = await Promise.all(others.map((member) => member.ask("writeOnce", { id: member.pid })));
  return { others, first: Math.min(...ends) - start, last: Math.max(...ends) - start };
}

async function killAgainAndAgain(path) {
  let members = await startMembers(MEMBERS, "storage", { path });
  const confirmed = [];
  const firsts = [];
  const lasts = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const stops = members.map((member) => keepCounting(member, confirmed));
    const { others, first, last } = await failOver(members);
    firsts.push(first);
    lasts.push(last);
    for (const stop of stops) await stop();
    const next = new Member("storage", { path });
    await next.ask("open");
    members = [...others, next];
  }
  const total = await members[0].ask("total");
  await stopMembers(members);
  return { firsts, lasts, confirmed, total };
}

/** Numbers that were told twice, and confirmed counts that are not in the total. */
function describeCounts({ confirmed, total }) {
  const lost = Math.max(0, Math.max(...confirmed) - total);
  const unanswered = total - confirmed.length;
  return `${confirmed.length} confirmed: ${lost} lost, ${confirmed.length - new Set(confirmed).size} double; ${unanswered} unanswered`;
}

export async function measure() {
  const scratch = scratchDirectory();
  const figures = await killAgainAndAgain(scratch.path);
  await scratch.release();
  const row = (name, delays, target) => [name, ms(quantile(delays, 0.5)), ms(Math.max(...delays)), target];
  printTable(
    `Manager killed ${KILLS} times under load, ${MEMBERS} members`,
    ["until", "p50", "max", "target"],
    [
      row("a new write of some member is confirmed", figures.firsts, "p50 <= 100 ms, max <= 500 ms"),
      row("a new write of every member is confirmed", figures.lasts, ""),
      [`counts: ${describeCounts(figures)}`],
      [`the package manager-process: ${await electionOfManagerProcess()}`],
    ],
  );
}
