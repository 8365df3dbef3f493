/** What this machine can do at all: the limits that stand beside the figures of the other questions. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { compareRows } from "../measure/compare.mjs";
import { KEYS, SMALL } from "../measure/samples.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { bytesPerSecond, noticeOfDeath, roundTrips } from "../members/sockets.mjs";
import { quantile } from "../report/statistics.mjs";

const ROUNDS = 9;
const TRIPS = 400;
const TRANSFER_BYTES = 200_000_000;
const SYNCS_PER_ROUND = 10;

export const title = "The limits of this machine";
export const says =
  "Nothing of cluster-storage: what the parts cost that any such store is made of. One write appends 100 bytes to a file; one fdatasync follows such a write.";
export const packages = [];

function inProcess(path) {
  const map = new Map(KEYS.map((key) => [key, { key }]));
  const text = JSON.stringify(SMALL);
  const bytes = Buffer.alloc(100, "x");
  const file = openSync(join(path, "appended"), "a");
  let seen = 0;
  const repeated = (step) => (count) => {
    for (let index = 0; index < count; index++) seen += step(index);
  };
  const cases = [
    { name: "Map.get", run: repeated((index) => map.get(KEYS[index % 1_000]).key.length) },
    { name: `JSON.stringify of ${text.length} bytes`, run: repeated(() => JSON.stringify(SMALL).length) },
    { name: `JSON.parse of ${text.length} bytes`, run: repeated(() => JSON.parse(text).roles.length) },
    { name: "write of 100 bytes", run: repeated(() => writeSync(file, bytes)) },
    {
      name: "write and fdatasync",
      maxCount: SYNCS_PER_ROUND,
      run: repeated(() => {
        writeSync(file, bytes);
        fdatasyncSync(file);
        return 1;
      }),
      between: () => {},
    },
  ];
  const close = () => {
    closeSync(file);
    return seen;
  };
  return { cases, close };
}

async function betweenProcesses(path, rounds) {
  const halves = [];
  const tails = [];
  const deaths = [];
  const speeds = [];
  for (let round = 0; round < rounds; round++) {
    const trips = await roundTrips(path, TRIPS, 1);
    halves.push(quantile(trips, 0.5));
    tails.push(quantile(trips, 0.99));
    deaths.push(await noticeOfDeath(path));
    speeds.push(await bytesPerSecond(path, TRANSFER_BYTES));
  }
  const rows = [
    { name: "Unix socket, there and back, p50", rounds: halves },
    { name: "Unix socket, there and back, p99", rounds: tails },
    { name: "SIGKILL until a connected process knows", rounds: deaths },
  ];
  return [
    { title: "Between two processes", unit: "ns", rows },
    { title: "Between two processes, throughput", unit: "bytes/s", rows: [{ name: "Unix socket", rounds: speeds }] },
  ];
}

export const measure = ({ rounds }) =>
  withScratch(async (path) => {
    const { cases, close } = inProcess(path);
    const rows = await compareRows(cases, rounds(ROUNDS));
    close();
    return { tables: [{ title: "In one process", unit: "ns", rows }, ...(await betweenProcesses(path, rounds(5)))] };
  });
