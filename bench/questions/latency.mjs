/** How soon a write is visible in another process: idle, under load, and while another process makes trouble. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { askAll, startMembers, stopMembers, withManagerFirst } from "../members/members.mjs";
import { roundTrips, startSocket } from "../members/sockets.mjs";
import { NO_REDIS, withRedis } from "../peers/servers.mjs";
import { quantile } from "../report/statistics.mjs";

const ROUNDS = 3;
const MEMBERS = 4;
const BEATS = 800;
const PAUSE_MS = 2;
/** Confirmed writes of each member before the measuring, as an application that has been running for a while has made. */
const WARM_UP = 5_000;
/** What all members can write together is measured with so many writes; half of it is the load. */
const RACE_WRITES = 200_000;
const BLOCKED = { blockMs: 200, everyMs: 1_000 };
const BLOCK_BEATS = 1_200;

const LIMIT = "bare Unix socket, there and back";
const RELAYED = "bare sockets through a relay to 3 processes";
const IDLE = "cluster-storage, idle";
const PUBLISHED = "redis, published";

export const title = "Latency: from a write to its being visible elsewhere";
export const says =
  "4 members. One that is not the manager sets the time every 2 ms; another one, neither writer nor manager, takes the difference when the change reaches it; every beat must be counted on. Half load: the two others write half of what all can. Blocked: the manager's own event loop is busy for 200 ms of each second. Frozen: the fourth member is stopped by SIGSTOP, and must have everything when it goes on. Beside it: a message that is published through Redis; and a line that a process without any store passes on from a bare socket to three others, of which the second one takes the time.";
export const packages = ["redis"];

/** One run of beats; the delays until they were visible. */
async function delaysOf(writer, reader, count = BEATS) {
  await reader.ask("startBeats");
  await writer.ask("beat", { count, pauseMs: PAUSE_MS });
  for (const deadline = nowNs() + 30e9; ; await sleep(10)) {
    const { delays, lastIndex } = await reader.ask("delays");
    if (lastIndex === count - 1) {
      // Under load several beats may arrive in one turn, and only the last of them is seen.
      assert.ok(delays.length > count / 2, `expected ${count} beats to be seen, got ${delays.length}`);
      return delays;
    }
    if (nowNs() > deadline) throw new Error(`expected beat ${count - 1} to be seen, got ${lastIndex}`);
  }
}

async function writesPerSecond(members) {
  const counts = members.map(() => RACE_WRITES / members.length);
  const rates = [];
  for (let run = 1; run <= 2; run++) {
    const start = nowNs();
    await Promise.all(
      members.map((member, id) => member.ask("race", { id, counts, perTick: 100, isOneKey: false, run })),
    );
    rates.push((RACE_WRITES * 1e9) / (nowNs() - start));
  }
  return rates[1];
}

/** The load during a measurement: each has `begin` and `end`. */
function troubles([manager, writer, reader, fourth], perSecond) {
  const loads = [manager, fourth];
  const idle = { name: IDLE, begin: () => {}, end: () => {} };
  const half = {
    name: "cluster-storage, half load",
    begin: () =>
      Promise.all(
        loads.map((member, id) => member.ask("startWriting", { id, perSecond: perSecond / 2 / loads.length })),
      ),
    end: () => askAll(loads, "stopTrouble"),
  };
  const blocked = {
    name: "cluster-storage, manager's loop blocked",
    beats: BLOCK_BEATS,
    begin: () => manager.ask("startBlocking", BLOCKED),
    end: () => manager.ask("stopTrouble"),
  };
  const frozen = {
    name: "cluster-storage, one member frozen",
    begin: () => fourth.kill("SIGSTOP"),
    end: async () => {
      fourth.kill("SIGCONT");
      await fourth.ask("syncs", { count: 1 });
    },
  };
  return [idle, half, blocked, frozen].map((trouble) => ({
    ...trouble,
    run: async () => {
      await trouble.begin();
      try {
        return await delaysOf(writer, reader, trouble.beats);
      } finally {
        await trouble.end();
      }
    },
  }));
}

/** The same way without a store: the floor for whatever has one process that orders and three that see. */
async function startRelayedCase(path) {
  const relay = await startSocket("relay", path);
  const members = await startMembers(MEMBERS, "relayed", { address: relay.address });
  const [, writer, reader] = members;
  await reader.ask("listen");
  await delaysOf(writer, reader, WARM_UP / 2);
  const stop = async () => {
    await stopMembers(members);
    await relay.stop();
  };
  return { cases: [{ name: RELAYED, run: () => delaysOf(writer, reader) }], stop };
}

async function startRedisCase(server) {
  if (server === null) return { cases: [{ name: PUBLISHED, absent: NO_REDIS }], members: [] };
  const members = await startMembers(2, "redis", { address: server.address });
  await members[1].ask("listen");
  return { cases: [{ name: PUBLISHED, run: () => delaysOf(members[0], members[1]) }], members };
}

function rowsAt(share, name, cases, figures) {
  return cases.map((each) =>
    each.absent
      ? each
      : { name: `${each.name}, ${name}`, rounds: figures.get(each.name).map((all) => quantile(all, share)) },
  );
}

function tablesOf(cases, figures) {
  const half = rowsAt(0.5, "p50", cases, figures);
  const tail = rowsAt(0.99, "p99", cases, figures);
  const targets = [
    { row: `${IDLE}, p99`, atMost: 3, times: `${LIMIT}, p99` },
    { row: "cluster-storage, manager's loop blocked, p99", atMost: 2, times: `${IDLE}, p99` },
  ];
  return [
    {
      title: "Write to visible, the median",
      unit: "ns",
      limit: `${LIMIT}, p50`,
      rows: half,
      targets: [{ row: `${IDLE}, p50`, atMost: 1.5, times: `${LIMIT}, p50` }],
    },
    { title: "Write to visible, 99 of 100", unit: "ns", limit: `${LIMIT}, p99`, rows: tail, targets },
  ];
}

export const measure = ({ rounds }) =>
  withScratch((path) =>
    withRedis(path, async (server) => {
      const members = await withManagerFirst(await startMembers(MEMBERS, "storage", { path }));
      const redis = await startRedisCase(server);
      const relayed = await startRelayedCase(path);
      await Promise.all(members.map((member, id) => member.ask("warmUp", { id, count: WARM_UP })));
      await members[2].ask("listen");
      const rate = await writesPerSecond(members);
      const bare = { name: LIMIT, run: () => roundTrips(path, BEATS, PAUSE_MS) };
      const cases = [bare, ...relayed.cases, ...troubles(members, rate), ...redis.cases];
      const figures = new Map(cases.map(({ name }) => [name, []]));
      for (let round = 0; round < rounds(ROUNDS); round++) {
        for (const { name, run } of cases) if (run) figures.get(name).push(await run());
      }
      await stopMembers([...members, ...redis.members]);
      await relayed.stop();
      const notes = [`Half load was ${Math.round(rate / 2).toLocaleString("en")} writes/s.`];
      return { tables: tablesOf(cases, figures), notes };
    }),
  );
