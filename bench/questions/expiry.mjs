/** How long event loops are blocked when many keys expire at once. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { Sized } from "../measure/growth.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { askAll, startMember, startMembers, stopMembers } from "../members/members.mjs";

const ROUNDS = 3;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
/** Time between two sweeps, in ms. */
const SWEEP_MS = 500;
/** Time to write one key, in ms, at most, and what is added to that; where that was too short, it is twice as long from then on. */
const WRITE_MS = 0.01;
const TRIES = 5;
const MARGIN_MS = 1_500;
const PATIENCE_MS = 120_000;
const IDLE = "a process with nothing to do, meanwhile";
const MAP = "Map.delete of as many keys at once";
const BLOCKS = [
  IDLE,
  MAP,
  "cluster-storage, the manager",
  "cluster-storage, another member",
  "cluster-storage, one that listens to expire",
];
const DROPPED = "cluster-storage, until all is dropped";

export const title = "Expiry of many keys at once";
export const says =
  "All keys have values of 100 bytes and expire at the same moment; the storage sweeps every 500 ms. Each event loop is watched from shortly before that moment until the member that listens has got the event of every key, and then no key may be left. Beside it: deleting as many keys of a Map in one go, and a process with nothing to do.";
export const packages = [];

function deletedAtOnce(size) {
  const map = new Map(Array.from({ length: size }, (_, index) => [`key:${index}`, { value: `value ${index}` }]));
  const start = nowNs();
  for (const key of map.keys()) map.delete(key);
  return nowNs() - start;
}

async function untilExpired(listener, size) {
  for (const deadline = nowNs() + PATIENCE_MS * 1e6; ; await sleep(20)) {
    const count = await listener.ask("expiredCount");
    if (count >= size) return;
    if (nowNs() > deadline) throw new Error(`expected ${size} keys to expire, got ${count}`);
  }
}

/** Opens a storage for a while: three members that are watched, one that writes, and a process that does nothing. */
async function withMembers(path, run) {
  mkdirSync(path);
  const options = { gcInterval: SWEEP_MS };
  const members = await startMembers(4, "storage", { path, options });
  const idle = await startMember("none");
  try {
    return await run([idle, ...members]);
  } finally {
    await stopMembers([...members, idle]);
  }
}

/** Whether all keys were there before they expired; then the figures are taken. */
async function expireOnce(found, size, writeMs, [idle, manager, other, listener, writer]) {
  await listener.ask("countExpired");
  const expiresAt = Date.now() + Math.ceil(size * writeMs) + MARGIN_MS;
  await writer.ask("fill", { count: size, expiresAt });
  await other.ask("syncs", { count: 1 });
  const left = expiresAt - Date.now();
  if (left < 200 || (await other.ask("size")) !== size) return false;
  await sleep(left - 100);
  const watched = [idle, manager, other, listener];
  await askAll(watched, "startWatch");
  await untilExpired(listener, size);
  const droppedNs = (Date.now() - expiresAt) * 1e6;
  const [idleNs, ...blocks] = await askAll(watched, "stopWatch");
  assert.deepEqual(await askAll([manager, other, listener], "size"), [0, 0, 0]);
  for (const [index, figure] of [idleNs, deletedAtOnce(size), ...blocks].entries())
    found.blocks.add(size, BLOCKS[index], figure);
  found.times.add(size, DROPPED, droppedNs);
  return true;
}

async function measureOnce(found, size, path) {
  for (let tries = 0; tries < TRIES; tries++) {
    const run = (members) => expireOnce(found, size, found.writeMs, members);
    if (await withMembers(`${path}-${tries}`, run)) return;
    found.writeMs *= 2;
  }
  throw new Error(`expected ${size} keys to be written before they expire`);
}

export const measure = ({ rounds, sizes }) =>
  withScratch(async (path) => {
    const found = { times: new Sized(), blocks: new Sized(), writeMs: WRITE_MS };
    for (const size of sizes(SIZES)) {
      for (let round = 0; round < rounds(ROUNDS); round++)
        await measureOnce(found, size, join(path, `${size}-${round}`));
    }
    const tables = found.blocks.sizes.flatMap((size) => [
      {
        title: `Longest block of the event loop while ${size.toLocaleString("en")} keys expire`,
        unit: "ns",
        limit: IDLE,
        rows: found.blocks.rows(size, BLOCKS),
      },
      {
        title: `From the moment of expiry of ${size.toLocaleString("en")} keys`,
        unit: "ns",
        rows: found.times.rows(size, [DROPPED]),
      },
    ]);
    const x = "keys that expire";
    const curves = [
      { title: "Longest block of the event loop at expiry", x, unit: "ns", series: found.blocks.series(BLOCKS) },
      { title: "Until all is dropped", x, unit: "ns", series: found.times.series([DROPPED]) },
    ];
    return { tables, curves };
  });
