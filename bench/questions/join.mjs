/** How long it takes until a process has everything: joining others that run, and alone after all have ended. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowNs } from "../measure/compare.mjs";
import { bytesIn, readAllFiles } from "../measure/files.mjs";
import { Sized } from "../measure/growth.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { Member, startMember, startMembers, stopMembers } from "../members/members.mjs";

const ROUNDS = 3;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const LARGEST = 1_000_000;
const READ = "reading the files";
const PARSED = "JSON.parse of one file with all";
const JOIN = "cluster-storage, join";
const KILLED = "cluster-storage, alone after kill -9 of all";
const COLD = "cluster-storage, alone after all have closed";
const TIMES = [READ, PARSED, JOIN, KILLED, COLD];
const IDLE = "a process with nothing to do, meanwhile";
const BLOCKS = [IDLE, "cluster-storage, the joining member", "cluster-storage, the manager"];

export const title = "Join and cold start";
export const says =
  "Values of 100 bytes. A process that runs already opens the storage; timed from there until it has everything, then its keys are counted and 100 of them compared. Its longest block of the event loop is beside that of a process that has nothing to do in the same time. The limit is reading the files at once; beside it is what a store costs that keeps all its data in one file of JSON.";
export const packages = [];

/** Opens the storage in a new process, and checks what it has. */
async function openAnew(path, size) {
  const member = new Member("storage", { path });
  await member.ask("stopFilling"); // it runs
  const opened = await member.ask("openWatched");
  assert.equal(await member.ask("countKeys", {}), size);
  return { member, ...opened };
}

async function joinOnce(found, size, path, others) {
  const idle = await startMember("none");
  await Promise.all([idle, others[0]].map((member) => member.ask("startWatch")));
  const { member, ns, blockNs } = await openAnew(path, size);
  const [idleNs, managerNs] = await Promise.all([idle, others[0]].map((each) => each.ask("stopWatch")));
  await stopMembers([member, idle]);
  found.times.add(size, JOIN, ns);
  for (const [index, figure] of [idleNs, blockNs, managerNs].entries()) found.blocks.add(size, BLOCKS[index], figure);
}

function parsedOnce(found, size, path) {
  const file = join(path, "all.json");
  writeFileSync(
    file,
    JSON.stringify(Object.fromEntries(Array.from({ length: size }, (_, index) => [`key:${index}`, "x".repeat(98)]))),
  );
  const start = nowNs();
  const all = JSON.parse(readFileSync(file, "utf8"));
  found.times.add(size, PARSED, nowNs() - start);
  assert.equal(Object.keys(all).length, size);
  rmSync(file);
}

async function measureSize(found, size, path, rounds) {
  mkdirSync(path);
  const members = await startMembers(2, "storage", { path });
  await members[1].ask("fill", { count: size });
  for (let round = 0; round < rounds; round++) {
    found.times.add(size, READ, readAllFiles(join(path, "bench.db.d")));
    parsedOnce(found, size, path);
    await joinOnce(found, size, path, members);
  }
  const bytes = bytesIn(join(path, "bench.db.d"));
  for (const member of members) member.kill();
  await Promise.all(members.map((member) => member.ended));
  for (let round = 0; round < rounds; round++) {
    const { member, ns } = await openAnew(path, size);
    found.times.add(size, KILLED, ns);
    member.kill();
    await member.ended;
  }
  await stopMembers([(await openAnew(path, size)).member]);
  for (let round = 0; round < rounds; round++) {
    const { member, ns } = await openAnew(path, size);
    found.times.add(size, COLD, ns);
    await stopMembers([member]);
  }
  return bytes;
}

function tablesOf(found, size, bytes) {
  const name = size.toLocaleString("en");
  const isLargest = size === LARGEST;
  const megabytes = (bytes / 1e6).toFixed(1);
  return [
    {
      title: `Until everything is here: ${name} keys, ${megabytes} MB of files`,
      unit: "ns",
      limit: READ,
      rows: found.times.rows(size, TIMES),
      targets: isLargest ? [{ row: JOIN, atMost: 1e9 }] : [],
    },
    {
      title: `Longest block of the event loop while ${name} keys are joined`,
      unit: "ns",
      limit: IDLE,
      rows: found.blocks.rows(size, BLOCKS),
      targets: isLargest ? [{ row: BLOCKS[1], atMost: 20e6 }] : [],
    },
  ];
}

export const measure = ({ rounds, sizes }) =>
  withScratch(async (path) => {
    const found = { times: new Sized(), blocks: new Sized() };
    const tables = [];
    for (const size of sizes(SIZES)) {
      const bytes = await measureSize(found, size, join(path, `of${size}`), rounds(ROUNDS));
      tables.push(...tablesOf(found, size, bytes));
    }
    const x = "keys";
    return {
      tables,
      curves: [
        { title: "Until everything is here", x, unit: "ns", series: found.times.series(TIMES) },
        {
          title: "Longest block of the event loop while a member joins",
          x,
          unit: "ns",
          series: found.blocks.series(BLOCKS),
        },
      ],
    };
  });
