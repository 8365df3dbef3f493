/** Whether memory and files grow while a storage is used but the amount of its data stays the same; extrapolated to a day. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { bytesIn } from "../measure/files.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { askAll, startMembers, stopMembers, withManagerFirst } from "../members/members.mjs";
import { fitLine } from "../report/statistics.mjs";

const MEMBERS = 3;
const WRITES_PER_SECOND = 10_000;
const SAMPLES = 24;
const SAMPLE_MS = 1_000;
/** The first samples, of a storage that is still warming up, do not count. */
const WARM_UP_SHARE = 1 / 3;
const DAY_S = 86_400;

export const title = "Growth in a day, by calculation";
export const says =
  "3 members; one overwrites the same 1,000 keys, 10,000 times a second. Memory (heap and external, after a garbage collection) and the bytes of the files are taken every second; the line that is nearest to the later two thirds says how they grow, and what that would be in 24 hours. The campaign soak is what measures it over hours.";
export const packages = [];

async function sample(members, directory) {
  const bytes = await askAll(members, "usedBytes");
  return { s: nowNs() / 1e9, bytes: [...bytes, bytesIn(directory)] };
}

export const measure = ({ count }) =>
  withScratch(async (path) => {
    const started = await startMembers(MEMBERS, "storage", { path, execArgv: ["--expose-gc"] });
    const members = await withManagerFirst(started);
    const writer = members[1];
    await writer.ask("startWriting", { perSecond: WRITES_PER_SECOND, id: 0 });
    const samples = [];
    for (let index = 0; index < Math.max(6, count(SAMPLES)); index++) {
      await sleep(SAMPLE_MS);
      samples.push(await sample(members, join(path, "bench.db.d")));
    }
    const written = await writer.ask("stopTrouble");
    await stopMembers(members);
    const later = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
    const names = ["the manager", "the writer", "another member", "the files"].map(
      (name) => `cluster-storage, ${name}`,
    );
    const slopes = names.map((_, index) => fitLine(later.map(({ s, bytes }) => ({ x: s, y: bytes[index] }))).slope);
    const inUse = names.map((name, index) => ({ name, rounds: later.map(({ bytes }) => bytes[index]) }));
    const inADay = names.slice(0, MEMBERS).map((name, index) => ({ name, rounds: [slopes[index] * DAY_S] }));
    return {
      tables: [
        { title: "In use", unit: "bytes", rows: inUse },
        { title: "Growth in 24 hours, by calculation", unit: "bytes", rows: inADay },
      ],
      notes: [
        `${written.toLocaleString("en")} writes in ${samples.length} s. The files go up and down with each compaction, between the snapshot and 16 MiB more than two of it, so no line is drawn through them.`,
      ],
    };
  });
