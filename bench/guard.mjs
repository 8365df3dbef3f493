/** The guard against losses of speed: the rows with a target that take less than a minute together, each beside its target. */

import { withScratch } from "./measure/scratch.mjs";
import { closeCaches, openMapAndLmdb } from "./peers/caches.mjs";
import { measureKeys, measurePaths } from "./questions/get.mjs";
import { measureSmall } from "./questions/set.mjs";
import { measureUsual } from "./questions/throughput.mjs";
import { showTable } from "./report/table.mjs";
import { describeTarget, GUARD_SHARE, shareReached } from "./report/targets.mjs";
import { Storage } from "./subject.mjs";

const ROUNDS = 15;

/** The rows of one process that have targets, with the rows that these name, and the throughput of 4 members. */
async function measureTables() {
  const inProcess = await withScratch(async (path) => {
    const storage = await Storage.open("bench", { path });
    const caches = await openMapAndLmdb(path);
    const tables = [
      await measureKeys(storage, caches, ROUNDS),
      await measurePaths(storage, ROUNDS),
      await measureSmall(storage, [], ROUNDS),
    ];
    await closeCaches(caches);
    await storage.close();
    return tables;
  });
  const throughput = await withScratch(measureUsual);
  return [...inProcess, throughput];
}

/** Prints the tables and the targets that were missed; true when none was. */
export async function guard() {
  const tables = await measureTables();
  for (const table of tables) console.log(showTable(table));
  const fallen = tables.flatMap((table) =>
    table.targets
      .map((target) => ({ table, target, share: shareReached(target, table) }))
      .filter(({ share }) => share !== null && share < GUARD_SHARE),
  );
  const percent = GUARD_SHARE * 100;
  for (const { table, target, share } of fallen) {
    const wanted = describeTarget(target, table.unit);
    console.log(`\nfallen back: "${table.title}" reaches ${Math.floor(share * 100)} % of ${wanted}`);
  }
  console.log(fallen.length === 0 ? `\nall rows reach ${percent} % of their targets or more` : "");
  return fallen.length === 0;
}
