/** How long a compaction takes, and how long it blocks the event loops of the members. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { filesIn, writtenAnew } from "../measure/files.mjs";
import { Sized } from "../measure/growth.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { askAll, startMember, startMembers, stopMembers } from "../members/members.mjs";

const ROUNDS = 3;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const LARGEST = 1_000_000;
const POLL_MS = 1;
const PATIENCE_MS = 120_000;
const WRITTEN = "writing the snapshot's bytes and fsync";
const DURATION = "cluster-storage, compaction";
const IDLE = "a process with nothing to do, meanwhile";
const MANAGER = "cluster-storage, the manager";
const OTHER = "cluster-storage, another member";
const BLOCKS = [IDLE, MANAGER, OTHER];

export const title = "Compaction";
export const says =
  "A third member writes values of 100 bytes again and again until the manager begins to compact, and then stops. Timed from the first sight of the temporary file until the new snapshot has its name, as another process sees the directory every ms; meanwhile each event loop is watched. Then all keys are counted and 100 compared. The limit is writing as many bytes to a new file.";
export const packages = [];

const snapshots = (directory) => filesIn(directory).filter(({ name }) => name.startsWith("snapshot."));
const isCompacting = (directory) =>
  filesIn(directory).some(({ name, bytes }) => name.startsWith("tmp.") && bytes > 1_000);

async function until(isSo, what) {
  for (const deadline = nowNs() + PATIENCE_MS * 1e6; !isSo(); await sleep(POLL_MS)) {
    if (nowNs() > deadline) throw new Error(`expected ${what}`);
  }
  return nowNs();
}

/** Lets the writer go on until a compaction begins, and watches that one. */
async function compactOnce(found, size, directory, { manager, other, writer, idle }, round) {
  const before = snapshots(directory)
    .map(({ name }) => name)
    .join();
  // The keys again and again, so that a small storage grows out of its log too.
  let isOver = false;
  const written = (async () => {
    while (!isOver) await writer.ask("fill", { count: size, from: round });
  })();
  const begin = await until(
    () =>
      isCompacting(directory) ||
      snapshots(directory)
        .map(({ name }) => name)
        .join() !== before,
    "a compaction",
  );
  const watched = [idle, manager, other];
  await askAll(watched, "startWatch");
  isOver = true;
  await writer.ask("stopFilling");
  const end = await until(
    () =>
      snapshots(directory).length > 0 &&
      snapshots(directory)
        .map(({ name }) => name)
        .join() !== before,
    "a snapshot",
  );
  const blocks = await askAll(watched, "stopWatch");
  await written;
  found.times.add(size, DURATION, end - begin);
  found.times.add(
    size,
    WRITTEN,
    writtenAnew(directory.replace(/bench\.db\.d$/, ""), Math.max(...snapshots(directory).map(({ bytes }) => bytes))),
  );
  for (const [index, figure] of blocks.entries()) found.blocks.add(size, BLOCKS[index], figure);
  await writer.ask("fill", { count: size, from: round });
  assert.equal(await other.ask("countKeys", { from: round }), size);
}

async function measureSize(found, size, path, rounds) {
  mkdirSync(path);
  const directory = join(path, "bench.db.d");
  const [manager, other, writer] = await startMembers(3, "storage", { path });
  const idle = await startMember("none");
  await writer.ask("fill", { count: size });
  await until(() => !isCompacting(directory), "the compaction of the first writes to end");
  for (let round = 1; round <= rounds; round++) {
    await compactOnce(found, size, directory, { manager, other, writer, idle }, round);
    await until(() => !isCompacting(directory), "the compaction to end");
  }
  await stopMembers([manager, other, writer, idle]);
}

function tablesOf(found, size) {
  const name = size.toLocaleString("en");
  const isLargest = size === LARGEST;
  const targets = [MANAGER, OTHER].map((row) => ({ row, atMost: 10e6 }));
  return [
    {
      title: `Compaction of ${name} keys`,
      unit: "ns",
      limit: WRITTEN,
      rows: found.times.rows(size, [WRITTEN, DURATION]),
    },
    {
      title: `Longest block of the event loop while ${name} keys are compacted`,
      unit: "ns",
      limit: IDLE,
      rows: found.blocks.rows(size, BLOCKS),
      targets: isLargest ? targets : [],
    },
  ];
}

export const measure = ({ rounds, sizes }) =>
  withScratch(async (path) => {
    const found = { times: new Sized(), blocks: new Sized() };
    for (const size of sizes(SIZES)) await measureSize(found, size, join(path, `of${size}`), rounds(ROUNDS));
    const x = "keys";
    return {
      tables: found.times.sizes.flatMap((size) => tablesOf(found, size)),
      curves: [
        { title: "Duration of a compaction", x, unit: "ns", series: found.times.series([WRITTEN, DURATION]) },
        {
          title: "Longest block of the event loop during a compaction",
          x,
          unit: "ns",
          series: found.blocks.series(BLOCKS),
        },
      ],
    };
  });
